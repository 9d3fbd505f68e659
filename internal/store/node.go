package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Advisory locks (https://www.postgresql.org/docs/current/explicit-locking.html),
// each known by a number within the database: who has it, who migrates, and the epochs.
const (
	lockNode    = "7165401700000001"
	lockMigrate = "7165401700000002"
	classEpoch  = 71654017
)

// Limits of the node's lock.
const (
	startPatience = time.Minute            // for a server that can't be reached
	awayInterval  = 250 * time.Millisecond // between tries meanwhile
	nodePatience  = 3 * time.Second        // for a predecessor's session to end
	takenInterval = 50 * time.Millisecond  // between tries meanwhile
	nodeInterval  = 2 * time.Second        // between looks at the lock
	nodeLimit     = 5 * time.Second        // for a look
	fenceLimit    = 40 * time.Second       // for the predecessor's last transactions: more than updateLimit
)

// A Node is who opens a database, for others to read that find it taken.
type Node struct {
	Host string
	PID  int
	Data string // the data directory
	// Shared: contents are where other nodes reach them, too, so others may have the database at the same time,
	// if theirs are.
	Shared bool
}

// ErrTaken: the database is another node's, with which it can't be shared.
var ErrTaken = errors.New("the database is in use by another node")

// A node holds the database for one process, where contents are in its data directory: rows
// that another wrote would name contents that are not there. Nodes that share contents
// hold it together, and each keeps out those that don't.
//
// A connection of its own holds an advisory lock, which the server lets go when the
// connection ends. A node that lost it, and does not know yet, is kept out by the
// epoch: it changes with each new holder, and each update asks for it and shares its
// lock (fence). A new holder takes the lock of the last epoch for itself, and of those
// before that are held still, so it waits for what its predecessors have begun, and
// what is begun later is refused.
type node struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn // watch's own once it runs
	epoch  atomic.Int64
	state  atomic.Pointer[error] // nil: it holds
	again  chan struct{}         // asks for a look at once
	who    Node
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// claimNode takes the lock. The session of a process that was killed may be there a
// moment longer than the process, and a server that starts with this host is there a
// moment later.
func claimNode(ctx context.Context, c *pgx.ConnConfig, who Node, waits func(error)) (*node, error) {
	n := &node{config: c.Copy(), who: who, again: make(chan struct{}, 1), stop: func() {}}
	n.config.RuntimeParams["application_name"] = "gatepost node"
	away, taken := time.Now().Add(startPatience), time.Time{}
	for {
		err := n.lock(ctx)
		now, wait := time.Now(), takenInterval
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, ErrTaken) && (taken.IsZero() || now.Before(taken)):
			if taken.IsZero() {
				taken = now.Add(nodePatience)
			}
		case unreachable(err) && now.Before(away):
			if wait = awayInterval; waits != nil {
				waits(err)
				waits = nil
			}
		default:
			n.drop()
			return nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			n.drop()
			return nil, err
		}
	}
}

// lock connects where there is no connection and takes the lock. ErrTaken: somebody
// has it.
func (n *node) lock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodeLimit)
	defer cancel()
	if n.conn == nil {
		c, err := pgx.ConnectConfig(ctx, n.config)
		if err != nil {
			return err
		}
		n.conn = c
	}
	var got bool
	try := "pg_try_advisory_lock"
	if n.who.Shared {
		try += "_shared"
	}
	err := n.conn.QueryRow(ctx, `SELECT `+try+`(`+lockNode+`)`).Scan(&got)
	switch {
	case err != nil:
		n.drop()
		return err
	case !got:
		return n.taken(ctx)
	}
	return nil
}

// drop ends the connection, and the lock with it.
func (n *node) drop() error {
	if n.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), nodeLimit)
	defer cancel()
	err := n.conn.Close(ctx)
	n.conn = nil
	return err
}

// taken says who has the database, as far as it is known.
func (n *node) taken(ctx context.Context) error {
	var who Node
	var since int64
	// A schema from before nodes shared has no such column.
	err := n.conn.QueryRow(ctx, `SELECT host, pid, data, since, COALESCE(to_jsonb(s)->>'shared', '0') = '1' FROM store_node s`).
		Scan(&who.Host, &who.PID, &who.Data, &since, &who.Shared)
	if err != nil {
		return fmt.Errorf("%w, which has not said yet who it is: %v", ErrTaken, err)
	}
	advice := "stop it first (several nodes on one database need content.s3, all of them)"
	switch {
	case who.Shared && !n.who.Shared:
		advice = "and maybe others, which share contents: set content.s3 here as it is there"
	case n.who.Shared:
		advice = "stop it first: it keeps contents in its data directory, which others can't reach"
	}
	return fmt.Errorf("%w: host %s, process %d, data directory %s, since %s; %s",
		ErrTaken, who.Host, who.PID, who.Data, fromMicros(since).Format(time.RFC3339), advice)
}

