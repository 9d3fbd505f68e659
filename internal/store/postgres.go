package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// A server is a PostgreSQL as engine: a pool of connections, and the node's lock on
// the database (node.go).
type server struct {
	pool  *sql.DB
	views chan struct{} // a place for each View: some connections are left to updates
	texts sync.Map      // of statements as written to statements with $1, $2 …: a small fixed set
	node  *node
	again atomic.Int64  // how often an update was run again
	limit time.Duration // updateLimit
	renew chan struct{} // held by who renews (lag.go)
	lags  bool          // the server syncs within a second what it does not sync at once

	mu    sync.Mutex
	ended bool
	under sync.WaitGroup  // work that was let in
	ends  context.Context // ends with the server, for Views
	end   context.CancelFunc
}

// Limits of a server.
const (
	poolSize     = 16               // connections, where the DSN does not say
	connectLimit = 5 * time.Second  // for a connection to be made
	waitLimit    = 10 * time.Second // for a connection to be free
	awayLimit    = time.Second      // for one while the database is known to be gone
	updateLimit  = 30 * time.Second // for an Update, however often it is tried
	renewLimit   = time.Hour        // for what is done once after a fall: all messages of some folders may be changed
	updateTries  = 10
)

// OpenServer opens the PostgreSQL database that dsn names and brings its schema up to
// date. A database belongs to one node at a time: ErrTaken where another has it. The
// parameter pool_max_conns of dsn is the number of connections, 16 without it. A server
// that can't be reached yet is waited for, a minute at most: waits, which may be nil, is
// told once why.
func OpenServer(ctx context.Context, dsn string, who Node, waits func(error)) (*DB, error) {
	s, err := openServer(ctx, dsn, who, waits)
	if err != nil {
		return nil, fmt.Errorf("store: open PostgreSQL: %w", err)
	}
	return &DB{engine: s}, nil
}

func openServer(ctx context.Context, dsn string, who Node, waits func(error)) (*server, error) {
	c, size, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	s := &server{pool: stdlib.OpenDB(*c), views: make(chan struct{}, max(1, size-max(1, size/4))), limit: updateLimit, renew: make(chan struct{}, 1)}
	s.ends, s.end = context.WithCancel(context.Background())
	s.pool.SetMaxOpenConns(size)
	s.pool.SetMaxIdleConns(size)
	s.pool.SetConnMaxIdleTime(5 * time.Minute)
	if s.node, err = claimNode(ctx, c, who, waits); err != nil {
		s.pool.Close()
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.node.release()
		s.pool.Close()
		return nil, err
	}
	s.node.watch()
	return s, nil
}

// parseDSN returns how to connect, and with how many connections.
func parseDSN(dsn string) (c *pgx.ConnConfig, size int, err error) {
	if c, err = pgx.ParseConfig(dsn); err != nil {
		return nil, 0, errors.New("store.dsn is not a valid PostgreSQL address") // the cause may quote it, with its password
	}
	size = poolSize
	if text := c.RuntimeParams["pool_max_conns"]; text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 2 || size > 1000 {
			return nil, 0, fmt.Errorf("pool_max_conns is %q, and must be a number from 2 to 1000", text)
		}
		delete(c.RuntimeParams, "pool_max_conns")
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectLimit
	}
	// What a role or a database was set to must not make a commit less durable, or
	// one node's transactions see others' differently.
	if c.RuntimeParams["synchronous_commit"] == "" {
		c.RuntimeParams["synchronous_commit"] = "on"
	}
	if c.RuntimeParams["synchronous_commit"] == "off" {
		return nil, 0, errors.New("synchronous_commit is off: mail that was accepted would be lost when the server falls")
	}
	// Of several hosts the one that takes writes: a first one that was demoted answers, too.
	if c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.RuntimeParams["application_name"] = "gatepost"
	c.RuntimeParams["client_encoding"] = "UTF8"
	// A node that hangs, or whose host fell silent, lets go of its locks before its
	// successor has waited for fenceLimit.
	for key, value := range map[string]string{
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
		"idle_in_transaction_session_timeout": "35000",
	} {
		c.RuntimeParams[key] = value
	}
	return c, size, nil
}

// prepare makes the database fit, once the node has it.
func (s *server) prepare(ctx context.Context) error {
	c, err := s.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var encoding string
	if err := c.QueryRowContext(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s: make one with ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	if err := finished(ctx, c); err != nil {
		return err
	}
	if err := ownSchema().migrate(ctx, c, postgresDialect); err != nil {
		return err
	}
	// It writes at most three of these later
	// (https://www.postgresql.org/docs/current/wal-async-commit.html).
	if err := c.QueryRowContext(ctx, `SELECT CAST(setting AS INTEGER) <= 333 FROM pg_settings WHERE name = 'wal_writer_delay'`).Scan(&s.lags); err != nil {
		return err
	}
	return s.node.enter(ctx)
}

func (s *server) repeats() int64 { return s.again.Load() }

// err is why the node can't store: the database is gone, or somebody else's.
func (s *server) err() error { return s.node.err() }

// close lets nothing in any more, ends Views, and waits for updates, which have a
// limit of their own.
func (s *server) close() error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.end()
	s.under.Wait()
	err := s.pool.Close()
	return errors.Join(err, s.node.release())
}

// begin counts work in, until done is called.
func (s *server) begin() (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, ErrClosed
	}
	s.under.Add(1)
	return s.under.Done, nil
}

// untilClosed returns a context that ends with ctx, and with the server.
func (s *server) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	leave := context.AfterFunc(s.ends, func() { cancel(ErrClosed) })
	return ctx, func() { leave(); cancel(nil) }
}

