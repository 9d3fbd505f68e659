package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gatepost/mailbox"
)

// Index calls add for every message of the folder.
func (m Mailboxes) Index(ctx context.Context, folder int64, add func(mailbox.Entry)) (f mailbox.Folder, err error) {
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		if f, err = folderByID(tx, folder); err != nil {
			return err
		}
		if f.Use == mailbox.Quarantine {
			return eachHeldEntry(tx, f.Box, 0, add)
		}
		return eachEntry(tx, add, `SELECT uid, modseq, flags, keywords FROM mailbox_message WHERE folder = ? ORDER BY uid`, folder)
	})
	if err != nil {
		return f, fmt.Errorf("store: index folder %d: %w", folder, err)
	}
	return f, nil
}

func eachEntry(tx *Tx, add func(mailbox.Entry), query string, args ...any) error {
	var e mailbox.Entry
	rows, err := tx.Query(query, args...)
	return each(rows, err, func(r *sql.Rows) error {
		if err := r.Scan(&e.UID, &e.ModSeq, &e.Flags.System, &e.Flags.Keywords); err != nil {
			return err
		}
		add(e)
		return nil
	})
}

// Since returns what happened in the folder after a ModSeq.
func (m Mailboxes) Since(ctx context.Context, folder int64, after mailbox.ModSeq) (d mailbox.Delta, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		d, err = since(tx, folder, after)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("store: changes of folder %d: %w", folder, err)
	}
	return d, nil
}

func since(tx *Tx, folder int64, after mailbox.ModSeq) (d mailbox.Delta, err error) {
	var box int64
	var use mailbox.Use
	var floor mailbox.ModSeq
	err = tx.Row(`SELECT modseq, uidnext, box, special_use, expunged_floor, messages FROM mailbox_folder WHERE id = ?`, []any{folder}, &d.HighestModSeq, &d.UIDNext, &box, &use, &floor, &d.Messages)
	if err != nil || d.HighestModSeq <= after {
		return d, noFolder(err)
	}
	add := func(e mailbox.Entry) { d.Changed = append(d.Changed, e) }
	if use == mailbox.Quarantine {
		err = eachHeldEntry(tx, box, after, add)
	} else {
		err = eachEntry(tx, add, `SELECT uid, modseq, flags, keywords FROM mailbox_message WHERE folder = ? AND modseq > ? ORDER BY uid`, folder, after)
	}
	if err != nil {
		return d, err
	}
	if after < floor {
		d.Present, err = present(tx, box, folder, use)
		d.Forgot = true
		return d, err
	}
	rows, err := tx.Query(`SELECT uid FROM mailbox_expunged WHERE folder = ? AND modseq > ?`, folder, after)
	err = each(rows, err, func(r *sql.Rows) error {
		var u mailbox.UID
		err := r.Scan(&u)
		d.Expunged = append(d.Expunged, u)
		return err
	})
	slices.Sort(d.Expunged)
	return d, err
}

const (
	rowColumns = `m.uid, m.modseq, m.flags, m.keywords, m.internal_date, m.size, m.email, m.saved`
	selectRow  = `SELECT ` + rowColumns + ` FROM mailbox_message m WHERE m.folder = ? AND m.uid BETWEEN ? AND ? ORDER BY m.uid`
	// The box stands before the join so that each email is found by its whole key.
	selectWhole = `SELECT ` + rowColumns + `, e.blob, e.prefix, e.skip, e.envelope, e.structure, COALESCE(e.preview, ''), e.preview IS NOT NULL
	FROM mailbox_message m JOIN mailbox_email e ON e.box = ? AND e.id = m.email WHERE m.folder = ? AND m.uid BETWEEN ? AND ? ORDER BY m.uid`
)

// Messages returns the messages of set that are there.
func (m Mailboxes) Messages(ctx context.Context, folder int64, set mailbox.UIDSet, part mailbox.Part) (all []mailbox.Message, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		box, use, err := boxAndUse(tx, folder)
		if err != nil {
			return err
		}
		for _, r := range set {
			if use == mailbox.Quarantine {
				all, err = heldMessages(tx, all, box, r)
			} else {
				all, err = messages(tx, all, box, folder, r, part)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: messages of folder %d: %w", folder, err)
	}
	return all, nil
}

func messages(tx *Tx, all []mailbox.Message, box, folder int64, r mailbox.Range, part mailbox.Part) ([]mailbox.Message, error) {
	query, args := selectRow, []any{folder, r.First, r.Last}
	if part == mailbox.Whole {
		query, args = selectWhole, append([]any{box}, args...)
	}
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var m mailbox.Message
		var date, saved int64
		fields := []any{&m.UID, &m.ModSeq, &m.Flags.System, &m.Flags.Keywords, &date, &m.Size, &m.EmailID, &saved,
			&m.Blob, &m.View.Prefix, &m.View.Skip, &m.Envelope, &m.BodyStructure, &m.Preview, &m.Previewed}
		if part != mailbox.Whole {
			fields = fields[:8]
		}
		err := rows.Scan(fields...)
		m.InternalDate = time.UnixMicro(date).UTC()
		if saved > 0 {
			m.Saved = time.UnixMicro(saved).UTC()
		}
		all = append(all, m)
		return err
	})
	return all, err
}

func boxAndUse(tx *Tx, folder int64) (box int64, use mailbox.Use, err error) {
	err = tx.Row(`SELECT box, special_use FROM mailbox_folder WHERE id = ?`, []any{folder}, &box, &use)
	return box, use, noFolder(err)
}
