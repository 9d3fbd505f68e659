package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatepost/mailbox"
)

// A change of the flags of many messages is noted, on SQLite: a row says what a range of UIDs gets, in the
// commit that gives the MODSEQ and changes the folder's counters. The messages' own rows are written a little
// later, a chunk in a commit. A note is as durable as the change that it stands for; what a kill leaves is
// written by the next start.
//
// Whoever reads flags or MODSEQs of rows calls settled first, in the same transaction: an update writes what
// is noted of the folder there and then, a view is given up, and run again once it is written. A folder has the
// notes of one change at most, and none are made of what somebody waits for, so a view is run twice at most.
//
// Rows that got a higher MODSEQ since are left alone: others may change flags of a folder with notes
// without reading them.
//
// On PostgreSQL nothing is noted, since nodes of a release that does not look may be beside.

const (
	noteDelay  = 100 * time.Millisecond // until rows are written
	noteRoom   = 16                     // folders that have notes: what a start may have to write
	settleTurn = chunk                  // messages whose rows a commit writes
)

// noted is what a process knows of its notes.
type noted struct {
	later later
	all   bool // any plan is noted, however small: for tests

	mu      sync.Mutex
	awaited map[int64]int // folders whose rows somebody waits for
}

// A notedError gives up a view of a folder with notes.
type notedError struct{ folder int64 }

func (e *notedError) Error() string {
	return fmt.Sprintf("store: flags of folder %d are noted, and not written yet", e.folder)
}

// settled sees to it that the rows of a folder's messages say what flags they have.
func settled(tx *Tx, folder int64) error {
	if tx.file == nil {
		return nil
	}
	var has bool
	err := tx.Row(`SELECT EXISTS (SELECT 1 FROM mailbox_noted WHERE folder = ?)`, []any{folder}, &has)
	switch {
	case err != nil:
		return fmt.Errorf("notes of folder %d: %w", folder, err)
	case !has:
		return nil
	case !tx.writes:
		return &notedError{folder}
	}
	for left := true; left && err == nil; {
		left, err = writeNotes(tx, folder)
	}
	return err
}

// settling runs a view, and again where it was given up for notes.
func (db *DB) settling(ctx context.Context, view func() error) error {
	for {
		err := view()
		var found *notedError
		if !errors.As(err, &found) {
			return err
		}
		defer db.noted.await(found.folder)()
		if err := db.settle(ctx, found.folder); err != nil {
			return err
		}
	}
}

// await keeps notes from being made of a folder, until what it returns is called.
func (n *noted) await(folder int64) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.awaited == nil {
		n.awaited = map[int64]int{}
	}
	n.awaited[folder]++
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.awaited[folder]--; n.awaited[folder] == 0 {
			delete(n.awaited, folder)
		}
	}
}

// notes reports whether a plan may be noted: a few runs say all of it.
func (db *DB) notes(p mailbox.FlagPlan) bool {
	return db.Engine() == "sqlite" && (db.noted.all || p.Messages > mailbox.MaxPlan && p.Dense())
}

// room reports whether notes may be made of a folder now.
func (n *noted) room(tx *Tx, folder int64) (bool, error) {
	n.mu.Lock()
	awaited := n.awaited[folder] > 0
	n.mu.Unlock()
	if awaited {
		return false, nil
	}
	var has bool
	var folders int
	err := tx.Row(`SELECT EXISTS (SELECT 1 FROM mailbox_noted WHERE folder = ?), (SELECT COUNT(DISTINCT folder) FROM mailbox_noted)`, []any{folder}, &has, &folders)
	if err != nil {
		return false, fmt.Errorf("notes: %w", err)
	}
	return !has && folders < noteRoom, nil
}

