package bulk

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/sketch"
)

// A Delta is what one node saw of a fingerprint in a moment.
type Delta struct {
	ID            int64 // given by the rows
	Time          time.Time
	Sum           Sum
	Sketch        sketch.Sketch
	Organisations []uint32 // hashes of those that were seen
	Signers       []uint32
	Stopped       bool
}

// Rows is what nodes tell each other by. The store implements it.
type Rows interface {
	// Put keeps deltas, in one commit. IDs become visible in their order.
	Put(ctx context.Context, list []Delta) error
	// Load calls f with each delta after an ID whose time is since or later, or that is stopped, in the order of the IDs.
	Load(ctx context.Context, after int64, since time.Time, f func(Delta) error) error
	// Expire removes deltas from before a time, those that are stopped from before another; limit at
	// once. It returns how many.
	Expire(ctx context.Context, before, stopped time.Time, limit int) (int, error)
}

const (
	shareEvery = time.Second
	// shareFrom is from how many organisations on others are told of a fingerprint: what comes to fewer is
	// nearly all mail.
	shareFrom   = 3
	maxShared   = 500 // deltas of a commit
	expireEvery = time.Minute
	expireSome  = 1000
	stoppedFor  = signedFor // rows that say that a fingerprint is stopped
	lastTime    = 5 * time.Second
)

// Run tells others what was seen, follows what they tell, and removes old rows, until ctx
// ends. Errors are logged, and the next turn tries again.
func (w *Window) Run(ctx context.Context) {
	if w.c.Rows == nil {
		return
	}
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	expired := time.Time{}
	for {
		w.failed(ctx, "what came to many is not shared", w.Share(ctx))
		w.failed(ctx, "what came to many elsewhere is not read", w.Follow(ctx))
		if now := w.c.Now(); now.Sub(expired).Abs() >= expireEvery {
			expired = now
			w.failed(ctx, "what came to many is not removed", w.expire(ctx))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			w.failed(ctx, "what came to many is not shared", w.Share(ctx))
			return
		}
	}
}

func (w *Window) failed(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		w.c.Log.Error(what, "error", err)
	}
}

// Share writes what others do not know. What can't be written is not told again: it is
// old in ten minutes.
func (w *Window) Share(ctx context.Context) error {
	for {
		list := w.deltas(w.c.Now())
		if len(list) == 0 {
			return nil
		}
		if err := w.c.Rows.Put(ctx, list); err != nil {
			return fmt.Errorf("bulk: share: %w", err)
		}
	}
}

// deltas takes what is to be told, maxShared fingerprints at most.
func (w *Window) deltas(now time.Time) (list []Delta) {
	at := seconds(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.dirty {
		if len(list) == maxShared {
			break
		}
		delete(w.dirty, n)
		g := &w.groups[n]
		recent := 0
		for _, m := range g.organisations {
			if within(m.at, at, Span) {
				recent++
			}
		}
		if recent < shareFrom && len(g.signers) < 2 && !g.toTell() {
			continue
		}
		d := Delta{Time: now, Sum: g.sum, Sketch: *w.index.At(n), Stopped: g.toTell()}
		d.Organisations, d.Signers = untold(g.organisations), untold(g.signers)
		if len(d.Organisations)+len(d.Signers) == 0 && !d.Stopped {
			continue
		}
		if d.Stopped {
			d.Time, g.told = time.Unix(int64(g.stopped), 0), g.stopped
		}
		list = append(list, d)
	}
	return list
}

// Follow reads what others tell.
func (w *Window) Follow(ctx context.Context) error {
	w.mu.Lock()
	after := w.last
	w.mu.Unlock()
	err := w.c.Rows.Load(ctx, after, w.c.Now().Add(-Span), func(d Delta) error { w.apply(d); return nil })
	if err != nil {
		return fmt.Errorf("bulk: follow: %w", err)
	}
	return nil
}

// apply takes over a delta, which may be this node's own.
func (w *Window) apply(d Delta) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = max(w.last, d.ID)
	if d.Sketch.IsZero() {
		return
	}
	at := seconds(d.Time)
	n := w.group(&Fingerprint{Sum: d.Sum, Sketch: d.Sketch})
	g := &w.groups[n]
	for _, h := range d.Organisations {
		note(&g.organisations, h, at, MaxOrganisations, true)
	}
	for _, h := range d.Signers {
		note(&g.signers, h, at, maxSigners, true)
	}
	if d.Stopped {
		g.stopped, g.told = max(g.stopped, at), max(g.told, at)
	}
	w.judge(n, at)
}

func (w *Window) expire(ctx context.Context) error {
	now, ok := w.c.Old(ctx)
	for ok {
		n, err := w.c.Rows.Expire(ctx, now.Add(-Span-time.Minute), now.Add(-stoppedFor), expireSome)
		if err != nil {
			return fmt.Errorf("bulk: expire: %w", err)
		}
		ok = n == expireSome
	}
	return nil
}
