package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Config is what a Desk needs.
type Config struct {
	Rows  Rows
	Taker Taker
	// Dial logs in to an account. The session ends with ctx.
	Dial func(ctx context.Context, a *Account) (Session, error)
	// Source logs in to a whole account. The session ends with ctx.
	Source func(ctx context.Context, a *Account) (Source, error)
	Home   Home
	// Buffer makes room for one message at a time.
	Buffer func() (Buffer, error)
	// Tell tells the owner that his account fails; it reports false where there is nobody to tell.
	Tell func(ctx context.Context, a *Account) (bool, error)
	// Gone reports whether the account's mailbox is no more.
	Gone    func(a *Account) bool
	Observe func(f Fate)  // counts; nil: nobody does
	Ran     func(ok bool) // counts; nil: nobody does
	Log     *slog.Logger
	Now     func() time.Time

	Most      int64         // octets of a message
	AtOnce    int           // accounts of operators, and as many of owners
	RunTime   time.Duration // of one run; then it is broken off, and goes on with the next
	TellAfter time.Duration // of failing; 0: nobody is told
}

// A Desk has accounts fetched when they are due.
type Desk struct {
	Config
	rows  Rows
	taker Taker
	log   *slog.Logger
	most  int64
	wake  chan struct{}

	mu   sync.Mutex
	busy map[int64]claim
}

// A claim is on an account that is being fetched. Those of owners have a share of their own, so that no server which an owner
// chose holds up others' mail, and each mailbox one at a time.
type claim struct {
	owned bool
	box   int64
}

// New makes a Desk.
func New(c Config) *Desk {
	return &Desk{Config: c, rows: c.Rows, taker: c.Taker, log: c.Log, most: c.Most, wake: make(chan struct{}, 1), busy: map[int64]claim{}}
}

func (d *Desk) now() time.Time { return d.Now() }

func (d *Desk) observe(f Fate) {
	if d.Observe != nil {
		d.Observe(f)
	}
}

// Wake has it looked now for accounts that are due.
func (d *Desk) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// look is how often accounts are looked for that are due.
const look = 5 * time.Second

// Run fetches until ctx ends, and waits for what is under way.
func (d *Desk) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		for _, owned := range []bool{false, true} {
			for _, a := range d.due(ctx, owned) {
				if d.claim(&a) {
					wg.Go(func() {
						defer d.Wake()
						defer d.release(a.ID)
						d.visit(ctx, &a)
					})
				}
			}
		}
		select {
		case <-tick.C:
		case <-d.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// heldUp is how many accounts of each mailbox that one is fetched for may wait for it, and are passed over.
const heldUp = 16

// due returns accounts that may be fetched now, and some that may not.
func (d *Desk) due(ctx context.Context, owned bool) []Account {
	free := d.free(owned)
	if free <= 0 {
		return nil
	}
	most := free + d.AtOnce // those under way are due still
	if owned {
		most += d.AtOnce * heldUp
	}
	list, err := d.rows.Due(ctx, owned, most)
	if err != nil && ctx.Err() == nil {
		d.log.Error("collector: not known which accounts are due", "error", err)
	}
	return list
}

func (d *Desk) free(owned bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left(owned)
}

// left returns how many accounts more may be fetched. The caller holds the lock.
func (d *Desk) left(owned bool) int {
	n := d.AtOnce
	for _, c := range d.busy {
		if c.owned == owned {
			n--
		}
	}
	return n
}

// claim has an account to itself, unless it is under way or too many are.
func (d *Desk) claim(a *Account) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.busy[a.ID]; ok || d.left(a.Owned) <= 0 {
		return false
	}
	for _, c := range d.busy {
		if a.Owned && c.owned && c.box == a.Box {
			return false
		}
	}
	d.busy[a.ID] = claim{a.Owned, a.Box}
	return true
}

func (d *Desk) release(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, id)
}

// ErrBusy is of an account that is being fetched.
var ErrBusy = errors.New("it is being fetched")

// Visit fetches one account now and returns what became of that. Nobody else may fetch it meanwhile:
// where a Run is under way in another process, that one does it.
func (d *Desk) Visit(ctx context.Context, a *Account) (State, error) {
	if !d.claim(a) {
		return a.State, ErrBusy
	}
	defer d.release(a.ID)
	d.visit(ctx, a)
	return a.State, ctx.Err()
}

