// Package store keeps every durable row: directory, mailboxes, quarantine, queue,
// journal. It is the only package that knows SQL. The texts are portable: one
// code serves SQLite and PostgreSQL, with "?" as placeholder, BIGINT microseconds
// for time, and no engine's own functions; the few words that differ are in a
// dialect.
//
// Two engines stand behind a DB. A file (sqlite.go, group.go) has one writer: all
// updates that wait share one transaction, and one sync pays for all of them; where one
// fails they are run again, each in a savepoint of its own. A server (postgres.go) has no single writer: each update
// is a transaction on one of many connections, and PostgreSQL groups the syncs. So
// that it is right there too, an update follows two rules: it locks a row before it
// reads what it will write back, and it locks in the order that locks.go names.
//
// Update returns when its rows are durable. Changes of flags alone are durable a little
// later (lag.go).
//
// A file a domain: mailbox.go implements mailbox's interfaces, and so on. The
// schema is in migrations/, applied in order of the files' numbers.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrClosed: the store was closed before the work was done.
var ErrClosed = errors.New("store: closed")

// A DB is an open store. It is safe for use by many goroutines.
type DB struct {
	engine engine
	marks  later // takes marks away (lag.go)
	noted  noted
}

// An engine runs work on rows.
type engine interface {
	view(ctx context.Context, limit time.Duration, f func(*Tx) error) error
	look(ctx context.Context, f func(*Tx) error) error
	update(ctx context.Context, f func(*Tx) error) error
	soon(ctx context.Context, f func(*Tx) error) error // update that is durable within a second (lag.go)
	export(ctx context.Context, dir string) (names []string, err error)
	name() string
	err() error
	repeats() int64
	close() error
}

// Err is why nothing can be stored now, or nil. On SQLite it is ErrBroken with its
// cause, for good. On PostgreSQL it ends when the server is back; ErrTaken is for good.
func (db *DB) Err() error { return db.engine.err() }

// Repeats is how often an update was run again, since the server gave its transaction
// up for another's sake, or a connection was lost; always 0 on SQLite.
func (db *DB) Repeats() int64 { return db.engine.repeats() }

// Close waits for the work under way, refuses what still waits with ErrClosed, and
// lets go of the database.
func (db *DB) Close() error {
	db.noted.later.end(db.writeNoted)
	db.marks.end(db.unmark)
	return db.engine.close()
}

// viewLimit bounds a View on a server.
const viewLimit = 2 * time.Minute

// View runs f on one consistent snapshot. f must not keep tx, nor call View or
// Update: every View may be waiting for a connection that another one holds.
func (db *DB) View(ctx context.Context, f func(*Tx) error) error {
	return db.settling(ctx, func() error { return db.engine.view(ctx, viewLimit, f) })
}

// look is View where f asks one statement alone, which is its own snapshot: that is paid for
// with every message.
func (db *DB) look(ctx context.Context, f func(*Tx) error) error { return db.engine.look(ctx, f) }

// Update runs f in a transaction and returns once what it wrote is durable, or
// with f's error and nothing written; ErrUnknown is the one exception. f may run
// again when the transaction that it ran in had to be given up, so it must set what
// it hands out, not add to it. f must not keep tx, nor call Update or View.
func (db *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return db.engine.update(ctx, f)
}

// A Tx runs statements inside View or Update. Their texts use "?" for
// placeholders; a text is prepared once on each connection and kept, so it must
// come from a small fixed set: values belong into arguments.
type Tx struct {
	ctx    context.Context
	file   *conn    // on SQLite; no interface stands for the two, since arguments
	server *session // on PostgreSQL; that pass through one are put on the heap
	speaks *dialect
	writes bool // it is an update
	lags   bool // the commit may be durable a second later than it is seen
	counts counts
	usages usages
	learnt lessons
	marked sentMarks
	clock  clock
}

// A clock is the database's, as a transaction reads it: once, and then with what has
// gone by since.
type clock struct {
	read   time.Time
	micros int64
	err    error
}

// now is the store's own clock, in microseconds: by it is told what is due. On a
// server it is the server's, so that nodes need not agree. An error ends the
// transaction, whatever is made of the number.
func (t *Tx) now() int64 {
	if t.speaks.clock == "" {
		return time.Now().UnixMicro()
	}
	c := &t.clock
	if c.read.IsZero() && c.err == nil {
		c.err = t.Row(t.speaks.clock, nil, &c.micros)
		c.read = time.Now()
	}
	return c.micros + time.Since(c.read).Microseconds()
}

// run does the work, and what it has left for its end.
func (t *Tx) run(f func(*Tx) error) error {
	err := f(t)
	if err == nil {
		err = t.learnt.write(t)
	}
	if err == nil {
		err = t.marked.write(t)
	}
	if err == nil {
		err = t.usages.write(t)
	}
	if err == nil {
		err = t.counts.write(t)
	}
	if err == nil && t.clock.err != nil {
		err = fmt.Errorf("the database's clock: %w", t.clock.err)
	}
	return err
}

// Context is the context that the work runs under.
func (t *Tx) Context() context.Context { return t.ctx }

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if t.file != nil {
		return t.file.exec(t.ctx, query, args...)
	}
	return t.server.exec(t.ctx, query, args...)
}

// Query runs a statement that returns rows. The caller closes them before the
// next statement.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if t.file != nil {
		return t.file.query(t.ctx, query, args...)
	}
	return t.server.query(t.ctx, query, args...)
}

// Row scans the one row of a query into dest; sql.ErrNoRows where there is none.
func (t *Tx) Row(query string, args []any, dest ...any) error {
	if t.file != nil {
		return t.file.row(t.ctx, query, args, dest...)
	}
	return t.server.row(t.ctx, query, args, dest...)
}
