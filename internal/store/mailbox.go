package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"gatepost/mailbox"
)

// Mailboxes is the mailstore: it implements the interfaces of package mailbox.
type Mailboxes struct{ db *DB }

var _ interface {
	mailbox.Boxes
	mailbox.Folders
	mailbox.FolderEditor
	mailbox.Held
	mailbox.Subscriptions
	mailbox.Reader
	mailbox.Writer
	mailbox.Copier
	mailbox.Historian
	mailbox.Keeper
	mailbox.ListingMover
	mailbox.Gauge
	mailbox.TextFinder
	mailbox.TextRows
} = Mailboxes{}

// Mailboxes returns the store's mailstore.
func (db *DB) Mailboxes() Mailboxes { return Mailboxes{db} }

// OpenBox makes the box's standard folders where it has none yet, and more of these names. All of them, and what is
// above them, are subscribed.
func (m Mailboxes) OpenBox(ctx context.Context, box int64, lang string, now time.Time, more ...string) error {
	known := false
	err := m.db.look(ctx, func(tx *Tx) (err error) {
		known, err = hasBox(tx, box)
		return err
	})
	if err == nil && !known {
		err = m.db.Update(ctx, func(tx *Tx) error { return putBox(tx, box, lang, now, more...) })
	}
	if err != nil {
		return fmt.Errorf("store: open box %d: %w", box, err)
	}
	return nil
}

// Usage returns what the box takes up.
func (m Mailboxes) Usage(ctx context.Context, box int64) (u mailbox.Usage, err error) {
	err = m.db.look(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT messages, bytes FROM mailbox_box WHERE box = ?`, []any{box}, &u.Messages, &u.Bytes)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return mailbox.Usage{}, nil
	}
	if err != nil {
		return u, fmt.Errorf("store: usage of box %d: %w", box, err)
	}
	return u, nil
}

// Latest implements mailbox.Historian.
func (m Mailboxes) Latest(ctx context.Context, boxes []int64) (map[int64]mailbox.ModSeq, error) {
	all := make(map[int64]mailbox.ModSeq, len(boxes))
	for part := range slices.Chunk(boxes, chunk) {
		args := make([]any, 1<<bits.Len(uint(len(part)-1))) // few texts
		for i := range args {
			args[i] = part[min(i, len(part)-1)]
		}
		err := m.db.look(ctx, func(tx *Tx) error {
			rows, err := tx.Query(`SELECT box, modseq FROM mailbox_box WHERE box IN (`+marks(len(args))+`)`, args...)
			return each(rows, err, func(rows *sql.Rows) error {
				var box int64
				var seq mailbox.ModSeq
				err := rows.Scan(&box, &seq)
				all[box] = seq
				return err
			})
		})
		if err != nil {
			return nil, fmt.Errorf("store: history of %d boxes: %w", len(boxes), err)
		}
	}
	return all, nil
}

func hasBox(tx *Tx, box int64) (bool, error) {
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM mailbox_box WHERE box = ?`, []any{box}, &n)
	return n > 0, err
}

// putBox makes a box with its standard folders, subscribed, where it is not there.
// UIDVALIDITY starts at the time, so that a box made anew never repeats one.
func putBox(tx *Tx, box int64, lang string, now time.Time, more ...string) error {
	if known, err := hasBox(tx, box); known || err != nil {
		return err
	}
	isNew, err := putBoxRow(tx, box, now)
	if err != nil || !isNew {
		return err
	}
	if err := putStandardFolders(tx, box, lang); err != nil {
		return err
	}
	return putMoreFolders(tx, box, more)
}

// putBoxRow makes a box with nothing in it, and reports whether it was missing.
func putBoxRow(tx *Tx, box int64, now time.Time) (isNew bool, err error) {
	if isNew, err = insertBox(tx, box, now); !isNew || err != nil {
		return false, err
	}
	if _, err := tx.Exec(putHome, box); err != nil {
		return false, fmt.Errorf("note the domain of box %d: %w", box, err)
	}
	return true, nil
}

// insertBox is putBoxRow for a box that no domain counts.
func insertBox(tx *Tx, box int64, now time.Time) (isNew bool, err error) {
	done, err := tx.Exec(`INSERT INTO mailbox_box (box, modseq, email, uidvalidity, messages, bytes) VALUES (?, 1, 0, ?, 0, 0) ON CONFLICT (box) DO NOTHING`,
		box, now.Unix()&0x7fffffff)
	if err != nil {
		return false, fmt.Errorf("make box %d: %w", box, err)
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

func putStandardFolders(tx *Tx, box int64, lang string) error {
	for _, f := range mailbox.StandardFolders(lang) {
		if _, err := putFolder(tx, box, f.Name, f.Use); err != nil {
			return err
		}
		if err := putSubscription(tx, box, f.Name); err != nil {
			return err
		}
	}
	return nil
}

// putMoreFolders makes those, and what is above them, that are not there yet.
func putMoreFolders(tx *Tx, box int64, names []string) error {
	for _, name := range names {
		for _, one := range append(mailbox.Parents(name), name) {
			_, err := folderByName(tx, box, one)
			if errors.Is(err, mailbox.ErrNoFolder) {
				_, err = putFolder(tx, box, one, "")
			}
			if err != nil {
				return err
			}
			if err := putSubscription(tx, box, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// A tally is what a change adds to a folder's counters.
type tally struct{ messages, unseen, deleted, bytes int64 }

// count adds n messages like this one.
func (t *tally) count(n int64, f mailbox.System, size int64) {
	t.messages += n
	t.bytes += n * size
	if f&mailbox.Seen == 0 {
		t.unseen += n
	}
	if f&mailbox.Deleted != 0 {
		t.deleted += n
	}
}

func (t tally) negative() tally { return tally{-t.messages, -t.unseen, -t.deleted, -t.bytes} }

// nextModSeq takes the box's next number.
func nextModSeq(tx *Tx, box int64) (seq mailbox.ModSeq, err error) {
	err = tx.Row(`UPDATE mailbox_box SET modseq = modseq + 1 WHERE box = ? RETURNING modseq`, []any{box}, &seq)
	if err != nil {
		return 0, fmt.Errorf("next modseq of box %d: %w", box, err)
	}
	return seq, nil
}

// touchFolder adds t to the folder's counters and makes seq its highest.
func touchFolder(tx *Tx, folder int64, seq mailbox.ModSeq, t tally) error {
	_, err := tx.Exec(`UPDATE mailbox_folder SET modseq = ?, messages = messages + ?, unseen = unseen + ?, deleted = deleted + ?, bytes = bytes + ? WHERE id = ?`,
		seq, t.messages, t.unseen, t.deleted, t.bytes, folder)
	if err != nil {
		return fmt.Errorf("count in folder %d: %w", folder, err)
	}
	return nil
}

// touchBox adds t to what quotas count: the box's, and its domain's.
func touchBox(tx *Tx, box int64, t tally) error {
	var domain int64
	err := tx.Row(`UPDATE mailbox_box SET messages = messages + ?, bytes = bytes + ? WHERE box = ? RETURNING `+domainOfBox, []any{t.messages, t.bytes, box}, &domain)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("count in box %d: %w", box, err)
	}
	tx.used(domain, box, mailbox.Usage{Messages: t.messages, Bytes: t.bytes})
	return nil
}

// each scans every row of a query with f and closes it.
func each(rows *sql.Rows, err error, f func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
