package dnsbl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// A changing resolver answers from a table that a test exchanges.
type changing struct {
	mu  sync.Mutex
	dns fakeDNS
}

func (c *changing) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	c.mu.Lock()
	dns := c.dns
	c.mu.Unlock()
	return dns.LookupNetIP(ctx, network, name)
}

func (c *changing) set(dns fakeDNS) {
	c.mu.Lock()
	c.dns = dns
	c.mu.Unlock()
}

// A witness notes what it is told.
type witness struct {
	mu   sync.Mutex
	told []string
}

func (w *witness) Changed(c Condition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Trouble == nil {
		w.told = append(w.told, c.List.Zone+" recovered")
		return
	}
	w.told = append(w.told, c.List.Zone+" broke")
}

func (w *witness) Failed(l List, a Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf("%s failed: %s", l.Zone, a.Fault))
}

func (w *witness) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.told, ", ")
}

func TestHealth(t *testing.T) {
	well := fakeDNS{"2.0.0.127.a": "127.0.0.2"}
	world := fakeDNS{"2.0.0.127.a": "127.0.0.2", "1.0.0.127.a": "127.0.0.2"}
	silent := fakeDNS{"2.0.0.127.a": "servfail", "1.0.0.127.a": "servfail"}
	synctest.Test(t, func(t *testing.T) {
		l := list(t, "a", "deny", 1, false)
		var w witness
		r := &changing{dns: well}
		h := NewHealth(r, &w)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.Run(ctx) })
		h.Watch(l)
		h.Watch(l)
		synctest.Wait()
		if c := h.Conditions(); len(c) != 1 || c[0].Checked.IsZero() || h.Trouble(l) != nil {
			t.Errorf("at start: %v", c)
		}
		for _, step := range []struct {
			name   string
			dns    fakeDNS
			broken bool
		}{{"lists the world", world, true}, {"silent", silent, true}, {"well again", well, false}, {"silent then", silent, false}, {"dead", fakeDNS{}, true}} {
			r.set(step.dns)
			bubble.Sleep(ProbeEvery) // of the bubble's clock
			if err := h.Trouble(l); (err != nil) != step.broken {
				t.Errorf("%s: %v", step.name, err)
			}
		}
		cancel()
		wg.Wait()
		if got := w.String(); got != "a broke, a recovered, a broke" {
			t.Errorf("told %s", got)
		}
		if h.Trouble(list(t, "b", "deny", 1, false)) != nil {
			t.Error("a list that nobody watches")
		}
	})
}

// TestSilent holds that mail does not wait for a list that does not answer, until it does.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := list(t, "a", "deny", 1, false)
		r := &changing{dns: fakeDNS{"2.0.0.127.a": "127.0.0.2"}}
		var w witness
		h := NewHealth(r, &w)
		h.Watch(l)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.Run(ctx) })
		synctest.Wait()
		late := Answer{List: l, State: Error, Fault: TimedOut, Cause: "no answer in time", About: "192.0.2.7"}
		for range silentAfter - 1 {
			h.Note([]Answer{late})
		}
		if err := h.Trouble(l); err != nil {
			t.Errorf("too early: %v", err)
		}
		h.Note([]Answer{late})
		if err := h.Trouble(l); !errors.Is(err, ErrSilent) || errors.Is(err, ErrBroken) {
			t.Errorf("after %d: %v", silentAfter, err)
		}
		r.set(fakeDNS{"2.0.0.127.a": "servfail", "1.0.0.127.a": "servfail"})
		bubble.Sleep(SilentEvery)
		if h.Trouble(l) == nil {
			t.Error("believed before it answers")
		}
		r.set(fakeDNS{"2.0.0.127.a": "127.0.0.2"})
		bubble.Sleep(SilentEvery)
		if err := h.Trouble(l); err != nil {
			t.Errorf("after it answers: %v", err)
		}
		cancel()
		wg.Wait()
		if got := w.String(); got != "a broke, a recovered" {
			t.Errorf("told %s", got)
		}
	})
}

// TestNote counts what lists answer.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := list(t, "a", "deny", 1, false)
		var w witness
		h := NewHealth(fakeDNS{}, &w)
		h.Watch(l)
		note := func(a Answer) {
			a.List, a.About = l, "192.0.2.7"
			h.Note([]Answer{a})
		}
		for i := range 20 {
			note(Answer{State: Hit, Took: time.Duration(i+1) * time.Millisecond})
		}
		note(Answer{State: Miss, Took: time.Second})
		note(Answer{State: NotRun})
		note(Answer{State: Error, Fault: Cancelled})
		note(Answer{State: Error, Fault: TimedOut})
		for range 3 {
			note(Answer{State: Error, Fault: PublicResolver, Cause: "answered 127.255.255.254: …"})
		}
		bubble.Sleep(failedEvery)
		note(Answer{State: Error, Fault: PublicResolver, Cause: "answered 127.255.255.254: …"})
		c := h.Conditions()[0]
		got := fmt.Sprintln(c.Asked, c.Hits, c.Misses, c.Errors[TimedOut], c.Errors[PublicResolver], c.InARow, c.LastFault, c.LastError, c.ErrorAt.Equal(time.Now()))
		if want := "26 20 1 1 4 5 public resolver answered 127.255.255.254: … true\n"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if c.P50 < 11*time.Millisecond || c.P50 > 17*time.Millisecond || c.P95 < 20*time.Millisecond || c.P95 > 30*time.Millisecond {
			t.Errorf("half within %v, 95 %% within %v", c.P50, c.P95)
		}
		if got := w.String(); got != "a failed: public resolver, a failed: public resolver" {
			t.Errorf("told %s", got)
		}
		h.Note([]Answer{{List: list(t, "b", "deny", 1, false), State: Hit}}) // nobody watches that one
	})
}

// TestInherit holds that a reload forgets nothing of the lists that stay.
func TestInherit(t *testing.T) {
	a, b, d := list(t, "a", "deny", 1, false), list(t, "b", "deny", 1, false), list(t, "d", "domain", 1, false)
	old := NewHealth(fakeDNS{}, nil)
	old.Watch(a)
	old.Watch(b)
	old.Watch(d)
	old.Note([]Answer{{List: a, State: Hit}, {List: b, State: Hit}})
	old.Probe(t.Context())
	h := NewHealth(fakeDNS{}, nil)
	h.Watch(a)
	b.Ceiling = 0.5
	h.Watch(b)
	h.Watch(list(t, "c", "deny", 1, false))
	d.Test = "test.d"
	h.Watch(d)
	h.Inherit(old)
	var got []string
	for _, c := range h.Conditions() {
		got = append(got, fmt.Sprint(c.List.Zone, c.Asked, c.Trouble != nil))
	}
	if strings.Join(got, " ") != "a1 true b0 false c0 false d0 false" {
		t.Errorf("got %v", got)
	}
}

func TestLatency(t *testing.T) {
	var l latency
	if got := l.quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for _, d := range []time.Duration{0, time.Hour} {
		l.add(d)
	}
	if a, b := l.quantile(0.5), l.quantile(1); a != firstBucket || b < 10*time.Second {
		t.Errorf("got %v, %v", a, b)
	}
}
