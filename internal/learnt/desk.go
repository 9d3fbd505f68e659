package learnt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config is what a Desk needs.
type Config struct {
	Rows Rows
	Caps Caps
	Keep time.Duration // since it was last taught; 0: DefaultKeep
	Most int           // prints in rows and memory; 0: DefaultMost
	Old  func(context.Context) (now time.Time, ok bool)
	Log  *slog.Logger
	Now  func() time.Time
}

// Where nothing else is set.
const (
	DefaultKeep = 90 * Day
	DefaultMost = 500_000
)

// ErrNone: no lesson is named so.
var ErrNone = errors.New("learnt: no such lesson")

// A Desk takes lessons and keeps the Memory. There is one in a process; it is safe for use
// by many goroutines.
type Desk struct {
	c      Config
	memory *Memory

	mu      sync.Mutex
	waiting []Lesson
	dropped int

	writing sync.Mutex // held while what waits is written
}

// New returns a Desk over rows. Nothing is known before Follow, or Run.
func New(c Config) *Desk {
	if c.Keep <= 0 {
		c.Keep = DefaultKeep
	}
	if c.Most <= 0 {
		c.Most = DefaultMost
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Desk{c: c, memory: NewMemory(c.Most, c.Keep, c.Now)}
}

// Memory is what filters ask.
func (d *Desk) Memory() *Memory { return d.memory }

const (
	followEvery = time.Second // other nodes' lessons count here after that
	expireEvery = time.Hour
	expireSome  = 1000            // prints removed in one commit
	maxWaiting  = 5000            // lessons that wait to be written; others are lost
	maxBatch    = 200             // lessons of one commit
	lastTime    = 5 * time.Second // for the end of Run
)

// Teach has lessons kept within about a second; it waits for nothing. In a flood what comes on top of maxWaiting is
// lost, and counted.
func (d *Desk) Teach(list ...Lesson) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range list {
		if len(d.waiting) == maxWaiting {
			d.dropped++
			continue
		}
		if l = l.clean(); l.Time.IsZero() {
			l.Time = d.c.Now()
		}
		d.waiting = append(d.waiting, l)
	}
}

// TeachNow keeps lessons, and returns when they count.
func (d *Desk) TeachNow(ctx context.Context, list ...Lesson) (total Taught, err error) {
	for i := range list {
		if list[i] = list[i].clean(); list[i].Time.IsZero() {
			list[i].Time = d.c.Now()
		}
	}
	if total, err = d.c.Rows.Teach(ctx, list, d.c.Caps); err != nil {
		return Taught{}, fmt.Errorf("learnt: teach: %w", err)
	}
	return total, d.Follow(ctx)
}

// Flush writes what waits.
func (d *Desk) Flush(ctx context.Context) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	for {
		d.mu.Lock()
		n := min(len(d.waiting), maxBatch)
		batch := d.waiting[:n:n]
		dropped := d.dropped
		d.dropped = 0
		d.mu.Unlock()
		if dropped > 0 {
			d.c.Log.Warn("lessons lost in a flood", "lessons", dropped)
		}
		if n == 0 {
			return nil
		}
		t, err := d.c.Rows.Teach(ctx, batch, d.c.Caps)
		if err != nil {
			return fmt.Errorf("learnt: teach: %w", err)
		}
		d.mu.Lock()
		if d.waiting = d.waiting[n:]; len(d.waiting) == 0 {
			d.waiting = nil
		}
		d.mu.Unlock()
		d.c.Log.Info("lessons learnt", "kept", t.Kept, "known", t.Known, "over_the_caps", t.Capped)
	}
}

// Forget ends lessons; ErrNone where none that stands is named.
func (d *Desk) Forget(ctx context.Context, f Forgetting) ([]Lesson, error) {
	if err := d.Flush(ctx); err != nil { // it may be one that waits
		return nil, err
	}
	list, err := d.c.Rows.Forget(ctx, f)
	if err == nil && len(list) == 0 {
		err = ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("learnt: forget: %w", err)
	}
	return list, d.Follow(ctx)
}

// Follow reads what has changed in the rows.
func (d *Desk) Follow(ctx context.Context) error {
	if err := d.memory.follow(ctx, d.c.Rows); err != nil {
		return fmt.Errorf("learnt: follow: %w", err)
	}
	return nil
}

// Find returns lessons, the newest first.
func (d *Desk) Find(ctx context.Context, q Query) ([]Lesson, error) { return d.c.Rows.Find(ctx, q) }

// Counts returns how many lessons of each source stand.
func (d *Desk) Counts(ctx context.Context) ([]Count, error) { return d.c.Rows.Counts(ctx) }

// Run writes what waits, follows the rows and forgets what is old, until ctx ends; then it
// writes what is left. Errors are logged, and the next turn tries again.
func (d *Desk) Run(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	expired := time.Time{}
	for {
		d.failed(ctx, "lessons not kept", d.Flush(ctx))
		d.failed(ctx, "lessons not read", d.Follow(ctx))
		if now := d.c.Now(); now.Sub(expired).Abs() >= expireEvery {
			expired = now
			d.failed(ctx, "old lessons not removed", d.expire(ctx))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			d.failed(ctx, "lessons not kept", d.Flush(ctx))
			return
		}
	}
}

func (d *Desk) failed(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.c.Log.Error(what, "error", err)
	}
}

// expire removes what is old, if the clock is to be believed.
func (d *Desk) expire(ctx context.Context) error {
	now, ok := d.c.Old(ctx)
	if !ok {
		return nil
	}
	for {
		n, err := d.c.Rows.Expire(ctx, now.Add(-d.c.Keep), d.c.Most, expireSome)
		if err != nil {
			return fmt.Errorf("learnt: expire: %w", err)
		}
		if n < expireSome {
			return nil
		}
	}
}
