package quarantine

import (
	"context"
	"fmt"
	"time"
)

// Chores go on in small commits, and rest after each for some times as long as it
// took: the busier the store is, the longer the commit, and the longer the rest. So
// accepting mail loses a tenth at most. What changes rows here and there costs more than
// its own time, since mail's pages have to make room for theirs: it rests longer.
const (
	atOnce     = 10
	rowRests   = 40
	indexRests = 12
	minRest    = 5 * time.Millisecond
	maxRest    = 5 * time.Second
)

// pace runs step until it does nothing, and returns how much was done.
func pace(ctx context.Context, rests time.Duration, step func() (int, error)) (total int, err error) {
	for {
		began := time.Now()
		n, err := step()
		total += n
		if err != nil || n == 0 {
			return total, err
		}
		select {
		case <-time.After(min(max(rests*time.Since(began), minRest), maxRest)):
		case <-ctx.Done():
			return total, ctx.Err()
		}
	}
}

// Expire ends all holds whose time is over at now, in its own pace, and returns how many.
func (q *Quarantine) Expire(ctx context.Context, now time.Time) (int, error) {
	act := Act{Who: "expiry", What: StateExpired, When: now}
	n, err := pace(ctx, rowRests, func() (int, error) { return q.c.Settler.Expire(ctx, act, atOnce) })
	if err != nil {
		err = fmt.Errorf("quarantine: expire: %w", err)
	}
	return n, err
}

// EndRemoved ends all holds whose domain or mailbox was removed, in its own pace.
func (q *Quarantine) EndRemoved(ctx context.Context, now time.Time) (int, error) {
	n, err := pace(ctx, rowRests, func() (int, error) { return q.c.Keeper.EndRemoved(ctx, now, atOnce) })
	if err != nil {
		err = fmt.Errorf("quarantine: end what was held for the removed: %w", err)
	}
	return n, err
}

// Purge removes all rows whose hold ended before t, in its own pace.
func (q *Quarantine) Purge(ctx context.Context, t time.Time) (int, error) {
	n, err := pace(ctx, rowRests, func() (int, error) { return q.c.Keeper.Purge(ctx, t, atOnce) })
	if err != nil {
		err = fmt.Errorf("quarantine: purge: %w", err)
	}
	return n, err
}

// Rows are made quick to search some time after they came: those that are being
// written have a time from before.
const settled = 10 * time.Minute

// Index makes rows quick to search, in its own pace.
func (q *Quarantine) Index(ctx context.Context, now time.Time) (int, error) {
	n, err := pace(ctx, indexRests, func() (int, error) { return q.c.Keeper.Index(ctx, now.Add(-settled)) })
	if err != nil {
		err = fmt.Errorf("quarantine: index: %w", err)
	}
	return n, err
}

// Run's turns.
const (
	expireEvery = 10 * time.Minute
	indexEvery  = time.Minute
)

// Run expires holds, removes rows that were kept long enough, and makes the others quick
// to search, until ctx ends. Where the clock may not be gone by (Config.Old) nothing ends.
// An error is logged, and the next turn tries again.
func (q *Quarantine) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.every(ctx, indexEvery, q.indexTurn)
	}()
	q.every(ctx, expireEvery, q.expireTurn)
	<-done
}

func (q *Quarantine) every(ctx context.Context, pause time.Duration, turn func(context.Context)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		turn(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (q *Quarantine) expireTurn(ctx context.Context) {
	now, ok := q.c.Old(ctx)
	if !ok {
		return
	}
	n, err := q.Expire(ctx, now)
	q.tell(ctx, "quarantine: expiry", "quarantine: expired", n, err)
	if q.c.Keeper == nil || ctx.Err() != nil {
		return
	}
	n, err = q.EndRemoved(ctx, q.c.Now())
	q.tell(ctx, "quarantine: what was held for the removed", "quarantine: ended what was held for the removed", n, err)
	if q.c.Keep == nil || ctx.Err() != nil {
		return
	}
	n, err = q.Purge(ctx, now.Add(-q.c.Keep()))
	q.tell(ctx, "quarantine: purge", "quarantine: rows removed", n, err)
}

func (q *Quarantine) indexTurn(ctx context.Context) {
	if q.c.Keeper == nil {
		return
	}
	if _, err := q.Index(ctx, q.c.Now()); err != nil {
		q.tell(ctx, "quarantine: index", "", 0, err)
	}
}

func (q *Quarantine) tell(ctx context.Context, doing, done string, n int, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil:
		q.c.Log.Error(doing, "error", err)
	case n > 0:
		q.c.Log.Info(done, "messages", n)
	}
}
