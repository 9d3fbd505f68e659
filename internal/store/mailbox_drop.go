package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gatepost/quarantine"
)

// drop is the end of a box, in order: references first, while they can be counted.
var drop = [...]string{
	`UPDATE blob SET refs = refs - c.n
		FROM (SELECT blob AS id, COUNT(*) AS n FROM mailbox_email WHERE box = ? GROUP BY blob) AS c WHERE blob.id = c.id`,
	`DELETE FROM mailbox_message WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
	`DELETE FROM mailbox_expunged WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
	`DELETE FROM mailbox_email WHERE box = ?`,
	`DELETE FROM mailbox_folder WHERE box = ?`,
	`DELETE FROM mailbox_subscription WHERE box = ?`,
	`DELETE FROM mailbox_box WHERE box = ?`,
}

// dropContents are the contents to which fewer will refer.
const dropContents = `SELECT id FROM blob WHERE id IN (SELECT blob FROM mailbox_email WHERE box = ? UNION SELECT blob FROM held WHERE box = ?) ORDER BY id`

// DropBox removes a box with all its folders and messages, and gives up what is
// held for it. The box must get no new mail any more.
func (m Mailboxes) DropBox(ctx context.Context, box int64, now time.Time) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := dropHeld(tx, box, now); err != nil {
			return err
		}
		if err := lockBox(tx, box); err != nil {
			return err
		}
		if err := tx.lock(dropContents, box, box); err != nil {
			return err
		}
		for _, query := range drop {
			if _, err := tx.Exec(query, box); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: drop box %d: %w", box, err)
	}
	return nil
}

// dropHeld ends the holds of a box whose owner is gone.
func dropHeld(tx *Tx, box int64, now time.Time) error {
	var ids []string
	rows, err := tx.Query(`SELECT id FROM held WHERE box = ? AND state = ? ORDER BY id`+tx.speaks.forUpdate, box, quarantine.StateHeld)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := settleHeld(tx, id, quarantine.Act{Who: "mailbox removed", What: quarantine.StateDeleted, When: now}); err != nil {
			return err
		}
	}
	return nil
}
