package quarantine

import (
	"context"
	"errors"
	"fmt"
)

// A Bulk is what became of a whole selection.
type Bulk struct {
	Done     int
	Skipped  int       // somebody was first
	Failed   int       // all others; Failures has the first MaxFailures
	Failures []Failure // and why
	More     bool      // the selection goes on: limit, or the end of ctx
	Next     Cursor    // there
}

// A Failure is why nothing was done to one message.
type Failure struct {
	ID  string
	Err error
}

// MaxFailures bounds the failures that a Bulk names.
const MaxFailures = 20

// bulkPage is how many messages are read ahead of what is done to them.
const bulkPage = 100

// Bulk does something to each held message that query asks for, the newest first, to
// limit at most (0: all). It goes on after single failures, and stops at ctx's end with
// what was done until then; the error is of the search. The rest is done by the same
// query with After set to what Next says.
func (q *Quarantine) Bulk(ctx context.Context, query Query, limit int, do func(context.Context, Held) error) (Bulk, error) {
	b := Bulk{More: true, Next: query.After}
	query.State = StateHeld
	for left := limit; b.More && ctx.Err() == nil && (limit == 0 || left > 0); {
		query.After, query.Limit = b.Next, bulkPage
		if limit > 0 {
			query.Limit = min(left, bulkPage)
		}
		page, err := q.Find(ctx, query)
		if err != nil {
			if ctx.Err() != nil {
				return b, nil
			}
			return b, fmt.Errorf("quarantine: selection: %w", err)
		}
		if !b.each(ctx, page.Rows, do) {
			return b, nil
		}
		b.More, b.Next = page.More, page.Next
		left -= len(page.Rows)
	}
	return b, nil
}

// each does it to a page, and reports whether all of it was done.
func (b *Bulk) each(ctx context.Context, rows []Held, do func(context.Context, Held) error) bool {
	for _, h := range rows {
		err := do(ctx, h)
		switch {
		case err == nil:
			b.Done++
		case errors.Is(err, ErrNotHeld), errors.Is(err, ErrUnknown):
			b.Skipped++
		case ctx.Err() != nil:
			return false // maybe done; who goes on will see
		default:
			b.fail(h.ID, err)
		}
		b.Next = h.Cursor()
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}

func (b *Bulk) fail(id string, err error) {
	b.Failed++
	if len(b.Failures) < MaxFailures {
		b.Failures = append(b.Failures, Failure{id, err})
	}
}
