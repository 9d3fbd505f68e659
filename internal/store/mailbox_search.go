package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/mailbox"
)

// The index of texts. A box's e-mails are taken into it in the order of their ids, beside the
// mail and never in the commit that delivers it: up to mailbox_search.done all have a
// signature, and what came after is read by each search. A signature is first a row by
// itself. Of blockEmails of them a block is made, in which the signatures are turned: each bit is a
// row of as many bits as the block has e-mails, so that a search reads a few short rows of a block
// in place of all its signatures.
//
// All is changed under the box's lock. With an e-mail's last copy its own row goes; in a block
// it is only counted, and when half of a box's e-mails are gone so the box's index is made anew.
// Ids are never given twice, so that what stays of an e-mail until then finds nothing.

const (
	blockEmails = 1024
	blockRow    = blockEmails / 8 // octets of one bit of a block
	partBits    = 32              // bits of a block that one row has
	// waiting is how many e-mails without a signature a box must have before they get one: so
	// many are read fast, and few commits are made.
	waiting = 16
	// So many e-mails are looked up, or a part of all that the index knows, if that is more; where
	// still more may hold the text, all of the folder are read.
	mostLikely = 4096
	likelyPart = 4       // one of so many
	likelyEver = 1 << 18 // whatever the part
	goneLeast  = 512     // so few e-mails that are gone do no harm
)

// Unindexed returns boxes in which some e-mails have no signature yet.
func (m Mailboxes) Unindexed(ctx context.Context, limit int) (list []int64, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		list, err = tx.numbers(`SELECT b.box FROM mailbox_box b LEFT JOIN mailbox_search s ON s.box = b.box WHERE b.email >= COALESCE(s.done, 0) + ? ORDER BY b.box LIMIT ?`, waiting, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: boxes with texts to index: %w", err)
	}
	return list, nil
}

// searchState is how far a box's index is.
func searchState(tx *Tx, box int64) (done, gone int64, err error) {
	err = tx.Row(`SELECT done, gone FROM mailbox_search WHERE box = ?`, []any{box}, &done, &gone)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	return done, gone, err
}

