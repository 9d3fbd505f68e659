package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"modernc.org/sqlite"

	"gatepost/internal/blob"
)

// maxGroup bounds how many updates share one commit, and so how long the first
// of them waits for the last.
const maxGroup = 256

// A job is one Update that waits for the writer.
type job struct {
	ctx  context.Context
	f    func(*Tx) error
	soon bool // its commit may lag (lag.go)
	err  error
	done chan struct{}
}

func (db *file) update(ctx context.Context, f func(*Tx) error) error {
	return db.submit(&job{ctx: ctx, f: f, done: make(chan struct{})})
}

func (db *file) soon(ctx context.Context, f func(*Tx) error) error {
	return db.submit(&job{ctx: ctx, f: f, soon: true, done: make(chan struct{})})
}

// submit sees to it that a job is done, and waits for its answer. Where nobody writes, who wants it writes by himself, which spares
// two changes of goroutines; else it waits for the writer, who takes all that wait.
func (db *file) submit(j *job) error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
		db.commitGroup(db.gather(j))
		return j.err
	default:
	}
	select {
	case db.jobs <- j:
	case <-db.stopped:
		return ErrClosed
	case <-j.ctx.Done():
		return fmt.Errorf("store: update: %w", j.ctx.Err())
	}
	// From here on the writer owns the job: its answer is always waited for, so
	// that nobody is told "failed" about rows that were committed.
	select {
	case <-j.done:
		return j.err
	case <-db.stopped:
	}
	select { // the writer may have answered as its last act
	case <-j.done:
		return j.err
	default:
		return ErrClosed
	}
}

// writeLoop writes what waits, each turn all of it, and syncs what lags. At the end it keeps the turn.
func (db *file) writeLoop() {
	defer close(db.stopped)
	for {
		select {
		case <-db.quit:
			db.turn <- struct{}{}
			return
		case j := <-db.jobs:
			db.turn <- struct{}{}
			db.commitGroup(db.gather(j))
		case <-db.lag.due:
			db.turn <- struct{}{}
			db.syncLog()
		}
		<-db.turn
	}
}

func (db *file) gather(first *job) []*job {
	group := []*job{first}
	for len(group) < maxGroup {
		select {
		case j := <-db.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commitGroup runs all jobs and commits once. A failed commit is every job's failure.
func (db *file) commitGroup(group []*job) {
	err := errEnded
	defer func() {
		for _, j := range group {
			db.watch(j.err)
			if j.err == nil && err != nil {
				j.err = fmt.Errorf("store: commit: %w", full(err))
			}
			close(j.done)
		}
	}()
	err = db.write(group)
}

// errEnded: the goroutine that wrote has ended in the middle of it.
var errEnded = fmt.Errorf("%w: whose turn it was has ended", ErrBroken)

// write runs a group. A panic that is no job's own, see call, is the end of all writing, and so is the end of the goroutine: who
// writes may be anybody, whose server goes on after one, and nobody knows what the writer's connection is in the middle of.
func (db *file) write(group []*job) (err error) {
	whole := false
	defer func() {
		if whole {
			return
		}
		err = errEnded
		if p := recover(); p != nil {
			os.Stderr.Write(debug.Stack()) // errors are a line, and readyz shows them
			err = fmt.Errorf("%w: panic: %v", ErrBroken, p)
		}
		db.broken.Store(&err)
	}()
	if err = db.err(); err == nil {
		err = db.relax(group)
	}
	if err == nil {
		err = db.writer.runGroup(group)
		db.watch(err)
		db.lag.lagged()
	}
	whole = true
	return err
}

// watch stops all writing once an error says that the file can't be trusted.
func (db *file) watch(err error) {
	if isIOError(err) && db.err() == nil {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
		db.broken.Store(&err)
	}
}

// runGroup runs the jobs without savepoints first, since hardly one ever fails: with one for
// each job SQLite writes every page that a job changes, as it was, into a file beside. Where
// a job fails all are run again, each in a savepoint, so that only those that fail are undone.
func (c *conn) runGroup(group []*job) error {
	// Not a job's context: one that gives up must not undo the others.
	ctx := context.Background()
	if _, err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if !c.runAll(group) {
		c.exec(ctx, "ROLLBACK") // SQLite may have done it
		if len(group) == 1 {
			return nil
		}
		return c.runApart(ctx, group)
	}
	return c.commit(ctx)
}

// runAll runs jobs in one transaction; it reports whether it may be committed. Of a job that
// nobody waits for any more nothing is done.
func (c *conn) runAll(group []*job) bool {
	for _, j := range group {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		if c.run(j); j.err != nil {
			return false
		}
	}
	return true
}

// runApart runs jobs, each in a savepoint, and commits those that did not fail.
func (c *conn) runApart(ctx context.Context, group []*job) error {
	if _, err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, j := range group {
		if err := c.runJob(ctx, j); err != nil {
			c.exec(ctx, "ROLLBACK")
			return err
		}
	}
	return c.commit(ctx)
}

func (c *conn) commit(ctx context.Context) error {
	_, err := c.exec(ctx, "COMMIT")
	if err != nil {
		c.exec(ctx, "ROLLBACK")
	}
	return err
}

func (c *conn) run(j *job) {
	j.err = full(call(&Tx{ctx: context.Background(), file: c, speaks: sqliteDialect, writes: true, lags: j.soon}, j.f))
}

// runJob returns an error only when the whole group is lost; the job's own goes
// to j.err.
func (c *conn) runJob(ctx context.Context, j *job) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil
	}
	if _, err := c.exec(ctx, "SAVEPOINT job"); err != nil {
		return err
	}
	if c.run(j); j.err != nil {
		if _, err := c.exec(ctx, "ROLLBACK TO job"); err != nil {
			// A full disk, and the like, ends the whole transaction by itself
			// (https://sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
			return causeOf(j.err, err)
		}
	}
	_, err := c.exec(ctx, "RELEASE job")
	return err
}

// causeOf is why a group is lost: the engine's error in a job, where it was that, or
// what came of it.
func causeOf(job, after error) error {
	if errors.As(job, new(*sqlite.Error)) {
		return fmt.Errorf("%w: %w", job, after)
	}
	return after
}

// isIOError tells a file that can't be written from a full disk, which is no
// reason to stop for good (https://sqlite.org/rescode.html#ioerr).
func isIOError(err error) bool {
	const ioerr = 10
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == ioerr
}

// full marks a full disk as what it is for everybody.
func full(err error) error {
	const sqliteFull = 13
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqliteFull || state(err) == stateDiskFull {
		return fmt.Errorf("%w: %w", blob.ErrFull, err)
	}
	return err
}

// call turns a panic in one job into that job's error: the others' mail must not
// suffer for it.
func call(tx *Tx, f func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: update panicked: %v", p)
		}
	}()
	return tx.run(f)
}
