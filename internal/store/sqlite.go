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

// A file is a SQLite database as engine: one writer, and a few readers.
type file struct {
	pool    *sql.DB
	turn    chan struct{} // held by who writes
	writer  *conn         // with the turn
	readers chan *conn    // those not in use
	opened  chan struct{} // one for each that is open, or that close keeps from being opened
	jobs    chan *job
	quit    chan struct{} // closed by close
	stopped chan struct{} // closed by the writer as its last act, with the turn
	broken  atomic.Pointer[error]
	lag     lagger // with the turn
}

// ErrBroken: the database file could not be written or synced. What is on disk is
// unknown from then on (a sync that failed once may seem to succeed when it is
// tried again), so nothing more is written until the process is started anew.
var ErrBroken = errors.New("store: a write to the database file, or a sync failed; storing has stopped")

func (db *file) err() error {
	if err := db.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (db *file) repeats() int64 { return 0 }

// readers is how many Views run at once. All but the first are opened when they are
// needed: each reads the whole schema, which takes more than starting does otherwise.
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
	db, err := openFile(ctx, path, bootID())
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	return &DB{engine: db}, nil
}

func openFile(ctx context.Context, path, boot string) (*file, error) {
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
	db := &file{
		pool: pool, readers: make(chan *conn, readers), opened: make(chan struct{}, readers),
		turn: make(chan struct{}, 1), jobs: make(chan *job, 1024), quit: make(chan struct{}), stopped: make(chan struct{}),
		lag: lagger{boot: boot, path: path + "-wal", due: make(chan struct{}, 1)},
	}
	if err := db.connect(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	go db.writeLoop()
	return db, nil
}

func (db *file) connect(ctx context.Context) (err error) {
	if db.writer, err = newConn(ctx, db.pool); err != nil {
		return err
	}
	if err := ownSchema().migrate(ctx, db.writer.c, sqliteDialect); err != nil {
		return err
	}
	if err := db.recover(ctx); err != nil {
		return err
	}
	r, err := db.another(ctx)
	if err == nil {
		db.readers <- r
	}
	return err
}

func (db *file) close() error {
	close(db.quit)
	<-db.stopped
	for range readers {
		select {
		case db.opened <- struct{}{}:
		case c := <-db.readers:
			c.close()
		}
	}
	db.writer.close()
	db.lag.close()
	return db.pool.Close()
}

// view has no limit of its own: nothing is waited for but the disk.
func (db *file) view(ctx context.Context, _ time.Duration, f func(*Tx) error) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { db.readers <- c }()
	// Not under ctx: the driver says ctx.Err() even where BEGIN was done.
	whole := context.WithoutCancel(ctx)
	if _, err := c.exec(whole, "BEGIN"); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	defer c.exec(whole, "ROLLBACK")
	return (&Tx{ctx: ctx, file: c, speaks: sqliteDialect}).run(f)
}

// look spares BEGIN and ROLLBACK.
func (db *file) look(ctx context.Context, f func(*Tx) error) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { db.readers <- c }()
	return (&Tx{ctx: ctx, file: c, speaks: sqliteDialect}).run(f)
}

// reader waits for a connection to read by; it is to be given back.
func (db *file) reader(ctx context.Context) (*conn, error) {
	select {
	case c := <-db.readers:
		return c, nil
	default:
	}
	if c, err := db.another(ctx); err == nil && c != nil {
		return c, nil
	}
	select {
	case c := <-db.readers:
		return c, nil
	case <-db.quit:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("store: view: %w", ctx.Err())
	}
}

// another opens a connection more to read by; nil: as many as there may be are open. Who
// gets an error can wait for one of those: the first is always there.
func (db *file) another(ctx context.Context) (*conn, error) {
	select {
	case db.opened <- struct{}{}:
	default:
		return nil, nil
	}
	c, err := newConn(ctx, db.pool)
	if err != nil {
		<-db.opened
	}
	return c, err
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

func (c *conn) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (c *conn) row(ctx context.Context, query string, args []any, dest ...any) error {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(ctx, args...).Scan(dest...)
}

func (c *conn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.c.Close()
}
