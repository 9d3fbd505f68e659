package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatepost/mailbox"
)

// chunk is how many messages one commit of a long change takes: others get
// their turn in between.
const chunk = 500

// SetFlags changes the flags of the messages of set; durably within a second (lag.go).
func (m Mailboxes) SetFlags(ctx context.Context, folder int64, set mailbox.UIDSet, c mailbox.FlagChange) (done mailbox.Stored, err error) {
	first := true
	for len(set) > 0 {
		var part mailbox.Stored
		var rest mailbox.UIDSet
		err := m.db.lagging(ctx, func(tx *Tx) (err error) {
			part, rest, err = setFlags(tx, folder, set, c)
			return err
		})
		if err != nil {
			return done, fmt.Errorf("store: set flags in folder %d: %w", folder, err)
		}
		// A change of somebody else's between two commits must not be skipped.
		if first {
			done.Before, done.After = part.Before, part.After
		} else if done.After == part.Before {
			done.After = part.After
		}
		first, set = false, rest
		done.Entries = append(done.Entries, part.Entries...)
		done.Failed = append(done.Failed, part.Failed...)
	}
	return done, nil
}

// setFlags changes the first messages of set and returns what is left of it.
func setFlags(tx *Tx, folder int64, set mailbox.UIDSet, c mailbox.FlagChange) (done mailbox.Stored, rest mailbox.UIDSet, err error) {
	if err := lockBoxOf(tx, folder); err != nil {
		return done, nil, err
	}
	f, err := folderByID(tx, folder)
	if err != nil {
		return done, nil, err
	}
	if err := f.Use.Fixed(); err != nil {
		return done, nil, err
	}
	olds, rest, err := take(tx, folder, set, selectEntries)
	if err != nil {
		return done, nil, err
	}
	done.Before, done.After = f.HighestModSeq, f.HighestModSeq
	var t tally
	var seq mailbox.ModSeq
	w := flagWriter{tx: tx, folder: folder, set: set}
	for _, e := range olds {
		if c.Guarded && e.ModSeq > c.UnchangedSince {
			done.Failed = done.Failed.Add(e.UID)
			w.leave()
			continue
		}
		flags, err := c.Apply(e.Flags)
		if err != nil {
			return done, nil, err
		}
		if flags == e.Flags {
			w.leave()
		} else {
			if seq == 0 {
				if seq, err = nextLagging(tx, f.Box, folder); err != nil {
					return done, nil, err
				}
			}
			if err := w.put(e.UID, seq, flags); err != nil {
				return done, nil, err
			}
			t.count(-1, e.Flags.System, 0)
			t.count(+1, flags.System, 0)
			e.Flags, e.ModSeq = flags, seq
		}
		done.Entries = append(done.Entries, e.Entry)
	}
	if seq == 0 {
		return done, rest, nil
	}
	if err := w.flush(); err != nil {
		return done, nil, err
	}
	done.After = seq
	return done, rest, touchFolder(tx, folder, seq, t)
}

