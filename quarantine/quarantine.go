package quarantine

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Quarantine finds held messages and ends their holds. It is safe for use by
// many goroutines.
type Quarantine struct{ c Config }

// A Config is what a Quarantine needs.
type Config struct {
	Reader   Reader
	Settler  Settler
	Keeper   Keeper // nil: rows stay for ever
	Preparer Preparer
	Lists    Lists                // nil: nobody can be listed
	Keep     func() time.Duration // how long rows stay after the end of the hold; nil: for ever
	Log      *slog.Logger         // nil: silent
	Now      func() time.Time     // nil: time.Now
	// Old returns the time by which Run tells what is old, and whether it may go by it
	// now; nil: Now, always.
	Old func(context.Context) (time.Time, bool)
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
	if c.Old == nil {
		c.Old = func(context.Context) (time.Time, bool) { return c.Now(), true }
	}
	return &Quarantine{c}
}

// Find returns a page of what q asks for, the newest first, without Acts.
func (q *Quarantine) Find(ctx context.Context, query Query) (Page, error) {
	find := q.c.Reader.Find
	if query.Only != nil {
		find = q.sift
	}
	page, err := find(ctx, query)
	if err != nil {
		return Page{}, fmt.Errorf("quarantine: find: %w", err)
	}
	return page, nil
}

// maxSifted bounds how many messages one page is looked for in.
const maxSifted = 10_000

// sift fills a page with what Only lets pass. Whether there is more, and where that goes on, is told by what passes alone, so that
// nothing shows what is left out; but where so much is that the search stops.
func (q *Quarantine) sift(ctx context.Context, query Query) (all Page, err error) {
	limit := query.Limit
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	query.Limit = limit + 1
	for seen := 0; ; {
		page, err := q.c.Reader.Find(ctx, query)
		if err != nil {
			return Page{}, err
		}
		for i := range page.Rows {
			if !query.Only(&page.Rows[i]) {
				continue
			}
			if len(all.Rows) == limit {
				all.More, all.Next = true, all.Rows[limit-1].Cursor()
				return all, nil
			}
			all.Rows = append(all.Rows, page.Rows[i])
		}
		all.More, all.Next, all.Until = page.More, page.Next, page.Until
		if !page.More || !page.Until.IsZero() {
			return all, nil
		}
		if seen += max(len(page.Rows), 1); seen >= maxSifted {
			all.Until = page.Next.Time
			return all, nil
		}
		query.After, query.Limit = page.Next, min(2*query.Limit, MaxPage)
	}
}

// Count returns how many messages q asks for, and whether there may be more: it stops
// counting at most, and where Find stops for the work that it is.
func (q *Quarantine) Count(ctx context.Context, query Query, most int) (n int, more bool, err error) {
	for {
		query.Limit = min(most-n, MaxPage)
		page, err := q.Find(ctx, query)
		if err != nil {
			return 0, false, err
		}
		n += len(page.Rows)
		if !page.More || !page.Until.IsZero() || n >= most {
			return n, page.More, nil
		}
		query.After = page.Next
	}
}

// Tallies counts what each filter held since then, to the day, and what became of it.
func (q *Quarantine) Tallies(ctx context.Context, since time.Time) ([]Tally, error) {
	list, err := q.c.Reader.Tallies(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("quarantine: tallies: %w", err)
	}
	return list, nil
}

// Show returns one held message with all that was done to it, or ErrUnknown.
func (q *Quarantine) Show(ctx context.Context, id string) (Held, error) {
	h, err := q.c.Reader.Show(ctx, id)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: show %s: %w", id, err)
	}
	return h, nil
}

// Release delivers a held message to its mailbox's inbox, past all filters. It is
// delivered once, however many do it at the same moment: the others get a
// NotHeldError. It fails with ErrUnknown where nothing has that ID, and with
// ErrGuarded where only an operator may.
func (q *Quarantine) Release(ctx context.Context, id string, by By) (Held, error) {
	h, err := q.release(ctx, id, by)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: release %s: %w", id, err)
	}
	return h, nil
}

func (q *Quarantine) release(ctx context.Context, id string, by By) (Held, error) {
	h, err := q.c.Reader.Show(ctx, id)
	if err != nil {
		return Held{}, err
	}
	if err := h.Open(); err != nil {
		return Held{}, err
	}
	if h.Guarded && !by.Operator {
		return Held{}, ErrGuarded
	}
	d, err := q.c.Preparer.Prepare(ctx, h)
	if err != nil {
		return Held{}, err
	}
	d.Solved = by.Sender
	return q.c.Settler.Settle(ctx, id, q.act(by, StateReleased), &d)
}

func (q *Quarantine) act(by By, what State) Act { return Act{Who: by.Who, What: what, When: q.c.Now()} }

// Delete ends a hold for good. It fails as Release does, and deletes what is guarded, too.
func (q *Quarantine) Delete(ctx context.Context, id string, by By) (Held, error) {
	h, err := q.c.Settler.Settle(ctx, id, q.act(by, StateDeleted), nil)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: delete %s: %w", id, err)
	}
	return h, nil
}

// Ask notes that a message's owner asks an operator for it. Who asks again changes
// nothing.
func (q *Quarantine) Ask(ctx context.Context, id string, by By) (Held, error) {
	h, err := q.c.Settler.Note(ctx, id, q.act(by, ActAsked))
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: ask for %s: %w", id, err)
	}
	return h, nil
}