// enter makes the node the holder in the eyes of all, and waits for what the last one
// had begun. Who joins nodes that share takes their epoch.
func (n *node) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fenceLimit)
	defer cancel()
	tx, err := n.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	var epoch, shared int64
	if err := tx.QueryRow(ctx, `SELECT epoch, shared FROM store_node FOR UPDATE`).Scan(&epoch, &shared); err != nil {
		return err
	}
	joins := n.who.Shared && shared == 1
	if !joins {
		epoch++
	}
	if shared = 0; n.who.Shared {
		shared = 1
	}
	_, err = tx.Exec(ctx, `UPDATE store_node SET epoch = $1, shared = $2, host = $3, pid = $4, data = $5,
		since = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`, epoch, shared, n.who.Host, n.who.PID, n.who.Data)
	if err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	n.epoch.Store(epoch)
	if joins {
		return nil
	}
	if err := n.outwait(ctx, epoch); err != nil {
		return fmt.Errorf("wait for the last node's transactions: %w", err)
	}
	return nil
}

// heldEpochs are those that somebody's transactions hold.
const heldEpochs = `SELECT DISTINCT CAST(objid AS BIGINT) AS e FROM pg_locks
	WHERE locktype = 'advisory' AND granted AND classid = $1 AND objsubid = 2 AND CAST(objid AS BIGINT) < $2 AND pid <> pg_backend_pid()
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY e`

// outwait takes the locks of the last epoch, which nothing can be begun under then,
// and of all before that are held: the last holder may have ended while it waited here
// itself.
func (n *node) outwait(ctx context.Context, epoch int64) error {
	rows, err := n.conn.Query(ctx, heldEpochs, classEpoch, epoch-1)
	if err != nil {
		return err
	}
	epochs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, e := range append(epochs, epoch-1) {
		if _, err := n.conn.Exec(ctx, `SELECT pg_advisory_lock($1, $2)`, classEpoch, e); err != nil {
			return err
		}
	}
	return nil
}

// fence fails where the database has become another's, and keeps it the node's until
// the transaction ends. fell: the server has fallen since the last renew (lag.go). A
// transaction that may lag is told so on the way.
func (n *node) fence(tx *Tx) (fell bool, err error) {
	if err := n.err(); errors.Is(err, ErrTaken) {
		return false, err
	}
	own, epoch, shared := n.epoch.Load(), int64(0), false
	query, level := fenceDurable, ""
	if tx.lags {
		query = fenceLagging
	}
	if err := tx.Row(query, []any{own}, &epoch, &shared, &fell, &level); err != nil {
		return false, fmt.Errorf("store: update: %w", err)
	}
	if epoch != own || !shared {
		n.look()
		return false, fmt.Errorf("store: update: %w", ErrTaken)
	}
	return fell, nil
}

const (
	// The class is classEpoch.
	selectFence  = `SELECT epoch, pg_try_advisory_xact_lock_shared(71654017, CAST(? AS INTEGER)), NOT EXISTS (SELECT 1 FROM store_alive), `
	fenceDurable = selectFence + `'' FROM store_node`
	fenceLagging = selectFence + `set_config('synchronous_commit', 'off', true) FROM store_node`
)

// err is what the last look found.
func (n *node) err() error {
	if err := n.state.Load(); err != nil {
		return *err
	}
	return nil
}

// look has the lock looked at now.
func (n *node) look() {
	select {
	case n.again <- struct{}{}:
	default:
	}
}

// watch looks at the lock again and again, until release.
func (n *node) watch() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.ended.Go(func() {
		tick := time.NewTicker(nodeInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-n.again:
			}
			err := n.hold(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				n.state.Store(nil)
				continue
			}
			err = fmt.Errorf("store: PostgreSQL: %w", err)
			n.state.Store(&err)
			if errors.Is(err, ErrTaken) {
				return // it wrote what this node does not know of
			}
		}
	})
}

// hold makes sure of the lock. Where it was lost and is free again, nobody may have
// had it meanwhile.
func (n *node) hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodeLimit)
	defer cancel()
	if n.conn != nil && n.writable(ctx) {
		return nil
	}
	n.drop()
	locked := n.lock(ctx)
	if locked != nil && !errors.Is(locked, ErrTaken) {
		return locked
	}
	var epoch int64
	if err := n.conn.QueryRow(ctx, `SELECT epoch FROM store_node`).Scan(&epoch); err != nil {
		n.drop()
		return err
	}
	switch {
	case epoch != n.epoch.Load():
		err := n.taken(ctx)
		n.drop()
		return err
	case locked != nil:
		n.drop()
		return errors.New("the server has not ended this node's last session yet")
	}
	return nil
}

// writable tells that the session is there, on a server that takes writes.
func (n *node) writable(ctx context.Context) bool {
	readOnly := ""
	err := n.conn.QueryRow(ctx, `SHOW transaction_read_only`).Scan(&readOnly)
	return err == nil && readOnly == "off"
}

// release ends the watch and lets go of the lock.
func (n *node) release() error {
	n.stop()
	n.ended.Wait()
	return n.drop()
}