// SetPlanned implements mailbox.Writer.
func (m Mailboxes) SetPlanned(ctx context.Context, folder int64, p mailbox.FlagPlan) (after mailbox.ModSeq, done bool, err error) {
	may := m.db.notes(p)
	if !may && p.Messages > mailbox.MaxPlan {
		return 0, false, nil
	}
	var notes bool
	err = m.db.lagging(ctx, func(tx *Tx) (err error) {
		after, done, notes = 0, false, false
		if may {
			if notes, err = m.db.noted.room(tx, folder); err != nil || !notes && p.Messages > mailbox.MaxPlan {
				return err
			}
		}
		after, done, err = setPlanned(tx, folder, p, notes)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("store: set flags in folder %d: %w", folder, err)
	}
	if done && notes {
		m.db.noted.later.plan(noteDelay, m.db.writeNoted)
	}
	return after, done, nil
}

func setPlanned(tx *Tx, folder int64, p mailbox.FlagPlan, notes bool) (after mailbox.ModSeq, done bool, err error) {
	if err := lockBoxOf(tx, folder); err != nil {
		return 0, false, err
	}
	seq, err := nextPlanned(tx, folder, p.At)
	if seq == 0 || err != nil {
		return 0, false, err
	}
	write := putRuns
	if notes {
		write = note
	}
	if err := write(tx, folder, seq, p); err != nil {
		return 0, false, err
	}
	return seq, true, touchFolder(tx, folder, seq, tally{unseen: p.Unseen, deleted: p.Deleted})
}

// nextPlanned is nextLagging where the folder's highest number is at, and 0 where it is not: one
// statement, since it is paid for with each flag that somebody clicks.
func nextPlanned(tx *Tx, folder int64, at mailbox.ModSeq) (seq mailbox.ModSeq, err error) {
	var use mailbox.Use
	var marked bool
	err = tx.Row(`UPDATE mailbox_box SET modseq = modseq + 1 WHERE box = (SELECT box FROM mailbox_folder WHERE id = ? AND modseq = ?)
		RETURNING modseq, (SELECT special_use FROM mailbox_folder WHERE id = ?), EXISTS (SELECT 1 FROM mailbox_lag WHERE folder = ?)`,
		[]any{folder, at, folder, folder}, &seq, &use, &marked)
	if errors.Is(err, sql.ErrNoRows) {
		_, _, err := boxAndUse(tx, folder)
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("next modseq of folder %d: %w", folder, err)
	}
	if err := use.Fixed(); err != nil {
		return 0, err
	}
	return seq, markFolder(tx, folder, marked)
}

// putRuns writes what a plan says.
func putRuns(tx *Tx, folder int64, seq mailbox.ModSeq, p mailbox.FlagPlan) error {
	for _, r := range p.Runs {
		if err := putRun(tx, folder, seq, r); err != nil {
			return err
		}
	}
	return nil
}

// putRun writes the flags of messages of a range, all of which change.
func putRun(tx *Tx, folder int64, seq mailbox.ModSeq, r mailbox.FlagRun) error {
	if r.First == r.Last {
		return putFlags(tx, folder, r.First, seq, r.Flags)
	}
	_, err := tx.Exec(`UPDATE mailbox_message SET modseq = ?, flags = ?, keywords = ? WHERE folder = ? AND uid BETWEEN ? AND ?`,
		seq, r.Flags.System, r.Flags.Keywords, folder, r.First, r.Last)
	if err != nil {
		return fmt.Errorf("flags of %d:%d: %w", r.First, r.Last, err)
	}
	return nil
}

func putFlags(tx *Tx, folder int64, u mailbox.UID, seq mailbox.ModSeq, f mailbox.Flags) error {
	_, err := tx.Exec(`UPDATE mailbox_message SET modseq = ?, flags = ?, keywords = ? WHERE folder = ? AND uid = ?`, seq, f.System, f.Keywords, folder, u)
	if err != nil {
		return fmt.Errorf("flags of %d: %w", u, err)
	}
	return nil
}

// A flagWriter writes flags of messages by rising UID, of those that follow one another and get
// the same by one statement: STORE 1:* is a few.
type flagWriter struct {
	tx     *Tx
	folder int64
	set    mailbox.UIDSet // what is asked of; all messages in it come by, in one of put and leave

	run   mailbox.Range // not written yet; 0: none
	seq   mailbox.ModSeq
	flags mailbox.Flags
	ended bool // what comes next is not beside the run
}

// leave passes by a message that stays as it is.
func (w *flagWriter) leave() { w.ended = true }

func (w *flagWriter) put(u mailbox.UID, seq mailbox.ModSeq, f mailbox.Flags) error {
	for len(w.set) > 0 && w.set[0].Last < u { // between two ranges are messages that nobody named
		w.set, w.ended = w.set[1:], true
	}
	if !w.ended && w.run.Last != 0 && f == w.flags {
		w.run.Last = u
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.run, w.seq, w.flags, w.ended = mailbox.Range{First: u, Last: u}, seq, f, false
	return nil
}

// flush writes the run.
func (w *flagWriter) flush() error {
	if w.run.Last == 0 {
		return nil
	}
	return putRun(w.tx, w.folder, w.seq, mailbox.FlagRun{Range: w.run, Flags: w.flags})
}

// A victim is a message as a change finds it.
type victim struct {
	mailbox.Entry
	size, email int64
}

const (
	selectEntries = `SELECT uid, modseq, flags, keywords, size, email FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?`
	selectDeleted = `SELECT uid, modseq, flags, keywords, size, email FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? AND flags & 8 <> 0 ORDER BY uid LIMIT ?`
)

// take reads the first messages of set, chunk at most, with one of the two
// queries above, and returns the part of set that it has not come to.
func take(tx *Tx, folder int64, set mailbox.UIDSet, query string) (found []victim, rest mailbox.UIDSet, err error) {
	if err := settled(tx, folder); err != nil {
		return nil, nil, err
	}
	for i, r := range set {
		left := chunk - len(found)
		rows, err := tx.Query(query, folder, r.First, r.Last, left)
		err = each(rows, err, func(rows *sql.Rows) error {
			var v victim
			err := rows.Scan(&v.UID, &v.ModSeq, &v.Flags.System, &v.Flags.Keywords, &v.size, &v.email)
			found = append(found, v)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		if len(found) == chunk {
			return found, remains(set[i:], found[chunk-1].UID), nil
		}
	}
	return found, nil, nil
}

// remains returns what of set is above u, which is in its first range.
func remains(set mailbox.UIDSet, u mailbox.UID) mailbox.UIDSet {
	if set[0].Last == u {
		return set[1:]
	}
	return append(mailbox.UIDSet{{First: u + 1, Last: set[0].Last}}, set[1:]...)
}

// Expunge removes the messages of set that have \Deleted.
func (m Mailboxes) Expunge(ctx context.Context, folder int64, set mailbox.UIDSet) error {
	if err := m.expunge(ctx, folder, set, true); err != nil {
		return fmt.Errorf("store: expunge in folder %d: %w", folder, err)
	}
	return nil
}

func (m Mailboxes) expunge(ctx context.Context, folder int64, set mailbox.UIDSet, onlyDeleted bool) error {
	for len(set) > 0 {
		var rest mailbox.UIDSet
		err := m.db.Update(ctx, func(tx *Tx) (err error) {
			rest, err = expunge(tx, folder, set, onlyDeleted)
			return err
		})
		if err != nil {
			return err
		}
		set = rest
	}
	return nil
}

func expunge(tx *Tx, folder int64, set mailbox.UIDSet, onlyDeleted bool) (rest mailbox.UIDSet, err error) {
	if err := lockBoxOf(tx, folder); err != nil {
		return nil, err
	}
	f, err := folderByID(tx, folder)
	if err != nil {
		return nil, err
	}
	if err := f.Use.Fixed(); err != nil {
		return nil, err
	}
	query := selectEntries
	if onlyDeleted {
		query = selectDeleted
	}
	found, rest, err := take(tx, folder, set, query)
	if len(found) == 0 || err != nil {
		return nil, err
	}
	seq, err := nextModSeq(tx, f.Box)
	if err != nil {
		return nil, err
	}
	b := newBurial(tx, f, seq)
	if onlyDeleted {
		b.sql = &buryDeleted
	}
	var t tally
	for _, v := range found {
		t.count(1, v.Flags.System, v.size)
	}
	if err := b.bury(tx, spans(set, found)); err != nil {
		return nil, err
	}
	if err := touchBox(tx, f.Box, t.negative()); err != nil {
		return nil, err
	}
	return rest, touchFolder(tx, folder, seq, t.negative())
}

// unrefEmail counts one copy less; with the last one the content's reference goes.
func unrefEmail(tx *Tx, box, email int64) error {
	var refs int64
	var blob string
	err := tx.Row(`UPDATE mailbox_email SET refs = refs - 1 WHERE box = ? AND id = ? RETURNING refs, blob`, []any{box, email}, &refs, &blob)
	if err != nil {
		return fmt.Errorf("release email %d: %w", email, err)
	}
	if refs > 0 {
		return nil
	}
	if _, err := tx.Exec(`DELETE FROM mailbox_email WHERE box = ? AND id = ?`, box, email); err != nil {
		return fmt.Errorf("delete email %d: %w", email, err)
	}
	tx.unref(blob)
	return forgetText(tx, box, email)
}
