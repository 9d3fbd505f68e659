package quarantine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// manyRows finds n messages, page by page; every other page stops short, as searches do.
type manyRows struct {
	Reader
	n      int
	turns  int
	failed error // the error of page number 3
}

func (m *manyRows) Find(_ context.Context, q Query) (p Page, err error) {
	m.turns++
	if m.turns == 3 && m.failed != nil {
		return Page{}, m.failed
	}
	from := 0
	if !q.After.Time.IsZero() {
		from = int(noon.Sub(q.After.Time) / time.Second)
	}
	most := q.Limit
	if m.turns%2 == 0 {
		most = q.Limit / 2
	}
	for i := from + 1; i <= m.n && len(p.Rows) < most; i++ {
		p.Rows = append(p.Rows, Held{ID: fmt.Sprint(i), Time: noon.Add(-time.Duration(i) * time.Second), State: q.State})
	}
	p.Next = q.After
	if n := len(p.Rows); n > 0 {
		p.Next = p.Rows[n-1].Cursor()
		p.More = p.Rows[n-1].ID != fmt.Sprint(m.n)
	} else if most == 0 {
		p.More = true
	}
	return p, nil
}

func TestBulk(t *testing.T) {
	boom, down := errors.New("boom"), errors.New("down")
	for name, c := range map[string]struct {
		limit            int
		stopAt           int   // ctx ends then, while the message is being done
		failed           error // of a search
		skipped, unhappy int
		more             bool
	}{
		"all":                      {skipped: 5, unhappy: 15},
		"some":                     {limit: 120, skipped: 1, unhappy: 3, more: true},
		"until it is stopped":      {stopAt: 50, unhappy: 1, more: true},
		"the search fails, midway": {failed: down, skipped: 1, unhappy: 5, more: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			seen := map[string]int{}
			do := func(_ context.Context, h Held) error {
				seen[h.ID]++
				switch n := len(seen); {
				case n == c.stopAt:
					cancel()
					return context.Canceled
				case n%100 == 0:
					return &NotHeldError{}
				case n%25 == 0:
					return fmt.Errorf("%s: %w", h.ID, boom)
				}
				return nil
			}
			q := New(Config{Reader: &manyRows{n: 500, failed: c.failed}})
			b, err := q.Bulk(ctx, Query{}, c.limit, do)
			if !errors.Is(err, c.failed) || b.More != c.more || b.Skipped != c.skipped || b.Failed != c.unhappy || b.Done+b.Skipped+b.Failed != len(seen)-min(c.stopAt, 1) {
				t.Errorf("got %+v, %v for %d messages; want %+v", b, err, len(seen), c)
			}
			if !b.More {
				return
			}
			again := map[string]bool{}
			rest, err := New(Config{Reader: &manyRows{n: 500}}).Bulk(t.Context(), Query{After: b.Next}, 0, func(_ context.Context, h Held) error {
				again[h.ID] = true
				return nil
			})
			if err != nil || rest.More || rest.Done+b.Done+b.Skipped+b.Failed != 500 {
				t.Errorf("the rest: %+v, %v after %+v", rest, err, b)
			}
			for id := range again {
				if seen[id] > 0 && c.stopAt == 0 {
					t.Errorf("%s is done twice", id)
				}
			}
		})
	}
}

func TestBulkNamesTheFirstFailures(t *testing.T) {
	boom := errors.New("boom")
	b, err := New(Config{Reader: &manyRows{n: 50}}).Bulk(t.Context(), Query{}, 0, func(context.Context, Held) error { return boom })
	if err != nil || b.Failed != 50 || len(b.Failures) != MaxFailures || b.Failures[0].ID != "1" || !errors.Is(b.Failures[0].Err, boom) {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestCountStops(t *testing.T) {
	q := New(Config{Reader: &manyRows{n: 2500}})
	if n, more, err := q.Count(t.Context(), Query{}, 700); n != 700 || !more || err != nil {
		t.Errorf("got %d, %v, %v; want 700 and more", n, more, err)
	}
	q = New(Config{Reader: &manyRows{n: 300}})
	if n, more, err := q.Count(t.Context(), Query{}, 700); n != 300 || more || err != nil {
		t.Errorf("got %d, %v, %v; want 300", n, more, err)
	}
}

// What Only leaves out shows nowhere: pages are full without it, and nothing counts it.
func TestOnly(t *testing.T) {
	even := func(h *Held) bool { return strings.HasSuffix(h.ID, "0") || strings.HasSuffix(h.ID, "4") }
	q := New(Config{Reader: &manyRows{n: 100}})
	query, ids := Query{Only: even, Limit: 6}, []string(nil)
	for more := true; more; {
		page, err := q.Find(t.Context(), query)
		if err != nil || page.More && len(page.Rows) != 6 {
			t.Fatalf("got %d rows, more: %v, %v", len(page.Rows), page.More, err)
		}
		for _, h := range page.Rows {
			ids = append(ids, h.ID)
		}
		more, query.After = page.More, page.Next
	}
	if len(ids) != 20 || ids[0] != "4" || ids[19] != "100" {
		t.Errorf("got %v", ids)
	}
	if n, more, err := q.Count(t.Context(), Query{Only: even}, 700); n != 20 || more || err != nil {
		t.Errorf("counted %d, %v, %v", n, more, err)
	}
	acted := 0
	b, err := q.Bulk(t.Context(), Query{Only: even}, 0, func(context.Context, Held) error { acted++; return nil })
	if err != nil || acted != 20 || b.Done != 20 || b.Skipped != 0 || b.More {
		t.Errorf("acted on %d: %+v, %v", acted, b, err)
	}
	rows := &manyRows{n: 100}
	few, err := New(Config{Reader: rows}).Find(t.Context(), Query{Only: func(h *Held) bool { return len(h.ID) == 1 || h.ID == "80" }, Limit: 9})
	if err != nil || len(few.Rows) != 9 || !few.More || few.Next != few.Rows[8].Cursor() || !few.Until.IsZero() || rows.turns > 6 {
		t.Errorf("behind a long run of what is left out: %d rows in %d turns, %+v, %v", len(few.Rows), rows.turns, few, err)
	}
	few, err = New(Config{Reader: rows}).Find(t.Context(), Query{Only: func(h *Held) bool { return len(h.ID) == 1 }, Limit: 9})
	if err != nil || len(few.Rows) != 9 || few.More {
		t.Errorf("all that is left is left out: %d rows, %+v, %v", len(few.Rows), few, err)
	}
	rows = &manyRows{n: 1 << 20}
	q = New(Config{Reader: rows})
	if n, more, err := q.Count(t.Context(), Query{Only: func(*Held) bool { return false }}, 1000); n != 0 || !more || err != nil || rows.turns > 40 {
		t.Errorf("counting what is left out ends: %d, %v, %v after %d turns", n, more, err, rows.turns)
	}
	page, err := q.Find(t.Context(), Query{Only: func(*Held) bool { return false }, Limit: 10})
	if err != nil || len(page.Rows) != 0 || !page.More || page.Next.Time.IsZero() || page.Until.IsZero() {
		t.Errorf("a search that finds nothing ends: %+v, %v", page, err)
	}
	down := errors.New("down")
	if _, err := New(Config{Reader: &manyRows{n: 1000, failed: down}}).Find(t.Context(), Query{Only: even, Limit: 50}); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
