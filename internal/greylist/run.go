package greylist

import (
	"context"
	"fmt"
	"time"
)

const (
	flushEvery = time.Second
	choreEvery = time.Minute
	flushTime  = 10 * time.Second // for one commit
	lastTime   = 5 * time.Second  // for all of them, at the end
	sweepRows  = 500              // removed in one commit, and
	sweepTurns = 40               // commits a minute, so that other writers have room
)

// Run writes what is noted each second, follows what people changed elsewhere, and
// removes what is over each minute, until ctx ends. What is left then is written.
func (b *Book) Run(ctx context.Context) {
	flush, chores := time.NewTicker(flushEvery), time.NewTicker(choreEvery)
	defer flush.Stop()
	defer chores.Stop()
	for {
		select {
		case <-flush.C:
			b.turn(ctx)
		case <-chores.C:
			if err := b.Sweep(ctx); err != nil && ctx.Err() == nil {
				b.c.Log.Error("greylist: what is over is not removed", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			if err := b.Flush(last); err != nil {
				b.c.Log.Warn("greylist: the last attempts are not written", "error", err)
			}
			return
		}
	}
}

func (b *Book) turn(ctx context.Context) {
	before := b.failing() != nil
	err := b.Flush(ctx)
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil && !before:
		b.c.Log.Error("greylist: attempts can't be written; nobody new is deferred until they can", "error", err)
	case err == nil && before:
		b.c.Log.Info("greylist: attempts are written again")
	}
	if err := b.follow(ctx); err != nil && ctx.Err() == nil {
		b.c.Log.Warn("greylist: changes are not seen", "error", err)
	}
}

func (b *Book) failing() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// Flush writes what was noted so far. Where that fails it is noted still, and Check is an
// error about whoever would wait.
func (b *Book) Flush(ctx context.Context) error {
	b.busy.Lock() // one write at a time
	defer b.busy.Unlock()
	b.mu.Lock()
	p := b.pending
	if p.empty() {
		b.mu.Unlock()
		return nil
	}
	b.pending, b.flushing = newPending(), p
	b.mu.Unlock()
	err := b.write(ctx, p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushing, b.failed = nil, err
	if err != nil {
		b.pending.join(p, b.c.Pending, b.c.PerIdentity)
	}
	return err
}

// write writes batch by batch, and takes off p what is written.
func (b *Book) write(ctx context.Context, p *pending) error {
	for _, batch := range p.batches(b.c.PerIdentity) {
		one, cancel := context.WithTimeout(ctx, flushTime)
		err := b.c.Rows.Put(one, batch)
		cancel()
		if err != nil {
			return fmt.Errorf("greylist: write: %w", err)
		}
		b.mu.Lock()
		p.written(batch)
		b.mu.Unlock()
	}
	return nil
}

func (p *pending) written(b Batch) {
	for _, t := range b.Triplets {
		delete(p.triplets, t.Number)
	}
	for _, i := range b.Identities {
		delete(p.identities, i.Name)
	}
	for _, d := range b.Delays {
		delete(p.delays, delayKey{d.Day, d.Domain})
	}
}

// follow forgets what is in memory once a person has changed rows.
func (b *Book) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	n, err := b.c.Rows.Changes(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n != b.changes {
		b.changes = n
		b.passed.clear()
		b.whole.clear()
	}
	return nil
}

// Sweep removes what is over, in short commits: rows that expired by a clock that is
// believed, triplets beyond those that may wait, delays of domains that hardly anybody writes
// from. What is left over when its turns are used up is the next call's.
func (b *Book) Sweep(ctx context.Context) error {
	lost := 0
	defer func() { b.c.Observer.Lost(lost) }()
	now, ok := b.c.Old(ctx)
	for turn := 0; ok && turn < sweepTurns; turn++ {
		s, err := b.c.Chores.Sweep(ctx, now, sweepRows)
		if err != nil {
			return fmt.Errorf("greylist: sweep: %w", err)
		}
		if lost += s.Lost; s.Removed < sweepRows {
			break
		}
	}
	for range sweepTurns {
		waiting, s, err := b.c.Chores.Trim(ctx, b.c.Waiting, sweepRows)
		if err != nil {
			return fmt.Errorf("greylist: trim: %w", err)
		}
		b.c.Observer.Waiting(waiting)
		if lost += s.Lost; s.Removed < sweepRows {
			break
		}
	}
	if !ok {
		return nil
	}
	oldest := Day(now.Add(-b.c.KeepDelays))
	for _, day := range []string{Day(now.Add(-24 * time.Hour)), Day(now)} {
		if err := b.c.Chores.Fold(ctx, day, oldest, b.c.Domains); err != nil {
			return fmt.Errorf("greylist: fold delays: %w", err)
		}
	}
	return nil
}