func (s *server) view(ctx context.Context, limit time.Duration, f func(*Tx) error) error {
	done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := s.untilClosed(ctx)
	defer cancel()
	err = s.read(ctx, limit, f)
	if err != nil && errors.Is(context.Cause(ctx), ErrClosed) {
		return ErrClosed
	}
	return told(ctx, err)
}

// look is view: what a server needs for a snapshot it needs for a bounded read, too.
func (s *server) look(ctx context.Context, f func(*Tx) error) error {
	return s.view(ctx, viewLimit, f)
}

func (s *server) read(ctx context.Context, limit time.Duration, f func(*Tx) error) error {
	leave, err := s.enterView(ctx)
	if err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	defer leave()
	// A driver whose context ends closes its connection: a new one is not paid for
	// where nothing was asked yet.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	c, tx, err := s.transaction(ctx, whole, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	defer c.Close()
	defer tx.Rollback()
	ctx, cancel = context.WithTimeout(ctx, limit)
	defer cancel()
	return (&Tx{ctx: ctx, server: &session{tx, s}, speaks: postgresDialect}).run(f)
}

// enterView waits for a place among the Views: whoever reads, however slowly, leaves
// mail its connections.
func (s *server) enterView(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	select {
	case s.views <- struct{}{}:
		return func() { <-s.views }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// patience is how long to wait for a connection.
func (s *server) patience() time.Duration {
	if s.node.err() != nil {
		return awayLimit
	}
	return waitLimit
}

// transaction waits for a free connection and begins. A connection that was cut and
// does not know it yet is replaced by another: when a server comes back, all are.
func (s *server) transaction(ctx, whole context.Context, o *sql.TxOptions) (*sql.Conn, *sql.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	for {
		c, err := s.pool.Conn(ctx)
		if err != nil {
			s.node.look()
			return nil, nil, err
		}
		tx, err := c.BeginTx(whole, o)
		if err == nil {
			return c, tx, nil
		}
		cut := gone(c)
		c.Close()
		if !cut || ctx.Err() != nil || whole.Err() != nil {
			return nil, nil, err
		}
	}
}

func (s *server) update(ctx context.Context, f func(*Tx) error) error {
	return s.commit(ctx, errand{do: f})
}

func (s *server) soon(ctx context.Context, f func(*Tx) error) error {
	return s.commit(ctx, errand{do: f, lags: s.lags})
}

// An errand is what an update is to do.
type errand struct {
	do     func(*Tx) error
	lags   bool // its commit is durable within a second (lag.go)
	renews bool // it is done after a fall, before others
}

func (s *server) commit(ctx context.Context, e errand) error {
	done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	// Once it is begun the caller can't end it: nobody is told "failed" about rows
	// that were committed.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limit)
	defer cancel()
	for try := 1; ; try++ {
		again, err := s.attempt(ctx, whole, e)
		if errors.Is(err, errFell) {
			if again, err = s.renewed(whole); err == nil {
				again, err = s.attempt(ctx, whole, e)
			}
		}
		if err == nil || !again || try == updateTries {
			return told(ctx, err)
		}
		s.again.Add(1)
		select { // who was in each other's way should not meet again
		case <-time.After(time.Duration(rand.IntN(5*try)+1) * time.Millisecond):
		case <-whole.Done():
			return told(ctx, err)
		}
	}
}

// renewed has what a fall may have lost renewed, by one who takes the time that it needs; all others wait no
// longer than for an update.
func (s *server) renewed(whole context.Context) (again bool, err error) {
	select {
	case s.renew <- struct{}{}:
		defer func() { <-s.renew }()
	case <-whole.Done():
		return false, fmt.Errorf("store: update: %w; they are being made good", errFell)
	}
	ctx, cancel := context.WithTimeout(s.ends, renewLimit)
	defer cancel()
	return s.attempt(ctx, ctx, errand{renews: true, do: func(tx *Tx) error { return renew(tx, "server") }})
}

// attempt does an errand in one transaction. again: nothing was committed, and another try
// may do better.
func (s *server) attempt(ctx, whole context.Context, e errand) (again bool, err error) {
	c, tx, err := s.transaction(ctx, whole, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return false, fmt.Errorf("store: update: %w", err)
	}
	defer c.Close()
	work := &Tx{ctx: whole, server: &session{tx, s}, speaks: postgresDialect, lags: e.lags}
	fell, err := s.node.fence(work)
	if fell && !e.renews {
		err = errFell
	}
	if err == nil {
		err = call(work, e.do)
	}
	if err != nil {
		again = conflict(err) || gone(c) && whole.Err() == nil
		tx.Rollback()
		if state(err) == stateReadOnly {
			s.node.look()
			discard(c)
			again = true
		}
		return again, full(err)
	}
	if err := tx.Commit(); err != nil {
		return uncommitted(err)
	}
	return false, nil
}

// A session is one transaction.
type session struct {
	tx *sql.Tx
	s  *server
}

// prepare returns a statement as the driver wants it, which keeps it prepared on each
// connection.
func (t *session) prepare(query string, args []any) (string, []any, error) {
	text, known := t.s.texts.Load(query)
	if !known {
		text = postgresDialect.marks(query)
		t.s.texts.Store(query, text)
	}
	args, err := plain(args)
	return text.(string), args, err
}

func (t *session) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query, args, err := t.prepare(query, args)
	if err != nil {
		return nil, err
	}
	return t.tx.ExecContext(ctx, query, args...)
}

func (t *session) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, args, err := t.prepare(query, args)
	if err != nil {
		return nil, err
	}
	return t.tx.QueryContext(ctx, query, args...)
}

func (t *session) row(ctx context.Context, query string, args []any, dest ...any) error {
	query, args, err := t.prepare(query, args)
	if err != nil {
		return err
	}
	return t.tx.QueryRowContext(ctx, query, args...).Scan(dest...)
}
