package store

import (
	"database/sql"
	"fmt"

	"gatepost/mailbox"
)

// A burial takes messages out of a folder, range by range with one statement for each kind of
// row, under the box's lock. A message whose last copy goes is kept in mailbox_deleted; its
// content keeps its reference.
type burial struct {
	folder mailbox.Folder
	seq    mailbox.ModSeq
	time   int64 // 0: they are not to be kept, and go with the next purge
	sql    *buryTexts
}

// newBurial takes all messages of its ranges. Drafts are not kept.
func newBurial(tx *Tx, f mailbox.Folder, seq mailbox.ModSeq) burial {
	b := burial{folder: f, seq: seq, time: tx.now(), sql: &buryAll}
	if f.Use == mailbox.Drafts {
		b.time = 0
	}
	return b
}

// buryTexts are the statements of a burial, each with folder and range as its last arguments.
type buryTexts struct{ unref, keep, log, remove string }

// buryAll takes all messages of a range, buryDeleted those with \Deleted.
var (
	buryAll     = newBuryTexts("")
	buryDeleted = newBuryTexts(" AND m.flags & 8 <> 0")
)

// newBuryTexts: the emails are named twice, so that they are found by their whole keys (see
// refEmailRange).
func newBuryTexts(which string) buryTexts {
	in := ` FROM mailbox_message m WHERE m.folder = ? AND m.uid BETWEEN ? AND ?` + which
	return buryTexts{
		unref: `UPDATE mailbox_email SET refs = refs - c.n FROM (SELECT m.email, COUNT(*) AS n` + in + ` GROUP BY m.email) AS c
			WHERE mailbox_email.box = ? AND mailbox_email.id = c.email AND mailbox_email.id IN (SELECT m.email` + in + `)`,
		keep: `INSERT INTO mailbox_deleted (box, email, time, folder, name, special_use, flags, keywords, internal_date, size)
			SELECT e.box, e.id, CAST(? AS BIGINT), m.folder, CAST(? AS TEXT), CAST(? AS TEXT), m.flags, m.keywords, m.internal_date, m.size
			FROM mailbox_message m JOIN mailbox_email e ON e.box = ? AND e.id = m.email
			WHERE m.folder = ? AND m.uid BETWEEN ? AND ?` + which + ` AND e.refs <= 0 ON CONFLICT (box, email) DO NOTHING RETURNING size`,
		log:    `INSERT INTO mailbox_expunged (folder, modseq, uid) SELECT m.folder, CAST(? AS BIGINT), m.uid` + in,
		remove: `DELETE FROM mailbox_message AS m WHERE m.folder = ? AND m.uid BETWEEN ? AND ?` + which,
	}
}

// spans narrows the ranges of a set to those of the messages that were found in it, which are
// in the set's order.
func spans(set mailbox.UIDSet, found []victim) (list mailbox.UIDSet) {
	for _, r := range set {
		n := 0
		for n < len(found) && found[n].UID >= r.First && found[n].UID <= r.Last {
			n++
		}
		if n > 0 {
			list = append(list, mailbox.Range{First: found[0].UID, Last: found[n-1].UID})
		}
		found = found[n:]
	}
	return list
}

func (b burial) bury(tx *Tx, ranges mailbox.UIDSet) error {
	var kept int64
	for _, r := range ranges {
		n, err := b.buryRange(tx, r)
		if err != nil {
			return fmt.Errorf("expunge %d:%d: %w", r.First, r.Last, err)
		}
		kept += n
	}
	return keptMore(tx, b.folder.Box, kept)
}

// buryRange returns how many octets are kept from now on.
func (b burial) buryRange(tx *Tx, r mailbox.Range) (kept int64, err error) {
	f := b.folder
	if _, err := tx.Exec(b.sql.unref, f.ID, r.First, r.Last, f.Box, f.ID, r.First, r.Last); err != nil {
		return 0, fmt.Errorf("release: %w", err)
	}
	rows, err := tx.Query(b.sql.keep, b.time, f.Name, f.Use, f.Box, f.ID, r.First, r.Last)
	err = each(rows, err, func(rows *sql.Rows) error {
		var size int64
		err := rows.Scan(&size)
		kept += size
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("keep: %w", err)
	}
	if _, err := tx.Exec(b.sql.log, b.seq, f.ID, r.First, r.Last); err != nil {
		return 0, fmt.Errorf("log: %w", err)
	}
	if _, err := tx.Exec(b.sql.remove, f.ID, r.First, r.Last); err != nil {
		return 0, fmt.Errorf("remove: %w", err)
	}
	return kept, dropPages(tx, f.ID, r)
}

// keptMore adds to what a box keeps of what was expunged.
func keptMore(tx *Tx, box, octets int64) error {
	if octets == 0 {
		return nil
	}
	_, err := tx.Exec(`UPDATE mailbox_box SET kept_bytes = kept_bytes + ? WHERE box = ?`, octets, box)
	if err != nil {
		return fmt.Errorf("count what box %d keeps: %w", box, err)
	}
	return nil
}
