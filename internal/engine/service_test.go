package engine

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

// An engines is the addresses of a test: what is wrong with each.
type engines struct {
	mu      sync.Mutex
	wrong   map[string]error // of questions and probes
	deaf    map[string]error // of questions alone
	asked   []string
	probed  int
	reports []string
	info    Info
}

func (e *engines) service(failures int, addresses ...string) *Service {
	return New(Config{
		Kind: "test", Addresses: addresses, Failures: failures, Probe: e.probe, OldAfter: 48 * time.Hour,
		Report: func(c Condition) { e.report("%s trouble: %v", c.Address, c.Trouble) },
		Aged:   func(c Condition) { e.report("%s old: %v", c.Address, c.Old) },
	})
}

func (e *engines) report(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reports = append(e.reports, fmt.Sprintf(format, args...))
}

func (e *engines) probe(_ context.Context, address string) (Info, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probed++
	return e.info, e.wrong[address]
}

func (e *engines) set(address string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wrong == nil {
		e.wrong, e.deaf = map[string]error{}, map[string]error{}
	}
	e.wrong[address] = err
}

func (e *engines) ask(ctx context.Context, address string) error {
	e.mu.Lock()
	e.asked = append(e.asked, address)
	err := errors.Join(e.wrong[address], e.deaf[address])
	e.mu.Unlock()
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

// took returns who was asked since the last call.
func (e *engines) took() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := strings.Join(e.asked, " ")
	e.asked = nil
	return s
}

func (e *engines) told() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := strings.Join(e.reports, "; ")
	e.reports = nil
	return s
}

var (
	errAway  = errors.New("away")
	errHangs = errors.New("hangs")
)

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestFailover(t *testing.T) {
	var e engines
	s := e.service(3, "a", "b")
	e.set("a", errAway)
	for range 4 {
		if err := s.Do(t.Context(), e.ask); err != nil {
			t.Fatal(err)
		}
	}
	wantText(t, "asked", e.took(), "a b a b a b b")
	wantText(t, "told", e.told(), "a trouble: away")
	wantText(t, "condition", fmt.Sprint(s.Err()), "<nil>")
	e.set("b", errAway)
	for range 3 {
		if err := s.Do(t.Context(), e.ask); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
	}
	wantText(t, "asked", e.took(), "b b b")
	wantText(t, "condition", fmt.Sprint(s.Err()), "test at a is in trouble: away\ntest at b is in trouble: away")
	err := s.Do(t.Context(), e.ask)
	wantText(t, "at once", fmt.Sprint(err), "test at a is in trouble: away\ntest at b is in trouble: away")
	wantText(t, "asked", e.took(), "")
	wantText(t, "told", e.told(), "b trouble: away")
}

func TestDeclined(t *testing.T) {
	var e engines
	s := e.service(1, "a", "b")
	e.set("a", fmt.Errorf("too large: %w", ErrDeclined))
	for range 3 {
		if err := s.Do(t.Context(), e.ask); !errors.Is(err, ErrDeclined) {
			t.Fatal(err)
		}
	}
	wantText(t, "asked", e.took(), "a a a")
	wantText(t, "told", e.told(), "")
}

// TestShares: an engine that hangs leaves the next one its share of the time.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		s := e.service(3, "a", "b")
		e.set("a", errHangs)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		if err := s.Do(ctx, e.ask); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("waited %s for the first, want 10s", got)
		}
	})
}

// TestGiven: who does not want the answer any more says nothing against the engine.
func TestGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		s := e.service(1, "a", "b")
		e.set("a", errHangs)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := s.Do(ctx, e.ask); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		wantText(t, "asked", e.took(), "a")
		wantText(t, "told", e.told(), "")
	})
}

func TestRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		s := e.service(3, "a")
		run(t, s)
		e.set("a", errAway)
		for range 3 {
			s.Do(t.Context(), e.ask)
		}
		wantText(t, "told", e.told(), "a trouble: away")
		bubble.Sleep(100 * time.Second)
		if s.Do(t.Context(), e.ask) == nil {
			t.Fatal("asked one that is away")
		}
		wantText(t, "asked", e.took(), "a a a")

		e.set("a", nil)
		e.mu.Lock()
		e.deaf["a"] = errAway // answers probes alone
		e.mu.Unlock()
		bubble.Sleep(probeLatest)
		if c := s.Conditions()[0]; !c.Trying || c.Trouble == nil {
			t.Errorf("got %+v, want one that is tried", c)
		}
		s.Do(t.Context(), e.ask)
		s.Do(t.Context(), e.ask)
		wantText(t, "tried once", e.took(), "a")
		wantText(t, "told", e.told(), "")

		e.mu.Lock()
		delete(e.deaf, "a")
		e.mu.Unlock()
		bubble.Sleep(probeLatest)
		if err := s.Do(t.Context(), e.ask); err != nil {
			t.Fatal(err)
		}
		wantText(t, "told", e.told(), "a trouble: <nil>")
	})
}

// TestProbes: trouble begins and ends without mail, too.
func TestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		s := e.service(3, "a")
		run(t, s)
		bubble.Sleep(time.Minute + time.Second)
		e.mu.Lock()
		if e.probed != 5 {
			t.Errorf("%d probes in a minute, want 5", e.probed)
		}
		e.mu.Unlock()
		e.set("a", errAway)
		bubble.Sleep(ProbeEvery + 3*time.Second)
		wantText(t, "told", e.told(), "a trouble: away")
		e.set("a", nil)
		bubble.Sleep(probeLatest + ProbeEvery)
		wantText(t, "told", e.told(), "a trouble: <nil>")
	})
}

// TestHalfOpenOnce: while one question is tried on an address, others do not wait for it.
func TestHalfOpenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		s := e.service(1, "a")
		e.set("a", errAway)
		s.Do(t.Context(), e.ask)
		e.set("a", nil)
		s.Probe(t.Context())
		e.set("a", errHangs)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		go s.Do(ctx, e.ask)
		synctest.Wait()
		e.took()
		if err := s.Do(ctx, e.ask); err == nil || e.took() != "" {
			t.Error("two were tried at once:", err)
		}
		bubble.Sleep(11 * time.Second)
	})
}

func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		s := New(Config{Kind: "test", Addresses: []string{"a"}, Parallel: 1, Probe: e.probe})
		e.set("a", errHangs)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		go s.Do(ctx, e.ask)
		synctest.Wait()
		begin := time.Now()
		err := s.Do(ctx, e.ask)
		wantText(t, "second", fmt.Sprint(err), "test: 1 questions are under way already")
		if got := time.Since(begin); got != 5*time.Second {
			t.Errorf("waited %s, want 5s", got)
		}
		bubble.Sleep(11 * time.Second)
	})
}

func TestOldSignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engines
		e.info = Info{Signatures: time.Now().Add(-47 * time.Hour)}
		s := e.service(1, "a")
		s.Probe(t.Context())
		wantText(t, "told", e.told(), "")
		bubble.Sleep(2 * time.Hour)
		s.Probe(t.Context())
		s.Probe(t.Context())
		wantText(t, "told", e.told(), "a old: true")
		e.info.Signatures = time.Now()
		s.Probe(t.Context())
		wantText(t, "told", e.told(), "a old: false")
	})
}

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ in, network, address, wrong string }{
		{in: "/run/clamd.ctl", network: "unix", address: "/run/clamd.ctl"},
		{in: "unix:/run/clamd.ctl", network: "unix", address: "/run/clamd.ctl"},
		{in: "127.0.0.1:3310", network: "tcp", address: "127.0.0.1:3310"},
		{in: "tcp:[::1]:3310", network: "tcp", address: "[::1]:3310"},
		{in: "av.example.org:3310", network: "tcp", address: "av.example.org:3310"},
		{in: "", wrong: "neither"}, {in: "clamd", wrong: "neither"}, {in: ":3310", wrong: "neither"},
		{in: "unix:run", wrong: "begins with /"}, {in: "a:0", wrong: "no port"}, {in: "a:http", wrong: "no port"},
	} {
		network, address, err := ParseAddress(c.in)
		if network != c.network && c.wrong == "" || address != c.address && c.wrong == "" || (err == nil) != (c.wrong == "") {
			t.Errorf("%q: got %q %q %v", c.in, network, address, err)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%q: got error %v, want %q", c.in, err, c.wrong)
		}
	}
}

func run(t *testing.T, s *Service) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}
