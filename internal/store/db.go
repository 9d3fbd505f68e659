// Package store keeps every durable row: directory, mailboxes, quarantine,
// journal. It is the only package that knows SQL. The texts are portable: one
// code serves SQLite now and PostgreSQL later, with "?" as placeholder, BIGINT
// microseconds for time, and no engine's own functions.
//
// Writes are grouped: all that wait share one transaction, each in a savepoint
// of its own, and one sync pays for all of them. Update returns when its rows are durable.
//
// A file a domain: mailbox.go implements mailbox's interfaces, and so on. The
// schema is in migrations/, applied in order of the files' numbers.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// ErrClosed: the store was closed before the work was done.
var ErrClosed = errors.New("store: closed")

// A DB is an open store. It is safe for use by many goroutines.
type DB struct {
	pool    *sql.DB
	writer  *conn      // the writer's own
	readers chan *conn // those not in use
	jobs    chan *job
	quit    chan struct{} // closed by Close
	stopped chan struct{} // closed by the writer as its last act
	broken  atomic.Pointer[error]
}

// ErrBroken: the database file could not be written or synced. What is on disk is
// unknown from then on (a sync that failed once may seem to succeed when it is
// tried again), so nothing more is written until the process is started anew.
var ErrBroken = errors.New("store: a write to the database file, or a sync failed; storing has stopped")

// Err returns nil, or ErrBroken with its cause.
func (db *DB) Err() error {
	if err := db.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// readers is how many Views run at once.
const readers = 8

// pragmas: WAL so that readers never wait for the writer; FULL so that a
// commit is on disk when it returns (https://sqlite.org/pragma.html#pragma_synchronous);
// 4 MiB of page cache a connection, so that the node's memory is bounded.
const pragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
	"&_pragma=busy_timeout(10000)&_pragma=cache_size(-4096)&_pragma=wal_autocheckpoint(4000)"

// Open opens the SQLite file at path, made where it is missing, and brings its
// schema up to date. One process owns the file; the caller holds the data
// directory's lock.
func Open(ctx context.Context, path string) (*DB, error) {
	db, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	return db, nil
}

func open(ctx context.Context, path string) (*DB, error) {
	// SQLite would let others read it, and what it makes beside it takes its mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close() // nothing was written
	pool, err := sql.Open("sqlite", "file:"+path+pragmas)
	if err != nil {
		return nil, err
	}
	db := &DB{
		pool: pool, readers: make(chan *conn, readers),
		jobs: make(chan *job, 1024), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := db.connect(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	go db.writeLoop()
	return db, nil
}

func (db *DB) connect(ctx context.Context) (err error) {
	if db.writer, err = newConn(ctx, db.pool); err != nil {
		return err
	}
	if err := migrate(ctx, db.writer.c); err != nil {
		return err
	}
	for range readers {
		r, err := newConn(ctx, db.pool)
		if err != nil {
			return err
		}
		db.readers <- r
	}
	return nil
}

// Close waits for the group under way and the Views that run, refuses what
// still waits with ErrClosed, and closes the file.
func (db *DB) Close() error {
	close(db.quit)
	<-db.stopped
	for range readers {
		(<-db.readers).close()
	}
	db.writer.close()
	return db.pool.Close()
}

// View runs f on one consistent snapshot. f must not keep tx, nor call View or
// Update: every View may be waiting for a connection that another one holds.
func (db *DB) View(ctx context.Context, f func(*Tx) error) error {
	var c *conn
	select {
	case c = <-db.readers:
	case <-db.quit:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("store: view: %w", ctx.Err())
	}
	defer func() { db.readers <- c }()
	// Not under ctx: the driver says ctx.Err() even where BEGIN was done.
	whole := context.WithoutCancel(ctx)
	if _, err := c.exec(whole, "BEGIN"); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	defer c.exec(whole, "ROLLBACK")
	return f(&Tx{ctx: ctx, c: c})
}

// A Tx runs statements inside View or Update. Their texts use "?" for
// placeholders; a text is prepared once on each connection and kept, so it must
// come from a small fixed set: values belong into arguments.
type Tx struct {
	ctx context.Context
	c   *conn
}

// now is the store's own clock, in microseconds: by it is told what is due.
func (t *Tx) now() int64 { return time.Now().UnixMicro() }

// Context is the context that the work runs under.
func (t *Tx) Context() context.Context { return t.ctx }

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	return t.c.exec(t.ctx, query, args...)
}

// Query runs a statement that returns rows. The caller closes them before the
// next statement.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	s, err := t.c.prepare(t.ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(t.ctx, args...)
}

// Row scans the one row of a query into dest; sql.ErrNoRows where there is none.
func (t *Tx) Row(query string, args []any, dest ...any) error {
	s, err := t.c.prepare(t.ctx, query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(t.ctx, args...).Scan(dest...)
}

// A conn is one connection with its prepared statements. One goroutine uses it
// at a time. (sql.DB and sql.Tx prepare again for each transaction, which costs
// more than most statements.)
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

func newConn(ctx context.Context, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, stmts: map[string]*sql.Stmt{}}, nil
}

func (c *conn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (c *conn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.c.Close()
}
