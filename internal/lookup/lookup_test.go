package lookup

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// hosts is a Caller: what it knows, and how often it was asked.
type hosts struct {
	mu    sync.Mutex
	knows func(mail.Path) (bool, error)
	calls []mail.Path
	slow  time.Duration
}

func (h *hosts) Call(ctx context.Context, rcpt mail.Path) (bool, error) {
	h.mu.Lock()
	h.calls = append(h.calls, rcpt)
	knows, slow := h.knows, h.slow
	h.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return knows(rcpt)
}

func (h *hosts) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.calls)
}

func ann(p mail.Path) (bool, error) { return p.Local() == "ann", nil }

func callouts(t *testing.T, h *hosts) *Lookups {
	t.Helper()
	l, err := New(Config{Caller: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestCalloutKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{knows: ann}
		l := callouts(t, h)
		ask := func(p mail.Path, want bool, asked int) {
			t.Helper()
			before := h.count()
			got, err := l.Exists(t.Context(), Callout, p)
			if err != nil || got != want || h.count()-before != asked {
				t.Errorf("%s: got %v, %v after %d questions; want %v after %d", p, got, err, h.count()-before, want, asked)
			}
		}
		ask("ann@a.example", true, 2) // the second one is for nobody
		ask("Ann@A.example", true, 0)
		ask("bob@a.example", false, 1)
		ask("bob@a.example", false, 0)
		time.Sleep(calloutNo)
		ask("bob@a.example", false, 1)
		ask("ann@a.example", true, 0)
		time.Sleep(calloutYes)
		ask("ann@a.example", true, 2)
	})
}

// A server that takes everybody is not asked for each.
func TestCalloutOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{knows: func(mail.Path) (bool, error) { return true, nil }}
		l := callouts(t, h)
		for _, p := range []mail.Path{"a@open.example", "b@open.example", "c@open.example"} {
			if got, err := l.Exists(t.Context(), Callout, p); !got || err != nil {
				t.Error(got, err)
			}
		}
		if h.count() != 2 {
			t.Errorf("asked %v, want two questions", h.calls)
		}
		time.Sleep(openFor)
		l.Exists(t.Context(), Callout, "d@open.example")
		if h.count() != 4 {
			t.Errorf("asked %d times after an hour, want 4", h.count())
		}
	})
}

// While a server is down who existed still does, others can't be told, and it is
// left alone after some failures.
func TestDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{knows: ann}
		l := callouts(t, h)
		for _, p := range []mail.Path{"ann@a.example", "bob@a.example"} {
			if _, err := l.Exists(t.Context(), Callout, p); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(calloutYes + time.Hour)
		down := errors.New("connection refused")
		h.knows = func(mail.Path) (bool, error) { return false, down }
		before := h.count()
		for range 20 {
			if got, err := l.Exists(t.Context(), Callout, "ann@a.example"); !got || err != nil {
				t.Fatal(got, err)
			}
			if got, err := l.Exists(t.Context(), Callout, "bob@a.example"); got || !errors.Is(err, down) {
				t.Fatal(got, err)
			}
		}
		if n := h.count() - before; n != tolerated {
			t.Errorf("asked %d times, want %d", n, tolerated)
		}
		if all := l.Health(); len(all) != 1 || !errors.Is(all[0].Err, down) || !all[0].Asleep {
			t.Errorf("health %+v", all)
		}
		time.Sleep(rest)
		h.knows = ann
		if got, err := l.Exists(t.Context(), Callout, "bob@a.example"); got || err != nil {
			t.Error(got, err)
		}
		if all := l.Health(); all[0].Err != nil || all[0].Asleep {
			t.Errorf("health %+v", all)
		}
		h.knows = func(mail.Path) (bool, error) { return false, down }
		time.Sleep(calloutYes + stale)
		if _, err := l.Exists(t.Context(), Callout, "ann@a.example"); !errors.Is(err, down) {
			t.Errorf("after a day: got %v", err)
		}
	})
}

// Many who ask the same make one question; one who gives up doesn't end it.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{knows: ann, slow: time.Second}
		l := callouts(t, h)
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := l.Exists(impatient, Callout, "ann@a.example"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got, err := l.Exists(t.Context(), Callout, "ann@a.example"); !got || err != nil {
					t.Error(got, err)
				}
			})
		}
		wg.Wait()
		if h.count() != 2 {
			t.Errorf("asked %d times, want 2", h.count())
		}
	})
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := callouts(t, &hosts{knows: ann, slow: time.Hour})
		began := time.Now()
		if _, err := l.Exists(t.Context(), Callout, "ann@a.example"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(began); took != calloutTimeout {
			t.Errorf("waited %v, want %v", took, calloutTimeout)
		}
	})
}

func TestUnknown(t *testing.T) {
	l := callouts(t, &hosts{knows: ann})
	_, err := l.Exists(t.Context(), "peple", "ann@a.example")
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), Callout) {
		t.Error(err)
	}
}

// A flood of names that don't exist doesn't drive out those that do.
func TestEvict(t *testing.T) {
	c := newCache(100)
	later := time.Unix(1000, 0)
	for i := range 50 {
		c.put("yes"+string(rune('a'+i)), answer{exists: true, expires: time.Unix(1, 0)})
	}
	for i := range 10_000 {
		c.put("no"+string(rune(i+0x4e00)), answer{expires: later})
	}
	if n := len(c.yes) + len(c.no); n != 100 {
		t.Errorf("%d are kept, want 100", n)
	}
	if len(c.yes) != 50 {
		t.Errorf("%d of 50 that exist are left", len(c.yes))
	}
}
