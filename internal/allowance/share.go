package allowance

import (
	"context"
	"fmt"
	"time"
)

// Rows keep what all nodes share.
type Rows interface {
	// Save puts counts of a node in the place of those that it had for the same mailbox and hour.
	Save(ctx context.Context, node string, counts []Count) error
	// Of returns what each node counted of a mailbox from an hour on.
	Of(ctx context.Context, box, hour int64) (map[string][]Count, error)
	// Counts returns what other nodes counted, from an hour on, that changed since a time of the
	// store's, with the newest such time. Since the zero time nothing has.
	Counts(ctx context.Context, node string, hour int64, since time.Time) (map[string][]Count, time.Time, error)
	// Stops returns who is stopped.
	Stops(ctx context.Context) ([]Stop, error)
	// Stop stops a log-in, and reports whether it was not stopped before.
	Stop(ctx context.Context, s Stop) (bool, error)
	// Resume lets a log-in send again, forgets what it did so far, and reports whether it was stopped.
	Resume(ctx context.Context, box int64) (bool, error)
	// Own returns the limits that mailboxes and domains have of their own.
	Own(ctx context.Context) (map[Owner]Own, error)
	// SetOwn sets those of one; None removes them.
	SetOwn(ctx context.Context, owner Owner, o Own) error
	// Purge forgets what is from before an hour.
	Purge(ctx context.Context, hour int64) error
}

// Times of Run.
const (
	syncEvery  = 2 * time.Second
	purgeEvery = time.Hour
)

// Run writes and reads until ctx ends, and writes once more then.
func (b *Book) Run(ctx context.Context) {
	tick, purge := time.NewTicker(syncEvery), time.NewTicker(purgeEvery)
	defer tick.Stop()
	defer purge.Stop()
	for {
		select {
		case <-tick.C:
			if err := b.Sync(ctx); err != nil && ctx.Err() == nil {
				b.c.Log.Error("limits of log-ins not shared", "error", err)
			}
		case <-purge.C:
			b.purge(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncEvery)
			defer cancel()
			if err := b.Sync(last); err != nil {
				b.c.Log.Error("limits of log-ins not written", "error", err)
			}
			return
		}
	}
}

// purge forgets what was counted more than a day ago, where the clock is believed: by one that leapt everybody
// would have all that he may send a second time.
func (b *Book) purge(ctx context.Context) {
	now, ok := b.c.Old(ctx)
	if !ok {
		return
	}
	hour := now.Unix() / 3600
	b.forget(hour)
	if err := b.c.Rows.Purge(ctx, hour-hours); err != nil && ctx.Err() == nil {
		b.c.Log.Error("counts of log-ins not purged", "error", err)
	}
}

// Sync writes what was counted since the last time, and reads what other nodes did.
func (b *Book) Sync(ctx context.Context) error {
	stops, counts, since := b.take()
	for i, s := range stops {
		first, err := b.c.Rows.Stop(ctx, s)
		if err != nil {
			b.again(stops[i:], counts)
			return fmt.Errorf("allowance: stop box %d: %w", s.Box, err)
		}
		if first && b.c.Told != nil {
			b.c.Told(ctx, s)
		}
	}
	if len(counts) > 0 {
		if err := b.c.Rows.Save(ctx, b.c.Node, counts); err != nil {
			b.again(nil, counts)
			return fmt.Errorf("allowance: save: %w", err)
		}
	}
	hour := b.c.Now().Unix() / 3600
	others, newest, err := b.c.Rows.Counts(ctx, b.c.Node, hour-hours+1, since)
	if err != nil {
		return fmt.Errorf("allowance: what others counted: %w", err)
	}
	list, err := b.c.Rows.Stops(ctx)
	if err != nil {
		return fmt.Errorf("allowance: who is stopped: %w", err)
	}
	own, err := b.c.Rows.Own(ctx)
	if err != nil {
		return fmt.Errorf("allowance: limits of their own: %w", err)
	}
	b.learn(others, newest, list, own)
	b.makeRoom(b.c.Now())
	return nil
}

// take returns what is to be written.
func (b *Book) take() (stops []Stop, counts []Count, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.boxes {
		for _, s := range a.slots {
			if s.dirty && !a.unread {
				counts, s.dirty = append(counts, s.total(b.c.Node)), false
			}
		}
	}
	stops, b.fresh = b.fresh, nil
	return stops, counts, b.since
}

// again has what was not written written the next time.
func (b *Book) again(stops []Stop, counts []Count) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = append(stops, b.fresh...)
	for _, c := range counts {
		if a := b.boxes[c.Box]; a != nil && a.slots[c.Hour] != nil {
			a.slots[c.Hour].dirty = true
		}
	}
}

// learn takes over what others counted, and who is stopped. Who is not any more begins anew.
func (b *Book) learn(others map[string][]Count, newest time.Time, stops []Stop, own map[Owner]Own) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for node, list := range others {
		for _, c := range list {
			if a := b.boxes[c.Box]; a != nil {
				a.learn(node, c)
			}
		}
	}
	if newest.After(b.since) {
		b.since = newest
	}
	b.own = own
	was := b.stops
	b.stops = map[int64]Stop{}
	for _, s := range stops {
		b.stops[s.Box] = s
	}
	for _, s := range b.fresh { // since the rows were read
		b.stops[s.Box] = s
	}
	for box := range was {
		if _, still := b.stops[box]; !still {
			delete(b.boxes, box)
			delete(b.boxes, -box)
		}
	}
}

// forget lets go of accounts that did nothing within a day.
func (b *Book) forget(hour int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for box, a := range b.boxes {
		if a.used.Unix()/3600 <= hour-hours {
			delete(b.boxes, box)
			continue
		}
		for key, last := range a.seen {
			if last <= hour-hours {
				delete(a.seen, key)
			}
		}
	}
}

// StopNow stops a log-in, here at once, and reports whether it was not stopped before.
func (b *Book) StopNow(ctx context.Context, s Stop) (bool, error) {
	first, err := b.c.Rows.Stop(ctx, s)
	if err != nil {
		return false, fmt.Errorf("allowance: stop box %d: %w", s.Box, err)
	}
	return first, b.Sync(ctx)
}

// Resume lets a log-in send again, here at once, and reports whether it was stopped. Its counts
// begin anew.
func (b *Book) Resume(ctx context.Context, box int64) (bool, error) {
	if err := b.Sync(ctx); err != nil {
		return false, err
	}
	was, err := b.c.Rows.Resume(ctx, box)
	if err != nil {
		return false, fmt.Errorf("allowance: resume box %d: %w", box, err)
	}
	b.mu.Lock()
	delete(b.boxes, box)
	delete(b.boxes, -box)
	b.mu.Unlock()
	return was, b.Sync(ctx)
}
