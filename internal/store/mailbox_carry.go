package store

import (
	"context"
	"database/sql"
	"fmt"

	"gatepost/mailbox"
)

// Carry implements mailbox.Carrier.
func (m Mailboxes) Carry(ctx context.Context, c mailbox.Carriage) (done mailbox.Copied, err error) {
	err = m.db.Update(ctx, func(tx *Tx) (err error) {
		done, err = carryOver(tx, c)
		return err
	})
	if err != nil {
		return done, fmt.Errorf("store: from folder %d to %d: %w", c.From, c.To, err)
	}
	return done, nil
}

// carryOver is transfer for folders of any boxes, and for flags that stay behind.
func carryOver(tx *Tx, c mailbox.Carriage) (done mailbox.Copied, err error) {
	src, dst, err := lockBoth(tx, c.From, c.To)
	if err != nil {
		return done, err
	}
	if err := takes(src.Use, dst.Use, c.Move); err != nil {
		return done, err
	}
	if src.Box != dst.Box {
		return carryAcross(tx, src, dst, c)
	}
	if done, err = transfer(tx, c.From, c.Set, c.To, c.Move); err == nil && c.Fixed != (mailbox.Fixed{}) {
		err = dropFlags(tx, c.To, done, c.Fixed)
	}
	if err == nil {
		err = noteListing(tx, src, dst, c, done)
	}
	return done, err
}

// lockBoth locks the boxes of two folders, by number, and returns the folders.
func lockBoth(tx *Tx, from, to int64) (src, dst mailbox.Folder, err error) {
	for range 2 { // a folder stays in its box; the second look is under the locks
		if src, err = folderByID(tx, from); err != nil {
			return src, dst, err
		}
		if dst, err = folderByID(tx, to); err != nil {
			return src, dst, err
		}
		if err := lockBox(tx, min(src.Box, dst.Box)); err != nil {
			return src, dst, err
		}
		if err := lockBox(tx, max(src.Box, dst.Box)); err != nil {
			return src, dst, err
		}
	}
	return src, dst, nil
}

// carryAcross makes new emails of what the messages of each range share: an email is one
// box's. The contents stay where they are and are referred to once more.
func carryAcross(tx *Tx, src, dst mailbox.Folder, c mailbox.Carriage) (done mailbox.Copied, err error) {
	done = mailbox.Copied{UIDValidity: dst.UIDValidity}
	t, err := measure(tx, src.ID, c.Set, &done.From)
	if t.messages == 0 || err != nil {
		return done, err
	}
	if t.messages > mailbox.MaxCarried {
		return done, fmt.Errorf("%w: %d messages at once into another mailbox, %d can be", mailbox.ErrTooMany, t.messages, mailbox.MaxCarried)
	}
	if done.First, err = takeUIDs(tx, dst.ID, t.messages); err != nil {
		return done, err
	}
	seq, err := nextModSeq(tx, dst.Box)
	if err != nil {
		return done, err
	}
	next, there := int64(done.First), stretches(c.Set, done.From)
	var all carried
	for _, r := range there {
		n, err := carryRange(tx, src, dst, r, next, seq, &all)
		if err != nil {
			return done, fmt.Errorf("copy %d:%d: %w", r.First, r.Last, err)
		}
		next += n
	}
	if err := all.merge(tx, dst); err != nil {
		return done, fmt.Errorf("copies of one email: %w", err)
	}
	if err := touchFolder(tx, dst.ID, seq, t); err != nil {
		return done, err
	}
	if err := touchBox(tx, dst.Box, t); err != nil {
		return done, err
	}
	if err := dropFlags(tx, dst.ID, done, c.Fixed); err != nil || !c.Move {
		return done, err
	}
	return done, leave(tx, src, there, t)
}

