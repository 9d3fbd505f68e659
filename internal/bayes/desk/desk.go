package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/bayes"
)

// ErrNone: no lesson that stands is named so.
var ErrNone = errors.New("desk: no such lesson")

// ErrGone: a message's content is not there any more.
var ErrGone = errors.New("desk: the message is gone, and without it what it taught can't be taken back; teach the opposite, or roll back")

// ErrChanged: a message's features are not those that were learnt.
var ErrChanged = errors.New("desk: the message reads otherwise than when it was learnt, so what it taught can't be taken back; teach the opposite, or roll back")

// ErrFull: more lessons wait than the desk takes.
var ErrFull = errors.New("desk: too many lessons wait")

// Contents finds messages again.
type Contents interface {
	// Features returns the features of a message; ErrGone where nobody has it any more.
	Features(ctx context.Context, message string) (*bayes.Features, error)
}

// Config is what a Desk needs.
type Config struct {
	Rows     Rows
	Contents Contents // nil: only who brings a message again can have it taken back
	Caps     Caps
	Node     string        // this one, for people
	Keep     time.Duration // of lessons and the record; 0: DefaultKeep
	Most     int           // lessons; 0: DefaultMost
	Old      func(context.Context) (now time.Time, ok bool)
	Log      *slog.Logger
	Now      func() time.Time
}

// Where nothing else is set.
const (
	DefaultKeep = 90 * 24 * time.Hour
	DefaultMost = 500_000
)

// A Desk takes lessons and has the model. There is one in a process; it is safe for use by many
// goroutines.
type Desk struct {
	c     Config
	model atomic.Pointer[bayes.Model] // what mail is judged by: what is in the log, and no more
	shown atomic.Pointer[standing]    // what the record comes to

	turn  chan struct{} // held by who changes the model
	bench *bayes.Model  // what lessons are learnt by and weighed, the same otherwise; with the turn
	seq   int64         // of the entry that the model has; with the turn
	ready bool          // the model was read; with the turn
	day   string        // whose first lessons were learnt; with the turn
	added atomic.Int64  // octets of entries since the newest snapshot
	guard guard         // with the turn

	settles atomic.Int64  // Unix time when the guard begins to judge; 0: that is not known
	wake    chan struct{} // many lessons wait

	mu      sync.Mutex
	waiting []*job
	dropped int
	failing bool // the last try to learn failed
	record  record
	state   GuardState
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
	d := &Desk{c: c, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), record: record{}, bench: bayes.New()}
	d.model.Store(bayes.New())
	d.shown.Store(&standing{})
	return d
}

// Judge says how likely a message for a domain is spam; it waits for nothing.
func (d *Desk) Judge(f *bayes.Features, domain string) bayes.Verdict {
	return d.model.Load().Judge(f, domain)
}

// Explain returns the n features that weighed most.
func (d *Desk) Explain(f *bayes.Features, domain string, n int) []bayes.Reason {
	return d.model.Load().Explain(f, domain, n)
}

// Model is the model as it is: to be asked and copied, not taught. After a roll-back it is another one.
func (d *Desk) Model() *bayes.Model { return d.model.Load() }

// take waits for the turn, and returns what gives it back.
func (d *Desk) take(ctx context.Context) (func(), error) {
	select {
	case d.turn <- struct{}{}:
		return func() { <-d.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

const (
	followEvery  = time.Second // other nodes' lessons count here after that
	compactEvery = time.Minute
	expireEvery  = time.Hour
	expireSome   = 1000
	lastTime     = 5 * time.Second // for the end of Run
)

// Run learns what waits, follows the log, keeps snapshots and forgets what is old, until ctx ends; then it
// learns what is left. Errors are logged when they begin, and the next turn tries again.
func (d *Desk) Run(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var compacted, expired time.Time
	for {
		d.told(ctx, d.Flush(ctx))
		now := d.c.Now()
		if now.Sub(compacted).Abs() >= compactEvery {
			compacted = now
			d.failed(ctx, "the bayes model's snapshots are not kept", d.Compact(ctx))
		}
		if now.Sub(expired).Abs() >= expireEvery {
			more, err := d.expire(ctx)
			d.failed(ctx, "old bayes lessons are not removed", err)
			if !more { // else the next turn goes on: lessons don't wait for all of it
				expired = now
			}
		}
		select {
		case <-tick.C:
		case <-d.wake:
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			d.failed(ctx, "bayes lessons are not learnt", d.Flush(ctx))
			return
		}
	}
}

// told logs that learning fails when it begins to, and when it works again.
func (d *Desk) told(ctx context.Context, err error) {
	d.mu.Lock()
	before, dropped := d.failing, d.dropped
	d.failing, d.dropped = err != nil, 0
	d.mu.Unlock()
	if dropped > 0 {
		d.c.Log.Warn("bayes lessons lost in a flood", "lessons", dropped)
	}
	switch {
	case err != nil && !before && ctx.Err() == nil:
		d.c.Log.Error("bayes does not learn; it judges by what it knows", "error", err)
	case err == nil && before:
		d.c.Log.Info("bayes learns again")
	}
}

func (d *Desk) failed(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.c.Log.Error(what, "error", err)
	}
}

// Follow reads what other nodes have learnt.
func (d *Desk) Follow(ctx context.Context) error {
	give, err := d.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	return d.follow(ctx)
}

// expire removes some of what is old, if the clock is to be believed, and returns whether there may be more.
func (d *Desk) expire(ctx context.Context) (more bool, err error) {
	now, ok := d.c.Old(ctx)
	if !ok {
		return false, nil
	}
	n, err := d.c.Rows.Expire(ctx, now.Add(-d.c.Keep), d.c.Most, expireSome)
	if err != nil {
		return false, fmt.Errorf("desk: expire: %w", err)
	}
	return n == expireSome, nil
}

// Lessons finds lessons, the newest first; Stands says which of them count.
func (d *Desk) Lessons(ctx context.Context, q Query) ([]Lesson, error) {
	head, err := d.c.Rows.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("desk: lessons: %w", err)
	}
	list, err := d.c.Rows.Lessons(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("desk: lessons: %w", err)
	}
	path := PathOf(head.Rolls)
	for i := range list {
		list[i].Stands = path.stands(list[i])
	}
	return list, nil
}

// Counts returns how many lessons stand, of each source and label.
func (d *Desk) Counts(ctx context.Context) ([]Count, error) {
	head, err := d.c.Rows.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("desk: counts: %w", err)
	}
	return d.c.Rows.Counts(ctx, PathOf(head.Rolls))
}
