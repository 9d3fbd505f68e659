package store

import (
	"context"
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

// DropBox removes a box with all its folders and messages, and gives up what is
// held for it. The box must get no new mail any more.
func (m Mailboxes) DropBox(ctx context.Context, box int64, now time.Time) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		for _, query := range drop {
			if _, err := tx.Exec(query, box); err != nil {
				return err
			}
		}
		return dropHeld(tx, box, now)
	})
	if err != nil {
		return fmt.Errorf("store: drop box %d: %w", box, err)
	}
	return nil
}

// dropHeld ends the holds of a box whose owner is gone.
func dropHeld(tx *Tx, box int64, now time.Time) error {
	var ids []string
	rows, err := tx.Query(`SELECT id FROM held WHERE box = ? AND state = ?`, box, quarantine.StateHeld)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	for _, id := range ids {
		if err := settleHeld(tx, id, quarantine.Act{Who: "mailbox removed", What: quarantine.StateDeleted, When: now}); err != nil {
			return err
		}
	}
	return nil
}
