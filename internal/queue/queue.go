package queue

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/mail"
)

// Contents keeps what messages are made of.
type Contents interface {
	Open(ctx context.Context, blob string) (Content, error)
	// Put stores a content and returns its name once it is durable.
	Put(ctx context.Context, r io.Reader, size int64) (blob string, err error)
}

// Content is one stored content. The caller closes it.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// A Router says where what we tell a sender goes.
type Router interface {
	Destination(to mail.Path) Destination
}

// An Observer counts what the queue does; its methods return at once.
type Observer interface {
	Attempt(fate string)
	Notice(kind string)
}

// A Config is what a Queue needs.
type Config struct {
	Rows     Rows
	Carrier  Carrier
	Contents Contents
	Router   Router
	Observer Observer

	Hostname    string        // ours, in reports
	Retry       time.Duration // after a first failure; each further one doubles it
	RetryMax    time.Duration // but no longer than this
	Lifetime    time.Duration // of what we tell senders
	HoldFor     time.Duration // how long what is held is kept
	DelayNotice time.Duration // after which a sender is told that its mail is late; 0: never
	Parallel    int           // jobs for one destination at once
	Connections int           // jobs at once, in all

	// Mark returns by what the ledger of what was sent knows a message that we wrote
	// (Message.Mark); nil: there is no ledger.
	Mark func(*mail.Message) []byte

	// Sign returns the fields with which a message that we wrote is signed, for its top; nil: none is. What can't
	// be signed leaves as it is.
	Sign func(context.Context, *mail.Message) []byte

	// Down reports whether a destination is known to be out of reach, so that nobody
	// is kept waiting for it; nil: none is.
	Down func(Destination) bool

	// Old returns the time by which what was tried long enough is given up, and whether it may be gone by; nil: Now's.
	Old func(context.Context) (time.Time, bool)

	Log *slog.Logger     // nil: silent
	Now func() time.Time // nil: time.Now
}

// Times of a claim. A job ends before its claim does.
const (
	lease   = 30 * time.Minute
	jobTime = 25 * time.Minute
)

// nearerEach is how often it is looked for what a clock that was ahead has put off too far.
const nearerEach = time.Hour

// rescan is how often the rows are looked through for destinations with work that
// nobody woke us for: commands that ran beside, other nodes, claims that ran out.
const rescan = 30 * time.Second

// claimed is how many transfers a worker takes at once.
const claimed = 100

// A Queue has transfers carried when they are due. It is safe for use by many
// goroutines.
type Queue struct {
	c       Config                 // of which what Set changes is in set
	set     atomic.Pointer[Config] // its times and numbers
	letters *limiter
	kick    chan struct{} // something changed; has room for one

	mu    sync.Mutex
	lanes map[Destination]*lane
	wire  map[int64]int64 // fences of what workers have, by the transfer's ID
}

// New returns a Queue. Nothing is carried before Run.
func New(c Config) *Queue {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	q := &Queue{c: c, letters: newLimiter(c.Now), kick: make(chan struct{}, 1), lanes: map[Destination]*lane{}, wire: map[int64]int64{}}
	q.set.Store(&c)
	return q
}

// Set puts the times and numbers of another Config in force. What was planned by the others
// stays as it was planned.
func (q *Queue) Set(c Config) {
	q.set.Store(&c)
	q.nudge()
}

// Wake says that a destination has something that is due now.
func (q *Queue) Wake(d Destination) {
	q.mu.Lock()
	q.lane(d).soon(q.c.Now())
	q.mu.Unlock()
	q.nudge()
}

// Flush is Wake for a destination that rests since it could not be reached: it is
// tried at once.
func (q *Queue) Flush(d Destination) {
	q.mu.Lock()
	l := q.lane(d)
	l.rests, l.failures = time.Time{}, 0
	l.soon(q.c.Now())
	q.mu.Unlock()
	q.nudge()
}

// Resting returns until when a destination is left alone since it could not be
// reached; zero: it is not.
func (q *Queue) Resting(d Destination) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lanes[d]; l != nil && q.c.Now().Before(l.rests) {
		return l.rests
	}
	return time.Time{}
}

func (q *Queue) nudge() {
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// reclaimPause is between tries to take claims back.
const reclaimPause = time.Second

// reclaim takes back what an earlier life of this node had claimed, as soon as the rows
// can be reached: a database that is gone for a moment must not end the node.
func (q *Queue) reclaim(ctx context.Context) {
	for {
		err := q.c.Rows.Reclaim(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		q.c.Log.Error("queue: taking claims back", "error", err)
		select {
		case <-time.After(reclaimPause):
		case <-ctx.Done():
		}
	}
}

// Run has transfers carried until ctx ends. Then jobs under way may end as they
// can within drain, and it returns when none is left.
func (q *Queue) Run(ctx context.Context, drain time.Duration) error {
	q.reclaim(ctx)
	// Jobs outlive ctx by as much as they are given.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	timer := time.NewTimer(0) // the first look at the rows
	defer timer.Stop()
	next := q.c.Now()
	nearer := next
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-q.kick:
		}
		if now := q.c.Now(); !now.Before(next) && ctx.Err() == nil {
			next = now.Add(rescan)
			if !now.Before(nearer) {
				nearer = now.Add(nearerEach)
				q.nearer(ctx)
			}
			if err := q.scan(ctx); err != nil && ctx.Err() == nil {
				q.c.Log.Error("queue: looking for work", "error", err)
			}
		}
		due := q.dispatch(ctx, work, &workers)
		timer.Reset(max(min(due, next.Sub(q.c.Now())), time.Millisecond))
	}
	stop := time.AfterFunc(drain, cancel)
	defer stop.Stop()
	workers.Wait()
	return nil
}

// nearer brings near again what was put off while the clock was ahead. Nothing waits for longer than
// the longest retry by itself.
func (q *Queue) nearer(ctx context.Context) {
	most := max(2*q.set.Load().RetryMax, 2*lease)
	for all := 0; ; {
		n, err := q.c.Rows.Nearer(ctx, most)
		if all += n; n > 0 {
			continue
		}
		if err != nil && ctx.Err() == nil {
			q.c.Log.Error("queue: looking for what waits too long", "error", err)
		}
		if all > 0 {
			q.c.Log.Warn("queue: mail was put off further than it ever is, by a clock that was ahead; it is tried now", "transfers", all)
		}
		return
	}
}

// scan learns from the rows which destinations have work, and when.
func (q *Queue) scan(ctx context.Context) error {
	list, err := q.c.Rows.Destinations(ctx)
	if err != nil {
		return err
	}
	now := q.c.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(now)
	for _, w := range list {
		q.lane(w.Destination).soon(now.Add(w.Due))
	}
	return nil
}

// dispatch starts workers where something is due and there is room, one for each
// destination in turn, and returns how long there is nothing more to start.
func (q *Queue) dispatch(ctx, work context.Context, workers *sync.WaitGroup) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.c.Now()
	wait, sum := rescan, q.load()
	for started := true; started && ctx.Err() == nil; {
		started = false
		for _, l := range q.inTurn() {
			at := l.next()
			if d := at.Sub(now); d > 0 {
				wait = min(wait, d)
				continue
			}
			if l.running >= l.allowed || !q.room(l, sum) {
				continue // a worker that ends nudges
			}
			started = true
			l.begin(now)
			sum.add(l, 1)
			workers.Go(func() { q.work(ctx, work, l) })
		}
	}
	return wait
}
