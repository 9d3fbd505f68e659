package store

import (
	"context"
	"database/sql"
	"fmt"

	"gatepost/mailbox"
)

// The log of expunges says what is gone since a MODSEQ. It would grow for ever, so the
// oldest of it is removed now and then, and the folder's row keeps the MODSEQ up to which
// it may have holes, its floor. Who asks for what happened since an earlier one is told
// what is there instead (RFC 7162 §3.2.6, §5.3).

// ThinExpunged cuts the log of each folder down to its last expunges, about keep of them: those of
// one change stay or go together. It is to be called about once a day.
func (m Mailboxes) ThinExpunged(ctx context.Context, keep int) error {
	for after := int64(0); ; {
		page, err := m.longLogs(ctx, after, keep)
		if err != nil {
			return fmt.Errorf("store: thin log of expunges: %w", err)
		}
		for _, f := range page {
			if f.cut > 0 {
				if err := m.thinLog(ctx, f.id, f.cut); err != nil {
					return fmt.Errorf("store: thin log of expunges of folder %d: %w", f.id, err)
				}
			}
			after = f.id
		}
		if len(page) < chunk {
			return nil
		}
	}
}

// A logged is a folder, and up to where its log is to be cut; 0 where it is short.
type logged struct {
	id  int64
	cut mailbox.ModSeq
}

func (m Mailboxes) longLogs(ctx context.Context, after int64, keep int) (page []logged, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		page = nil
		rows, err := tx.Query(`SELECT f.id, f.expunged_floor, COALESCE((SELECT e.modseq FROM mailbox_expunged e WHERE e.folder = f.id ORDER BY e.modseq DESC LIMIT 1 OFFSET ?), 0)
			FROM mailbox_folder f WHERE f.id > ? ORDER BY f.id LIMIT ?`, keep, after, chunk)
		return each(rows, err, func(rows *sql.Rows) error {
			var f logged
			var floor mailbox.ModSeq
			err := rows.Scan(&f.id, &floor, &f.cut)
			f.cut = max(f.cut, floor) // what an interruption left
			page = append(page, f)
			return err
		})
	})
	return page, err
}

// thinLog raises the floor first: what is removed after that nobody relies on.
func (m Mailboxes) thinLog(ctx context.Context, folder int64, cut mailbox.ModSeq) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBoxOf(tx, folder); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE mailbox_folder SET expunged_floor = ? WHERE id = ? AND expunged_floor < ?`, cut, folder, cut)
		return err
	})
	if err != nil {
		return err
	}
	return m.untilDone(ctx, func(tx *Tx) (done bool, err error) {
		r, err := tx.Exec(`DELETE FROM mailbox_expunged WHERE folder = ? AND modseq <= ? AND uid IN
			(SELECT uid FROM mailbox_expunged WHERE folder = ? AND modseq <= ? ORDER BY modseq, uid LIMIT ?)`, folder, cut, folder, cut, 10*chunk)
		if err != nil {
			return false, err
		}
		n, err := r.RowsAffected()
		return n == 0, err
	})
}

// present are the UIDs that are in a folder.
func present(tx *Tx, box, folder int64, use mailbox.Use) (set mailbox.UIDSet, err error) {
	if use == mailbox.Quarantine {
		err = eachHeldEntry(tx, box, 0, func(e mailbox.Entry) { set = set.Add(e.UID) })
		return set, err
	}
	rows, err := tx.Query(`SELECT uid FROM mailbox_message WHERE folder = ? ORDER BY uid`, folder)
	err = each(rows, err, func(r *sql.Rows) error {
		var u mailbox.UID
		err := r.Scan(&u)
		set = set.Add(u)
		return err
	})
	return set, err
}
