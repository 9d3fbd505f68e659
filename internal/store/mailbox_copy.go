package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatepost/mailbox"
)

// Copy copies the messages of set into another folder of the box. For other boxes see Carry.
func (m Mailboxes) Copy(ctx context.Context, from int64, set mailbox.UIDSet, to int64) (mailbox.Copied, error) {
	return m.transfer(ctx, from, set, to, false)
}

// Move moves the messages of set into another folder of the box. For other boxes see Carry.
func (m Mailboxes) Move(ctx context.Context, from int64, set mailbox.UIDSet, to int64) (mailbox.Copied, error) {
	return m.transfer(ctx, from, set, to, true)
}

func (m Mailboxes) transfer(ctx context.Context, from int64, set mailbox.UIDSet, to int64, move bool) (c mailbox.Copied, err error) {
	err = m.db.Update(ctx, func(tx *Tx) (err error) {
		c, err = transfer(tx, from, set, to, move)
		return err
	})
	if err != nil {
		return c, fmt.Errorf("store: from folder %d to %d: %w", from, to, err)
	}
	return c, nil
}

// takes says why messages can't go from a folder into another, by their uses. What is held has no
// copies; what is in an archive may have some elsewhere.
func takes(from, to mailbox.Use, move bool) error {
	if err := to.Fixed(); err != nil {
		return err
	}
	if from == mailbox.Record && !move {
		return nil
	}
	return from.Fixed()
}

// transfer works on ranges with one statement each, not on messages: all or
// nothing is one commit (RFC 9051 §6.4.7), and it must not be a long one.
func transfer(tx *Tx, from int64, set mailbox.UIDSet, to int64, move bool) (c mailbox.Copied, err error) {
	if err := lockBoxOf(tx, to); err != nil {
		return c, err
	}
	dst, err := folderByID(tx, to)
	if err != nil {
		return c, err
	}
	box, use, err := boxAndUse(tx, from)
	switch {
	case err != nil:
		return c, err
	case box != dst.Box:
		return c, errors.New("the folders are of two boxes")
	}
	if err := takes(use, dst.Use, move); err != nil {
		return c, err
	}
	c = mailbox.Copied{UIDValidity: dst.UIDValidity}
	t, err := measure(tx, from, set, &c.From)
	if t.messages == 0 || err != nil {
		return c, err
	}
	if c.First, err = takeUIDs(tx, to, t.messages); err != nil {
		return c, err
	}
	seq, err := nextModSeq(tx, box)
	if err != nil {
		return c, err
	}
	there := stretches(set, c.From)
	if err := copyRanges(tx, from, c.First, there, to, seq); err != nil {
		return c, err
	}
	if err := touchFolder(tx, to, seq, t); err != nil {
		return c, err
	}
	if !move {
		return c, refEmails(tx, box, from, there, t)
	}
	return c, removeRanges(tx, from, there, seq, t)
}

// stretches narrows the ranges of a set to where its messages are, of which there are those in found:
// a range with holes stays one, however many it has, since each costs statements while all
// others wait.
func stretches(set, found mailbox.UIDSet) (list mailbox.UIDSet) {
	for _, r := range set {
		first, last := mailbox.UID(0), mailbox.UID(0)
		for len(found) > 0 && found[0].First <= r.Last {
			if first == 0 {
				first = max(found[0].First, r.First)
			}
			last = min(found[0].Last, r.Last)
			if found[0].Last > r.Last { // what is left of it is the next range's
				break
			}
			found = found[1:]
		}
		if first != 0 {
			list = append(list, mailbox.Range{First: first, Last: last})
		}
	}
	return list
}

// measure finds the UIDs of set that are there, and what they add to a folder.
func measure(tx *Tx, folder int64, set mailbox.UIDSet, there *mailbox.UIDSet) (t tally, err error) {
	if err := settled(tx, folder); err != nil {
		return t, err
	}
	for _, r := range set {
		rows, err := tx.Query(`SELECT uid, flags, size FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? ORDER BY uid`, folder, r.First, r.Last)
		err = each(rows, err, func(rows *sql.Rows) error {
			var u mailbox.UID
			var f mailbox.System
			var size int64
			if err := rows.Scan(&u, &f, &size); err != nil {
				return err
			}
			*there = there.Add(u)
			t.count(1, f, size)
			return nil
		})
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// copyRanges gives the messages their new rows, whose UIDs follow one another from first on.
func copyRanges(tx *Tx, from int64, first mailbox.UID, there mailbox.UIDSet, to int64, seq mailbox.ModSeq) error {
	next := int64(first)
	for _, r := range there {
		n, err := changed(tx.Exec(`INSERT INTO mailbox_message (folder, uid, modseq, flags, keywords, internal_date, size, email, saved)
			SELECT CAST(? AS BIGINT), CAST(? AS BIGINT) + ROW_NUMBER() OVER (ORDER BY uid), CAST(? AS BIGINT), flags, keywords, internal_date, size, email, CAST(? AS BIGINT)
			FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?`,
			to, next-1, seq, savedNow(), from, r.First, r.Last))
		if err != nil {
			return fmt.Errorf("copy %d:%d: %w", r.First, r.Last, err)
		}
		next += n
	}
	return nil
}

// refEmailRange says twice which emails these are, so that they are found by their
// whole keys: without the second the engine goes through all of the box.
const refEmailRange = `UPDATE mailbox_email SET refs = refs + c.n
	FROM (SELECT email, COUNT(*) AS n FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? GROUP BY email) AS c
	WHERE mailbox_email.box = ? AND mailbox_email.id = c.email
	AND mailbox_email.id IN (SELECT email FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?)`

func refEmails(tx *Tx, box, folder int64, set mailbox.UIDSet, t tally) error {
	for _, r := range set {
		_, err := tx.Exec(refEmailRange, folder, r.First, r.Last, box, folder, r.First, r.Last)
		if err != nil {
			return fmt.Errorf("reference %d:%d: %w", r.First, r.Last, err)
		}
	}
	return touchBox(tx, box, t)
}

func removeRanges(tx *Tx, folder int64, set mailbox.UIDSet, seq mailbox.ModSeq, t tally) error {
	for _, r := range set {
		_, err := tx.Exec(`INSERT INTO mailbox_expunged (folder, modseq, uid) SELECT folder, ?, uid FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?`,
			seq, folder, r.First, r.Last)
		if err != nil {
			return fmt.Errorf("log move of %d:%d: %w", r.First, r.Last, err)
		}
		if _, err := tx.Exec(`DELETE FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ?`, folder, r.First, r.Last); err != nil {
			return fmt.Errorf("remove %d:%d: %w", r.First, r.Last, err)
		}
		if err := dropPages(tx, folder, r); err != nil {
			return err
		}
	}
	return touchFolder(tx, folder, seq, t.negative())
}
