package mtasts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// memory is Rows.
type memory map[string]Kept

func (m memory) Policies(context.Context) ([]Kept, error) {
	return slices.Collect(maps.Values(m)), nil
}
func (m memory) PutPolicy(_ context.Context, k Kept) error { m[k.Domain] = k; return nil }
func (m memory) DropPolicy(_ context.Context, domain string, fetched time.Time) error {
	if !m[domain].Fetched.After(fetched) {
		delete(m, domain)
	}
	return nil
}

// world is what a Cache asks: one domain's record and policy.
type world struct {
	text    string
	policy  string
	err     error
	fetched int
	now     time.Time
}

func (w *world) LookupTXT(_ context.Context, name string) ([]string, error) {
	if name != "_mta-sts.a.example" || w.text == "" {
		return nil, errors.New("nobody knows")
	}
	return []string{w.text}, nil
}

func (w *world) Fetch(context.Context, string) ([]byte, error) {
	w.fetched++
	return []byte(w.policy), w.err
}

func (w *world) cache(t *testing.T, rows Rows) *Cache {
	t.Helper()
	c, err := New(t.Context(), Config{Resolver: w, Fetcher: w, Rows: rows, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func policy(mode Mode, age int) string {
	return fmt.Sprintf("version: STSv1\nmode: %s\nmx: mx.a.example\nmax_age: %d\n", mode, age)
}

// A policy is kept as long as it asks for, whatever happens to record, server and
// this process, and changes with its id.
func TestCache(t *testing.T) {
	w := &world{text: "v=STSv1; id=1", policy: policy(Enforce, 3600), now: time.Unix(1e9, 0)}
	rows := memory{}
	c := w.cache(t, rows)
	for _, step := range []struct {
		name    string
		change  func()
		want    Mode
		fetched int
		fails   bool
	}{
		{"first", func() {}, Enforce, 1, false},
		{"kept", func() { w.policy = policy(Testing, 3600) }, Enforce, 1, false},
		{"record gone", func() { w.text = "" }, Enforce, 1, false},
		{"restarted", func() { c = w.cache(t, rows) }, Enforce, 1, false},
		{"new id at once", func() { w.text = "v=STSv1; id=2" }, Enforce, 1, false},
		{"new id", func() { w.now = w.now.Add(againTime) }, Testing, 2, false},
		{"new id, no server", func() {
			w.now, w.text, w.err = w.now.Add(againTime), "v=STSv1; id=3", errors.New("refused")
		}, Testing, 3, false},
		{"left alone", func() {}, Testing, 3, false},
		{"left alone for a minute, whatever the id", func() { w.text = "v=STSv1; id=33" }, Testing, 3, false},
		{"for longer by the same", func() { w.now, w.text = w.now.Add(againTime), "v=STSv1; id=3" }, Testing, 3, false},
		{"tried again", func() { w.now = w.now.Add(retryTime) }, Testing, 4, false},
		{"ended", func() { w.now = w.now.Add(time.Hour) }, "", 5, true},
		{"nonsense", func() { w.now, w.err, w.policy = w.now.Add(retryTime), nil, "hello" }, "", 6, true},
		{"good again", func() { w.now, w.policy = w.now.Add(retryTime), policy(Enforce, 3600) }, Enforce, 7, false},
		{"no policy", func() {
			w.now, w.text, w.policy = w.now.Add(againTime), "v=STSv1; id=4", policy(None, 3600)
		}, None, 8, false},
		{"for no time", func() { w.now, w.text, w.policy = w.now.Add(againTime), "v=STSv1; id=5", policy(Enforce, 0) }, Enforce, 9, false},
		{"for no time, at once", func() {}, Enforce, 9, false},
		{"for no time, again", func() { w.now = w.now.Add(againTime) }, Enforce, 10, false},
	} {
		step.change()
		got, err := c.Policy(t.Context(), "A.example")
		if got.Mode != step.want || w.fetched != step.fetched || (err != nil) != step.fails {
			t.Errorf("%s: mode %q after %d fetches, %v; want %q after %d", step.name, got.Mode, w.fetched, err, step.want, step.fetched)
		}
	}
}

// A policy in use is fetched anew before it ends; one that is not may end.
func TestRefresh(t *testing.T) {
	w := &world{text: "v=STSv1; id=1", policy: policy(Enforce, 4*3600), now: time.Unix(1e9, 0)}
	rows := memory{}
	c := w.cache(t, rows)
	ask := func() Mode {
		p, err := c.Policy(t.Context(), "a.example")
		if err != nil {
			t.Error(err)
		}
		return p.Mode
	}
	ask()
	w.now = w.now.Add(time.Hour)
	c.refresh(t.Context())
	if w.fetched != 1 {
		t.Errorf("fetched %d times within an hour", w.fetched)
	}
	w.now = w.now.Add(time.Hour)
	c.refresh(t.Context())
	if w.fetched != 2 || !rows["a.example"].Fetched.Equal(w.now) {
		t.Errorf("fetched %d times, kept from %v", w.fetched, rows["a.example"].Fetched)
	}
	w.err = errors.New("refused")
	w.now = w.now.Add(3 * time.Hour)
	c.refresh(t.Context())
	if w.fetched != 3 || ask() != Enforce {
		t.Errorf("fetched %d times; a fetch that failed took the policy", w.fetched)
	}
	w.now = w.now.Add(2 * time.Hour)
	c.refresh(t.Context())
	if w.fetched != 3 || len(rows) != 0 {
		t.Errorf("fetched %d times, %d rows after the end", w.fetched, len(rows))
	}
}

// By a clock that leapt no policy ends; one that was fetched by it is fetched anew when it is put right.
func TestClockAhead(t *testing.T) {
	w := &world{text: "v=STSv1; id=1", policy: policy(Enforce, 4*3600), now: time.Unix(1e9, 0)}
	rows, believed := memory{}, true
	c := w.cache(t, rows)
	c.c.Old = func(context.Context) (time.Time, bool) { return w.now, believed }
	ask := func() {
		t.Helper()
		if p, err := c.Policy(t.Context(), "a.example"); err != nil || p.Mode != Enforce {
			t.Errorf("mode %q, %v", p.Mode, err)
		}
	}
	ask()
	right := w.now
	w.now, believed, w.err = w.now.AddDate(1, 0, 0), false, errors.New("refused")
	c.refresh(t.Context())
	if len(rows) != 1 {
		t.Error("a year ahead the policy is gone")
	}
	w.now, w.err = w.now.Add(retryTime), nil
	ask()
	ahead := rows["a.example"].Fetched
	w.now, believed = right.Add(time.Hour), true
	c.refresh(t.Context())
	if got := rows["a.example"].Fetched; !ahead.After(w.now) || !got.Equal(w.now) {
		t.Errorf("fetched at %v, and put right at %v; want %v", ahead, got, w.now)
	}
	ask()
}

// A policy that came while an older one was judged, or made room for, stays.
func TestFreshStays(t *testing.T) {
	w := &world{text: "v=STSv1; id=1", policy: policy(Enforce, 3600), now: time.Unix(1e9, 0)}
	rows := memory{}
	c := w.cache(t, rows)
	ask := func() {
		if _, err := c.Policy(t.Context(), "a.example"); err != nil {
			t.Error(err)
		}
	}
	ask()
	w.now = w.now.Add(2 * time.Hour)
	ended := c.stale()
	ask()
	for _, k := range ended {
		c.renew(t.Context(), k)
	}
	if _, known := c.use("a.example"); !known || len(ended) != 1 || len(rows) != 1 {
		t.Errorf("known: %v, %d judged, %d rows", known, len(ended), len(rows))
	}
	later := busy{rows, func() {
		for domain, k := range rows {
			k.Fetched = w.now.Add(time.Second)
			rows[domain] = k
		}
	}}
	c.c.Rows = later
	for i := range maxKept {
		c.keep(t.Context(), Kept{Domain: fmt.Sprint(i), Policy: Policy{MaxAge: time.Hour}, Fetched: w.now})
	}
	if len(c.kept) != maxKept || len(rows) != maxKept+1 {
		t.Errorf("%d kept, %d rows: one that came since was removed", len(c.kept), len(rows))
	}
}

// busy is Rows that others write to between two calls.
type busy struct {
	memory
	others func()
}

func (b busy) PutPolicy(ctx context.Context, k Kept) error {
	err := b.memory.PutPolicy(ctx, k)
	if len(b.memory) > maxKept {
		b.others()
	}
	return err
}

// However many domains have policies, a bounded number is kept, in rows too.
func TestBounded(t *testing.T) {
	w := &world{policy: policy(Enforce, 3600), now: time.Unix(1e9, 0)}
	rows := memory{}
	c := w.cache(t, rows)
	for i := range maxKept + 10 {
		c.keep(t.Context(), Kept{Domain: fmt.Sprint(i), Policy: Policy{MaxAge: time.Hour}, Fetched: w.now})
	}
	for i := range maxFailed + 10 {
		c.note(fmt.Sprint(i), "1", errors.New("x"))
	}
	if len(c.kept) != maxKept || len(rows) != maxKept || len(c.failed) != maxFailed {
		t.Errorf("%d kept, %d rows, %d failed", len(c.kept), len(rows), len(c.failed))
	}
}
