package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/collector"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// drop is the end of a box, in order: references first, while they can be counted.
var drop = [...]string{
	`UPDATE blob SET refs = refs - c.n
		FROM (SELECT blob AS id, COUNT(*) AS n FROM mailbox_email WHERE box = ? GROUP BY blob) AS c WHERE blob.id = c.id`,
	`DELETE FROM mailbox_message WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
	`DELETE FROM mailbox_page WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
	`DELETE FROM mailbox_noted WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
	`DELETE FROM mailbox_expunged WHERE folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`,
	`DELETE FROM mailbox_deleted WHERE box = ?`,
	`DELETE FROM mailbox_email WHERE box = ?`,
	`DELETE FROM mailbox_warning WHERE box = ?`,
	`DELETE FROM mailbox_listing_move WHERE box = ?`,
	`DELETE FROM mailbox_folder WHERE box = ?`,
	`DELETE FROM mailbox_subscription WHERE box = ?`,
	`DELETE FROM sieve_script WHERE box = ?`,
	`DELETE FROM sieve_box WHERE box = ?`,
	`DELETE FROM sieve_memory WHERE box = ?`,
	`DELETE FROM mailbox_home WHERE box = ?`,
	dropTexts[0], dropTexts[1], dropTexts[2], dropTexts[3],
	`DELETE FROM mailbox_box WHERE box = ?`,
}

// dropContents are the contents to which fewer will refer.
const dropContents = `SELECT id FROM blob WHERE id IN (SELECT blob FROM mailbox_email WHERE box = ?) ORDER BY id`

// dropHolds is how many holds of a box one commit ends: mail waits for it.
const dropHolds = 200

// DropBox removes a box with all its folders and messages, and gives up what is
// held for it. The box must get no new mail any more. It takes a commit for each few
// hundred of them: where it is interrupted SweepBoxes goes on.
func (m Mailboxes) DropBox(ctx context.Context, box int64, now time.Time) error {
	if err := m.dropBox(ctx, box, now); err != nil {
		return fmt.Errorf("store: drop box %d: %w", box, err)
	}
	return nil
}

func (m Mailboxes) dropBox(ctx context.Context, box int64, now time.Time) error {
	err := m.untilDone(ctx, func(tx *Tx) (bool, error) { return dropHeld(tx, box, now) })
	if err != nil {
		return err
	}
	var folders []int64
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		folders, err = tx.numbers(`SELECT id FROM mailbox_folder WHERE box = ? ORDER BY id`, box)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range folders {
		err := m.untilDone(ctx, func(tx *Tx) (bool, error) { return dropMessages(tx, box, f) })
		if err != nil {
			return err
		}
	}
	err = m.untilDone(ctx, func(tx *Tx) (bool, error) {
		return forget(tx, `SELECT box, email, size, time FROM mailbox_deleted WHERE box = ? ORDER BY email LIMIT ?`, box, chunk)
	})
	if err != nil {
		return err
	}
	if err := m.db.Update(ctx, func(tx *Tx) error { return dropCollectors(tx, box) }); err != nil {
		return err
	}
	return m.db.Update(ctx, func(tx *Tx) error { return dropRows(tx, box) })
}

// dropCollectors removes a box's accounts elsewhere. The collector would do so as it visits them, but who is paused is never visited,
// and his password would stay.
func dropCollectors(tx *Tx, box int64) error {
	ids, err := tx.numbers(`SELECT id FROM collector WHERE box = ? ORDER BY id`, box)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := removeCollector(tx, id); err != nil && !errors.Is(err, collector.ErrUnknown) { // the collector was faster
			return err
		}
	}
	return nil
}

// dropRows removes what is left of a box, also what came into it meanwhile.
func dropRows(tx *Tx, box int64) error {
	if err := lockBox(tx, box); err != nil {
		return err
	}
	if err := tx.lock(dropContents, box); err != nil {
		return err
	}
	var late tally
	err := tx.Row(`SELECT messages, bytes FROM mailbox_box WHERE box = ?`, []any{box}, &late.messages, &late.bytes)
	if orNothing(err) != nil {
		return err
	}
	if err := touchBox(tx, box, late.negative()); err != nil {
		return err
	}
	if err := forgetBox(tx, box); err != nil {
		return err
	}
	for _, query := range drop {
		if _, err := tx.Exec(query, box); err != nil {
			return err
		}
	}
	return nil
}

// untilDone runs f in a commit of its own again and again, until it has nothing left.
func (m Mailboxes) untilDone(ctx context.Context, f func(*Tx) (done bool, err error)) error {
	for done := false; !done; {
		err := m.db.Update(ctx, func(tx *Tx) (err error) {
			done, err = f(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// numbers returns the one column of a query.
func (t *Tx) numbers(query string, args ...any) (list []int64, err error) {
	rows, err := t.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		list = append(list, n)
		return err
	})
	return list, err
}

// dropHeld ends the first holds of a box whose owner is gone.
func dropHeld(tx *Tx, box int64, now time.Time) (done bool, err error) {
	var ids []string
	rows, err := tx.Query(`SELECT id FROM held WHERE box = ? AND state = ? ORDER BY id LIMIT ?`+tx.speaks.forUpdate, box, quarantine.StateHeld, dropHolds)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := settleHeld(tx, id, quarantine.Act{Who: "mailbox removed", What: quarantine.StateDeleted, When: now}); err != nil {
			return false, err
		}
	}
	return len(ids) == 0, nil
}

// dropMessages removes the first messages of a folder. An email that is missing is no
// reason to keep its message.
func dropMessages(tx *Tx, box, folder int64) (done bool, err error) {
	if err := lockBox(tx, box); err != nil {
		return false, err
	}
	found, _, err := take(tx, folder, mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}, selectEntries)
	if len(found) == 0 || err != nil {
		return true, err
	}
	var t tally
	for _, v := range found {
		if err := unrefEmail(tx, box, v.email); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return false, err
		}
		t.count(1, v.Flags.System, v.size)
	}
	_, err = tx.Exec(`DELETE FROM mailbox_message WHERE folder = ? AND uid <= ?`, folder, found[len(found)-1].UID)
	if err != nil {
		return false, err
	}
	if err := dropPages(tx, folder, mailbox.Range{First: 1, Last: found[len(found)-1].UID}); err != nil {
		return false, err
	}
	seq, err := nextModSeq(tx, box)
	if err != nil {
		return false, err
	}
	if err := touchBox(tx, box, t.negative()); err != nil {
		return false, err
	}
	return false, touchFolder(tx, folder, seq, t.negative())
}

// SweepBoxes drops the boxes that no mailbox has any more: what is left where DropBox
// was interrupted.
func (m Mailboxes) SweepBoxes(ctx context.Context, now time.Time) error {
	var boxes []int64
	err := m.db.View(ctx, func(tx *Tx) (err error) {
		boxes, err = tx.numbers(`SELECT box FROM (SELECT box FROM mailbox_box UNION SELECT box FROM sieve_box) AS known
			WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE id = box) ORDER BY box`)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: sweep boxes: %w", err)
	}
	for _, box := range boxes {
		err = errors.Join(err, m.DropBox(ctx, box, now))
	}
	return err
}