// visit fetches an account and notes what came of it.
func (d *Desk) visit(ctx context.Context, a *Account) {
	if d.Gone(a) {
		if err := d.rows.Remove(ctx, a.ID); err != nil && !errors.Is(err, ErrUnknown) && ctx.Err() == nil {
			d.log.Error("collector: account of a mailbox that is gone not removed", "collector", a.Name, "error", err)
		}
		return
	}
	r := &run{desk: d, account: a}
	err := d.fetch(ctx, r)
	if ctx.Err() != nil && err != nil { // the node stops, or another does the work
		return
	}
	wait := d.judge(a, r, err)
	if err != nil {
		d.log.Warn("collector: account not fetched", "collector", a.Name, "server", a.Address, "taken", r.taken, "failures", a.Failures, "error", err)
		d.tell(ctx, a)
	} else if r.taken+r.left > 0 {
		d.log.Info("collector: account fetched", "collector", a.Name, "server", a.Address, "taken", r.taken, "left", r.left, "octets", r.octets, "more", r.more)
	}
	if d.Ran != nil {
		d.Ran(err == nil)
	}
	if err := d.rows.Finish(ctx, a.ID, a.State, wait); err != nil && !errors.Is(err, ErrUnknown) && ctx.Err() == nil {
		d.log.Error("collector: what became of an account is not noted", "collector", a.Name, "error", err)
	}
}

// fetch does a run within its time.
func (d *Desk) fetch(ctx context.Context, r *run) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.RunTime, fmt.Errorf("it took more than %v", d.RunTime))
	defer cancel()
	buffer, err := d.Buffer()
	if err != nil {
		return err
	}
	defer buffer.Close()
	r.buffer = buffer
	if r.account.Whole {
		return d.whole(ctx, r)
	}
	if r.session, err = d.Dial(ctx, r.account); err != nil {
		return err
	}
	defer r.session.Close()
	if err = r.do(ctx); err == nil {
		err = r.later
	}
	return err
}

// Bounds of waiting after failures.
const (
	maxBackoff = 4 * time.Hour
	maxFault   = 500
)

const (
	// never is when a whole account is due again that is not followed: somebody may ask.
	never = 100 * 365 * 24 * time.Hour
	// Latest is later than in what any other account is due again.
	Latest = MaxInterval + MaxInterval/10 + 24*time.Hour
	// Astray is up to in what one that is due later than Latest was put there by a clock that was ahead.
	Astray = never / 2
)

// judge notes a run in the account's state, and returns how long to wait for the next: none where
// there is more, twice as long after each failure.
func (d *Desk) judge(a *Account, r *run, err error) time.Duration {
	now := d.now()
	a.Last = now
	a.Taken += int64(r.taken)
	a.Left += int64(r.left)
	a.Size += r.octets
	if err == nil {
		a.Good, a.Failing, a.Failures, a.Fault, a.Told = now, time.Time{}, 0, "", false
		switch {
		case r.more:
			return 0
		case a.Whole && !a.Follow:
			return never
		}
		return a.Interval
	}
	if a.Failures++; a.Failing.IsZero() {
		a.Failing = now
	}
	if a.Fault = err.Error(); len(a.Fault) > maxFault {
		a.Fault = strings.ToValidUTF8(a.Fault[:maxFault], "") + "…"
	}
	wait := a.Interval
	for n := 1; n < a.Failures && wait < maxBackoff; n++ {
		wait *= 2
	}
	wait = max(min(wait, maxBackoff), a.Interval)
	return wait + time.Duration(rand.Int64N(int64(wait)/10+1))
}

// tell tells the owner once of an account that fails for days.
func (d *Desk) tell(ctx context.Context, a *Account) {
	if d.TellAfter <= 0 || a.Told || d.now().Sub(a.Failing) < d.TellAfter {
		return
	}
	told, err := d.Tell(ctx, a)
	if err != nil && ctx.Err() == nil {
		d.log.Error("collector: owner not told of an account that fails", "collector", a.Name, "error", err)
	}
	a.Told = told
}

func trimmed(s string) string { return strings.TrimSpace(s) }
