package quarantine

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Quarantine finds held messages and ends their holds. It is safe for use by
// many goroutines.
type Quarantine struct {
	reader   Reader
	settler  Settler
	preparer Preparer
	log      *slog.Logger
	now      func() time.Time
}

// A Config is what a Quarantine needs.
type Config struct {
	Reader   Reader
	Settler  Settler
	Preparer Preparer
	Log      *slog.Logger     // nil: silent
	Now      func() time.Time // nil: time.Now
}

// New returns a Quarantine. Where messages are to expire, the caller runs Run
// beside it.
func New(c Config) *Quarantine {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Quarantine{reader: c.Reader, settler: c.Settler, preparer: c.Preparer, log: c.Log, now: c.Now}
}

// Find returns what q asks for, the newest first, without Acts. A page that is
// full may have a next one: see Query.After.
func (q *Quarantine) Find(ctx context.Context, query Query) ([]Held, error) {
	found, err := q.reader.Find(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("quarantine: find: %w", err)
	}
	return found, nil
}

// Show returns one held message with all that was done to it, or ErrUnknown.
func (q *Quarantine) Show(ctx context.Context, id string) (Held, error) {
	h, err := q.reader.Show(ctx, id)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: show %s: %w", id, err)
	}
	return h, nil
}

// Release delivers a held message to its mailbox's inbox, past all filters. It is
// delivered once, however many do it at the same moment: the others get a
// NotHeldError. It fails with ErrUnknown where nothing has that ID.
func (q *Quarantine) Release(ctx context.Context, id, who string) (Held, error) {
	h, err := q.release(ctx, id, who)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: release %s: %w", id, err)
	}
	return h, nil
}

func (q *Quarantine) release(ctx context.Context, id, who string) (Held, error) {
	h, err := q.reader.Show(ctx, id)
	if err != nil {
		return Held{}, err
	}
	if err := h.Open(); err != nil {
		return Held{}, err
	}
	d, err := q.preparer.Prepare(ctx, h)
	if err != nil {
		return Held{}, err
	}
	return q.settler.Settle(ctx, id, Act{Who: who, What: StateReleased, When: q.now()}, &d)
}

// Delete ends a hold for good. It fails as Release does.
func (q *Quarantine) Delete(ctx context.Context, id, who string) (Held, error) {
	h, err := q.settler.Settle(ctx, id, Act{Who: who, What: StateDeleted, When: q.now()}, nil)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: delete %s: %w", id, err)
	}
	return h, nil
}

// expireAtOnce bounds one commit of Expire, so that accepting mail waits for it
// only shortly.
const expireAtOnce = 500

// Expire ends all holds whose time is over at now, and returns how many.
func (q *Quarantine) Expire(ctx context.Context, now time.Time) (int, error) {
	act := Act{Who: "expiry", What: StateExpired, When: now}
	for total := 0; ; {
		n, err := q.settler.Expire(ctx, act, expireAtOnce)
		total += n
		if err != nil {
			return total, fmt.Errorf("quarantine: expire: %w", err)
		}
		if n < expireAtOnce {
			return total, nil
		}
	}
}

// expireEvery is how often Run looks for holds whose time is over.
const expireEvery = 10 * time.Minute

// Run expires holds until ctx ends. An error is logged, and the next turn tries
// again.
func (q *Quarantine) Run(ctx context.Context) {
	turn := time.NewTicker(expireEvery)
	defer turn.Stop()
	for {
		n, err := q.Expire(ctx, q.now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			q.log.Error("quarantine: expiry", "error", err)
		case n > 0:
			q.log.Info("quarantine: expired", "messages", n)
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			return
		}
	}
}