// note is putRuns for later.
func note(tx *Tx, folder int64, seq mailbox.ModSeq, p mailbox.FlagPlan) error {
	for _, r := range p.Runs {
		_, err := tx.Exec(`INSERT INTO mailbox_noted (folder, first, last, modseq, flags, keywords) VALUES (?, ?, ?, ?, ?, ?)`,
			folder, r.First, r.Last, seq, r.Flags.System, r.Flags.Keywords)
		if err != nil {
			return fmt.Errorf("note flags of %d:%d: %w", r.First, r.Last, err)
		}
	}
	return nil
}

// settle writes what is noted of a folder.
func (db *DB) settle(ctx context.Context, folder int64) error {
	return db.untilWritten(ctx, func(tx *Tx) (bool, error) { return writeNotes(tx, folder) })
}

// writeNoted writes what is noted of all folders.
func (db *DB) writeNoted(ctx context.Context) error {
	return db.untilWritten(ctx, func(tx *Tx) (left bool, err error) {
		list, err := tx.numbers(`SELECT folder FROM mailbox_noted ORDER BY folder LIMIT 1`)
		if len(list) == 0 || err != nil {
			return false, err
		}
		_, err = writeNotes(tx, list[0])
		return true, err
	})
}

// untilWritten runs f, each time in a commit of its own, until nothing is left. The commits may lag, and need
// no mark: where one is lost its note is there again.
func (db *DB) untilWritten(ctx context.Context, f func(*Tx) (left bool, err error)) error {
	for left := true; left; {
		err := db.engine.soon(ctx, func(tx *Tx) (err error) {
			left, err = f(tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("store: write noted flags: %w", err)
		}
	}
	return nil
}

// writeAllNotes does so in one transaction.
func writeAllNotes(tx *Tx) error {
	folders, err := tx.numbers(`SELECT DISTINCT folder FROM mailbox_noted`)
	if err != nil {
		return err
	}
	for _, f := range folders {
		if err := settled(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// writeNotes writes the rows of the first messages that are noted in a folder, settleTurn of them
// at most; left: there may be more.
func writeNotes(tx *Tx, folder int64) (left bool, err error) {
	for room := int64(settleTurn); room > 0; {
		var r mailbox.FlagRun
		var seq mailbox.ModSeq
		err := tx.Row(`SELECT first, last, modseq, flags, keywords FROM mailbox_noted WHERE folder = ? ORDER BY first LIMIT 1`, []any{folder}, &r.First, &r.Last, &seq, &r.Flags.System, &r.Flags.Keywords)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("notes of folder %d: %w", folder, err)
		}
		n, err := writeNote(tx, folder, seq, r, room)
		if err != nil {
			return false, fmt.Errorf("write flags of %d:%d, which are noted of folder %d: %w", r.First, r.Last, folder, err)
		}
		room -= n + 1 // a note without messages is work, too
	}
	return true, nil
}

// writeNote writes the rows of the first messages of the note on r, which is narrowed to the others. (The +
// keeps SQLite from the index by MODSEQ.)
func writeNote(tx *Tx, folder int64, seq mailbox.ModSeq, r mailbox.FlagRun, room int64) (n int64, err error) {
	found, err := tx.numbers(`SELECT uid FROM mailbox_message WHERE folder = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT 1 OFFSET ?`, folder, r.First, r.Last, room-1)
	if err != nil {
		return 0, err
	}
	to := r.Last
	if len(found) > 0 {
		to = mailbox.UID(found[0])
	}
	n, err = changed(tx.Exec(`UPDATE mailbox_message SET modseq = ?, flags = ?, keywords = ? WHERE folder = ? AND uid BETWEEN ? AND ? AND +modseq < ?`,
		seq, r.Flags.System, r.Flags.Keywords, folder, r.First, to, seq))
	if err != nil {
		return n, err
	}
	if to == r.Last {
		_, err = tx.Exec(`DELETE FROM mailbox_noted WHERE folder = ? AND first = ?`, folder, r.First)
		return n, err
	}
	_, err = tx.Exec(`UPDATE mailbox_noted SET first = ? WHERE folder = ? AND first = ?`, to+1, folder, r.First)
	return n, err
}