// carryRange copies the messages of a range to UIDs from next on, and returns how many. Within it
// emails are numbered by the order of their old numbers, so that both statements come to the same.
func carryRange(tx *Tx, src, dst mailbox.Folder, r mailbox.Range, next int64, seq mailbox.ModSeq, all *carried) (n int64, err error) {
	list, err := tx.numbers(`SELECT DISTINCT email FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? ORDER BY email`, src.ID, r.First, r.Last)
	if err != nil {
		return 0, err
	}
	emails, last := int64(len(list)), int64(0)
	if err := tx.Row(`UPDATE mailbox_box SET email = email + ? WHERE box = ? RETURNING email`, []any{emails, dst.Box}, &last); err != nil {
		return 0, err
	}
	base := last - emails
	all.note(list, base)
	_, err = tx.Exec(`INSERT INTO mailbox_email (box, id, blob, prefix, skip, envelope, structure, preview, refs)
		SELECT CAST(? AS BIGINT), CAST(? AS BIGINT) + c.place, e.blob, e.prefix, e.skip, e.envelope, e.structure, e.preview, c.n
		FROM (SELECT email, COUNT(*) AS n, ROW_NUMBER() OVER (ORDER BY email) AS place FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? GROUP BY email) AS c
		JOIN mailbox_email e ON e.box = ? AND e.id = c.email`, dst.Box, base, src.ID, r.First, r.Last, src.Box)
	if err != nil {
		return 0, fmt.Errorf("emails: %w", err)
	}
	n, err = changed(tx.Exec(`INSERT INTO mailbox_message (folder, uid, modseq, flags, keywords, internal_date, size, email, saved)
		SELECT CAST(? AS BIGINT), CAST(? AS BIGINT) + ROW_NUMBER() OVER (ORDER BY uid), CAST(? AS BIGINT), flags, keywords, internal_date, size, CAST(? AS BIGINT) + DENSE_RANK() OVER (ORDER BY email), CAST(? AS BIGINT)
		FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?`, dst.ID, next-1, seq, base, savedNow(), src.ID, r.First, r.Last))
	if err != nil {
		return 0, fmt.Errorf("messages: %w", err)
	}
	return n, refNew(tx, dst.Box, base, last)
}

// A carried knows which emails a carriage made of which, and which of them are one: copies in
// two ranges were made two, but copies keep their EMAILID (RFC 8474 §4).
type carried struct {
	made  map[int64]int64 // the new number by the old
	twice [][2]int64      // a new number, and the one that came first of the same old
}

// note takes the emails of a range, which were numbered in their order above base.
func (c *carried) note(emails []int64, base int64) {
	if c.made == nil {
		c.made = map[int64]int64{}
	}
	for i, old := range emails {
		id := base + int64(i) + 1
		if first, known := c.made[old]; known {
			c.twice = append(c.twice, [2]int64{id, first})
		} else {
			c.made[old] = id
		}
	}
}

// merge makes one of those that are one.
func (c *carried) merge(tx *Tx, dst mailbox.Folder) error {
	for _, t := range c.twice {
		var refs int64
		var blob string
		if err := tx.Row(`DELETE FROM mailbox_email WHERE box = ? AND id = ? RETURNING refs, blob`, []any{dst.Box, t[0]}, &refs, &blob); err != nil {
			return err
		}
		tx.unref(blob)
		if _, err := tx.Exec(`UPDATE mailbox_email SET refs = refs + ? WHERE box = ? AND id = ?`, refs, dst.Box, t[1]); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE mailbox_message SET email = ? WHERE folder = ? AND email = ?`, t[1], dst.ID, t[0]); err != nil {
			return err
		}
	}
	return nil
}

// refNew refers to the contents of the emails above base, up to last. The contents are
// referred to already, so that their size is known.
func refNew(tx *Tx, box, base, last int64) error {
	rows, err := tx.Query(`SELECT blob FROM mailbox_email WHERE box = ? AND id > ? AND id <= ?`, box, base, last)
	return each(rows, err, func(rows *sql.Rows) error {
		var blob string
		err := rows.Scan(&blob)
		tx.ref(blob, 0)
		return err
	})
}

// dropFlags takes flags off copies that were made in this commit.
func dropFlags(tx *Tx, folder int64, done mailbox.Copied, x mailbox.Fixed) error {
	if x == (mailbox.Fixed{}) || len(done.To()) == 0 {
		return nil
	}
	to := done.To()[0]
	var t tally
	var changed []victim
	rows, err := tx.Query(`SELECT uid, modseq, flags, keywords, size, email FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?`, folder, to.First, to.Last)
	err = each(rows, err, func(rows *sql.Rows) error {
		var v victim
		err := rows.Scan(&v.UID, &v.ModSeq, &v.Flags.System, &v.Flags.Keywords, &v.size, &v.email)
		if off := x.Off(v.Flags); off != v.Flags {
			t.count(-1, v.Flags.System, 0)
			v.Flags = off
			t.count(+1, off.System, 0)
			changed = append(changed, v)
		}
		return err
	})
	if err != nil || len(changed) == 0 {
		return err
	}
	for _, v := range changed {
		if err := putFlags(tx, folder, v.UID, v.ModSeq, v.Flags); err != nil {
			return err
		}
	}
	return touchFolder(tx, folder, changed[0].ModSeq, t)
}

// leave takes messages out of a folder whose box loses them: its owner can bring them back as
// if they were expunged, whoever moved them.
func leave(tx *Tx, src mailbox.Folder, set mailbox.UIDSet, t tally) error {
	seq, err := nextModSeq(tx, src.Box)
	if err != nil {
		return err
	}
	if err := newBurial(tx, src, seq).bury(tx, set); err != nil {
		return err
	}
	if err := touchFolder(tx, src.ID, seq, t.negative()); err != nil {
		return err
	}
	return touchBox(tx, src.Box, t.negative())
}
