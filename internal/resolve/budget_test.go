package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// TestBudget: what a message asks is counted and timed together, whoever asks for it.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: 2 * time.Second}, deed{"A 192.0.2.7", 100 * ms})
		ask := func(ctx context.Context, name string) error {
			_, err := r.Lookup(ctx, name, A)
			return err
		}
		b := Budget{Questions: 3, Time: time.Second, Parallel: 10}
		one, other := b.Begin(t.Context()), b.Begin(t.Context())
		below, cancel := context.WithCancel(one)
		defer cancel()
		for i, c := range []struct {
			ctx  context.Context
			name string
			want string // in the error; "": none
		}{
			{one, "a.test", ""},
			{below, "b.test", ""},
			{one, "a.test", ""}, // from memory
			{one, "c.test", ""},
			{below, "d.test", "had its 3 questions"},
			{one, "a.test", ""},
			{other, "d.test", ""},
			{t.Context(), "e.test", ""},
		} {
			err := ask(c.ctx, c.name)
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrTemporary) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("question %d: %v, want %q", i, err, c.want)
			}
		}
		if n := net.count("192.0.2.1", "d.test"); n != 1 {
			t.Errorf("asked %d times about what was forbidden to one, want once", n)
		}
	})
}

// TestBudgetTime: waiting counts once for all that wait together, and not at all while
// nobody waits.
func TestBudgetTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := fakeResolver(t, Config{Timeout: 10 * time.Second}, deed{"A 192.0.2.7", 400 * ms})
		ctx := Budget{Questions: 100, Time: time.Second, Parallel: 10}.Begin(t.Context())
		together := func(round int) (errs []error, took time.Duration) {
			begun := time.Now()
			errs = make([]error, 5)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = r.Lookup(ctx, fmt.Sprintf("n%d.r%d.test", i, round), A) })
			}
			wg.Wait()
			return errs, time.Since(begun)
		}
		for round, want := range []time.Duration{400 * ms, 400 * ms, 200 * ms, 0} {
			errs, took := together(round)
			for _, err := range errs {
				if took != want || (err == nil) != (round < 2) || err != nil && !strings.Contains(err.Error(), "waited its 1s for the DNS") {
					t.Errorf("round %d: %v after %s, want after %s", round, err, took, want)
				}
			}
			bubble.Sleep(time.Hour) // the client is slow
		}
	})
}

// TestFairShare: a message with thousands of names that are never answered takes its
// turns, and another's question goes past them.
func TestFairShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: 5 * time.Second, Rounds: 1, InFlight: 64}, deed{"silence", 0})
		net.probes["192.0.2.1:53"] = "NS a.root-servers.net."
		b := Budget{Questions: 500, Time: 8 * time.Second, Parallel: 8}
		hostile := b.Begin(t.Context())
		var wg sync.WaitGroup
		begun := time.Now()
		for i := range 5000 {
			wg.Go(func() {
				if _, err := r.Lookup(hostile, fmt.Sprintf("n%d.hole.test", i), A); !errors.Is(err, ErrTemporary) {
					t.Error(err)
				}
			})
		}
		bubble.Sleep(time.Second)
		net.mu.Lock()
		asked := len(net.asked)
		net.mu.Unlock()
		if asked != b.Parallel {
			t.Errorf("%d questions under way, want %d", asked, b.Parallel)
		}
		net.set("192.0.2.1", deed{"A 192.0.2.7", 10 * ms})
		before := time.Now()
		if _, err := r.Lookup(b.Begin(t.Context()), "honest.test", A); err != nil || time.Since(before) != 10*ms {
			t.Errorf("an honest message: %v after %s", err, time.Since(before))
		}
		net.set("192.0.2.1", deed{"silence", 0})
		wg.Wait()
		if took := time.Since(begun); took > b.Time {
			t.Errorf("it took %s", took)
		}
	})
}
