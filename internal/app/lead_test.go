package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// fakeLeases are leases in memory. Whom it has cut off gets no answer.
type fakeLeases struct {
	mu     sync.Mutex
	holder string
	until  time.Time
	cut    map[string]bool
}

var errCut = errors.New("the database can't be reached")

func (f *fakeLeases) Lease(_ context.Context, _, holder string, length time.Duration) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch now := time.Now(); {
	case f.cut[holder]:
		return false, errCut
	case f.holder != "" && f.holder != holder && now.Before(f.until):
		return false, nil
	default:
		f.holder, f.until = holder, now.Add(length)
		return true, nil
	}
}

func (f *fakeLeases) Unlease(_ context.Context, _, holder string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut[holder] {
		return errCut
	}
	if f.holder == holder {
		f.holder = ""
	}
	return nil
}

func (f *fakeLeases) cutOff(holder string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut[holder] = true
}

// One node at a time does the work for all: another takes over when it is stopped, at once, and when it is
// cut off from the database, after it has stopped by itself.
func TestLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &fakeLeases{cut: map[string]bool{}}
		var at, most atomic.Int32
		var who atomic.Value
		nodes := map[string]context.CancelFunc{}
		for _, name := range []string{"a", "b", "c"} {
			ctx, stop := context.WithCancel(t.Context())
			nodes[name] = stop
			work := func(ctx context.Context) error {
				most.Store(max(most.Load(), at.Add(1)))
				who.Store(name)
				<-ctx.Done()
				time.Sleep(10 * time.Second) // what it is at
				at.Add(-1)
				return nil
			}
			go leader{leases, name, work, slog.New(slog.NewTextHandler(io.Discard, nil))}.run(ctx)
			synctest.Wait()
		}
		want := func(after time.Duration, name string) {
			t.Helper()
			bubble.Sleep(after)
			if got := who.Load(); got != name || at.Load() != 1 {
				t.Errorf("%v on: %v works last, %d at once; want %s alone", after, got, at.Load(), name)
			}
		}
		want(5*time.Minute, "a")
		nodes["c"]()
		nodes["a"]()
		want(25*time.Second, "b")
		ctx, stop := context.WithCancel(t.Context())
		work := func(ctx context.Context) error { who.Store("d"); at.Add(1); <-ctx.Done(); at.Add(-1); return nil }
		go leader{leases, "d", work, slog.New(slog.NewTextHandler(io.Discard, nil))}.run(ctx)
		leases.cutOff("b")
		want(time.Minute, "d")
		if most.Load() != 1 {
			t.Errorf("%d nodes did the work at once", most.Load())
		}
		stop()
		nodes["b"]()
	})
}

// slowLeases answer, once they are slow, after as long as an update may take.
type slowLeases struct {
	*fakeLeases
	slow atomic.Bool
}

func (s *slowLeases) Lease(ctx context.Context, name, holder string, length time.Duration) (bool, error) {
	if s.slow.Load() {
		time.Sleep(40 * time.Second)
		return false, errCut
	}
	return s.fakeLeases.Lease(ctx, name, holder, length)
}

// The work ends before the lease does, also while the database gives no answer.
func TestLeadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &slowLeases{fakeLeases: &fakeLeases{cut: map[string]bool{}}}
		var ended time.Time
		work := func(ctx context.Context) error { <-ctx.Done(); ended = time.Now(); return nil }
		ctx, stop := context.WithCancel(t.Context())
		go leader{leases, "a", work, slog.New(slog.NewTextHandler(io.Discard, nil))}.run(ctx)
		bubble.Sleep(65 * time.Second)
		leases.slow.Store(true)
		bubble.Sleep(2 * time.Minute)
		if left := leases.until.Sub(ended); ended.IsZero() || left < leaseTime-leaseStops {
			t.Errorf("the work ended at %v, %v before the lease", ended, left)
		}
		stop()
		bubble.Sleep(2 * time.Minute)
	})
}

// What fails of the work ends the node, as it does where there is only one.
func TestLeadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		leases := &fakeLeases{cut: map[string]bool{}}
		l := leader{leases, "a", func(context.Context) error { return boom }, slog.New(slog.NewTextHandler(io.Discard, nil))}
		if err := l.run(t.Context()); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		if leases.holder != "" {
			t.Error("the lease was not given back")
		}
	})
}