// TextBatch returns the next n e-mails of a box.
func (m Mailboxes) TextBatch(ctx context.Context, box int64, n int) (b mailbox.TextBatch, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		b = mailbox.TextBatch{Box: box}
		if b.From, _, err = searchState(tx, box); err != nil {
			return err
		}
		if err := tx.Row(`SELECT email FROM mailbox_box WHERE box = ?`, []any{box}, &b.To); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT id, blob, prefix, skip, envelope FROM mailbox_email WHERE box = ? AND id > ? ORDER BY id LIMIT ?`, box, b.From, n)
		err = each(rows, err, func(rows *sql.Rows) error {
			var e mailbox.Message
			err := rows.Scan(&e.EmailID, &e.Blob, &e.View.Prefix, &e.View.Skip, &e.Envelope)
			b.Emails = append(b.Emails, e)
			return err
		})
		if len(b.Emails) == n {
			b.To = b.Emails[n-1].EmailID
		}
		return err
	})
	if err != nil {
		return b, fmt.Errorf("store: texts of box %d: %w", box, err)
	}
	return b, nil
}

// PutSignatures keeps a signature for each e-mail of a batch.
func (m Mailboxes) PutSignatures(ctx context.Context, b mailbox.TextBatch, list []mailbox.Signature) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return putSignatures(tx, b, list) })
	if err != nil {
		return fmt.Errorf("store: signatures of box %d: %w", b.Box, err)
	}
	return nil
}

func putSignatures(tx *Tx, b mailbox.TextBatch, list []mailbox.Signature) error {
	if err := lockBox(tx, b.Box); err != nil {
		return err
	}
	done, gone, err := searchState(tx, b.Box)
	if err != nil || done != b.From {
		return err // somebody else was faster
	}
	var messages int64
	if err := tx.Row(`SELECT messages FROM mailbox_box WHERE box = ?`, []any{b.Box}, &messages); err != nil {
		return err
	}
	if gone > goneLeast && gone > messages/2 {
		return forgetTexts(tx, b.Box)
	}
	for i, e := range b.Emails {
		_, err := tx.Exec(`INSERT INTO mailbox_search_loose (box, email, size, bits) SELECT box, id, ?, ? FROM mailbox_email WHERE box = ? AND id = ?`,
			len(list[i]), notNil(list[i]), b.Box, e.EmailID)
		if err != nil {
			return err
		}
	}
	_, err = tx.Exec(`INSERT INTO mailbox_search (box, done, block, gone) VALUES (?, ?, 0, 0) ON CONFLICT (box) DO UPDATE SET done = excluded.done`, b.Box, b.To)
	return err
}

// dropTexts is the end of a box's index.
var dropTexts = [...]string{
	`DELETE FROM mailbox_search_bits WHERE box = ?`,
	`DELETE FROM mailbox_search_block WHERE box = ?`,
	`DELETE FROM mailbox_search_loose WHERE box = ?`,
	`DELETE FROM mailbox_search WHERE box = ?`,
}

func forgetTexts(tx *Tx, box int64) error {
	for _, text := range dropTexts {
		if _, err := tx.Exec(text, box); err != nil {
			return err
		}
	}
	return nil
}

// Forget drops what the index knows of a box.
func (m Mailboxes) Forget(ctx context.Context, box int64) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, box); err != nil {
			return err
		}
		return forgetTexts(tx, box)
	})
	if err != nil {
		return fmt.Errorf("store: forget texts of box %d: %w", box, err)
	}
	return nil
}

// Indexed returns the boxes of which the index knows anything.
func (m Mailboxes) Indexed(ctx context.Context) (boxes []int64, err error) {
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		boxes, err = tx.numbers(`SELECT box FROM mailbox_search ORDER BY box`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: boxes with an index: %w", err)
	}
	return boxes, nil
}

// forgetText takes an e-mail out whose last copy goes.
func forgetText(tx *Tx, box, email int64) error {
	done, err := tx.Exec(`DELETE FROM mailbox_search_loose WHERE box = ? AND email = ?`, box, email)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n > 0 || err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE mailbox_search SET gone = gone + 1 WHERE box = ? AND done >= ?`, box, email)
	return err
}

// Likely returns the UIDs of the messages of a folder that may be what q asks for.
func (m Mailboxes) Likely(ctx context.Context, folder int64, q mailbox.TextQuery) (uids []mailbox.UID, ok bool, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		uids, ok = nil, false
		box, use, err := boxAndUse(tx, folder)
		if err != nil || use == mailbox.Quarantine {
			return err
		}
		done, _, err := searchState(tx, box)
		if err != nil || done == 0 {
			return err
		}
		emails, few, err := likelyEmails(tx, box, askOf(q))
		if err != nil || !few {
			return err
		}
		ok = true
		uids, err = copiesIn(tx, folder, emails, done)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("store: search texts of folder %d: %w", folder, err)
	}
	return uids, ok, nil
}

// copiesIn are the messages of a folder that are copies of some e-mails, and those of which
// the index does not know yet.
func copiesIn(tx *Tx, folder int64, emails []int64, done int64) (uids []mailbox.UID, err error) {
	add := func(query string, args ...any) error {
		rows, err := tx.Query(query, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			var u mailbox.UID
			err := rows.Scan(&u)
			uids = append(uids, u)
			return err
		})
	}
	if err := add(`SELECT uid FROM mailbox_message WHERE folder = ? AND email > ?`, folder, done); err != nil {
		return nil, err
	}
	const atOnce = 64
	for some := range slices.Chunk(emails, atOnce) {
		args := make([]any, 1, atOnce+1)
		args[0] = folder
		for i := range atOnce {
			args = append(args, some[min(i, len(some)-1)])
		}
		if err := add(`SELECT uid FROM mailbox_message WHERE folder = ? AND email IN (`+marks(atOnce)+`)`, args...); err != nil {
			return nil, err
		}
	}
	return uids, nil
}
