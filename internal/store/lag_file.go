package store

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// A lagger is how a file's writer lets commits lag: SQLite does not sync them
// (https://sqlite.org/pragma.html#pragma_synchronous: in WAL mode a commit with NORMAL is
// atomic and may be lost, and what is lost is the end of the log), and the writer syncs the
// log a little later.
type lagger struct {
	boot    string
	path    string        // of SQLite's log
	log     *os.File      // it, once something has lagged
	relaxed bool          // commits are not synced now
	waits   bool          // something lags, and due will say when the log is to be synced
	due     chan struct{} // to the writer
	synced  atomic.Int64  // how often it was
}

// recover renews what a fall may have lost, and writes what is noted, before anybody reads or writes.
func (db *file) recover(ctx context.Context) error {
	var alive, marked, noted bool
	err := db.writer.row(ctx, `SELECT EXISTS (SELECT 1 FROM store_alive WHERE boot = ? AND boot <> ''), EXISTS (SELECT 1 FROM mailbox_lag), EXISTS (SELECT 1 FROM mailbox_noted)`,
		[]any{db.lag.boot}, &alive, &marked, &noted)
	if err != nil || alive && !marked && !noted {
		return err
	}
	j := &job{ctx: ctx, done: make(chan struct{}), f: func(tx *Tx) error {
		if err := writeAllNotes(tx); err != nil { // before MODSEQs are renewed, by which it is known what is older
			return err
		}
		if alive { // the process was killed, which loses nothing
			_, err := tx.Exec(`DELETE FROM mailbox_lag`)
			return err
		}
		if _, err := tx.Exec(`DELETE FROM store_alive`); err != nil {
			return err
		}
		return renew(tx, db.lag.boot)
	}}
	if err := db.writer.runGroup([]*job{j}); err != nil {
		return err
	}
	return j.err
}

// relax has the next commit of a group lag where all of the group may. SQLite takes the word
// when it is prepared, so it can't be kept prepared.
func (db *file) relax(group []*job) error {
	on := !slices.ContainsFunc(group, func(j *job) bool { return !j.soon })
	if on == db.lag.relaxed {
		return nil
	}
	level := "FULL"
	if on {
		level = "NORMAL"
		if err := db.lag.open(); err != nil {
			return err
		}
	}
	if _, err := db.writer.c.ExecContext(context.Background(), "PRAGMA synchronous="+level); err != nil {
		return fmt.Errorf("store: synchronous=%s: %w", level, err)
	}
	db.lag.relaxed = on
	return nil
}

// lagged notes that a commit was not synced.
func (l *lagger) lagged() {
	if l.relaxed && !l.waits {
		l.waits = true
		time.AfterFunc(lagLimit, func() { l.due <- struct{}{} })
	}
}

// open keeps the log open, so that no error of writing it back is missed. It is there as long as
// a connection is.
func (l *lagger) open() (err error) {
	if l.log == nil {
		l.log, err = os.Open(l.path)
	}
	return err
}

// syncLog makes durable what has lagged. An error is the end of all writing, as that of any sync.
func (db *file) syncLog() {
	db.lag.waits = false
	if err := db.lag.log.Sync(); err != nil && db.err() == nil {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
		db.broken.Store(&err)
	}
	db.lag.synced.Add(1)
}

func (l *lagger) close() {
	if l.log != nil {
		l.log.Close() // nothing was written by it
	}
}
