package relay

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Mail that finds a host well again has that told, once, without a probe.
func TestRecoveredByMail(t *testing.T) {
	s := serve(t, "127.0.0.1", map[string]string{"banner": "421 down"})
	r := hostRelay(t, Host{Name: "h", Address: s.addr.String(), TLS: "never"})
	told := make(chan string, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx, func(host string) { told <- host }); close(ended) }()
	r.Carry(t.Context(), job(toA, "ann@a.example"))
	s.mu.Lock()
	delete(s.script, "banner")
	s.mu.Unlock()
	for range 3 {
		r.Carry(t.Context(), job(toA, "ann@a.example"))
	}
	if got := <-told; got != "h" {
		t.Errorf("told of %q", got)
	}
	cancel()
	<-ended
	if len(told) != 0 {
		t.Errorf("told of %q besides", <-told)
	}
}

// Who is told of, step by step. A host of which one address never answers is well all
// the time; one that goes up and down is told of once a minute.
func TestRecovered(t *testing.T) {
	now := time.Now()
	h := newHealth(func() time.Time { return now }, slog.New(slog.DiscardHandler))
	one := target{host: "h", addr: netip.MustParseAddrPort("192.0.2.1:25")}
	two := target{host: "h", addr: netip.MustParseAddrPort("192.0.2.2:25")}
	for i, step := range []struct {
		at    target
		err   error
		later time.Duration // before it
		want  []string
	}{
		{one, errTimeout, 0, nil},
		{two, nil, 0, nil},
		{one, errTimeout, 0, nil},
		{one, nil, 0, []string{"h"}},
		{one, errTimeout, 0, nil},
		{one, nil, 0, nil},
		{one, errTimeout, 0, nil},
		{one, errTimeout, restMost, nil},
		{one, nil, 0, []string{"h"}},
		{one, errTimeout, 0, nil},
		{one, nil, 0, nil},
		{one, nil, restMost, []string{"h"}},
		{one, errTimeout, restMost, nil},
		{two, nil, restMost, []string{"h"}},
		{target{host: "h"}, errTimeout, restMost, nil},
		{two, nil, 0, []string{"h"}},
	} {
		now = now.Add(step.later)
		h.note(step.at, step.err)
		if got := h.recovered(); !slices.Equal(got, step.want) {
			t.Errorf("step %d: told of %q, want %q", i, got, step.want)
		}
	}
}

// A host that takes a connection and says nothing keeps no other from being probed.
func TestProbesApart(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := serve(t, "127.0.0.2", nil)
	hosts := routes{
		"host:silent": {{Name: "silent", Address: silent.Addr().String(), TLS: "never"}},
		"host:well":   {{Name: "well", Address: s.addr.String(), TLS: "never"}},
	}
	r := New(Config{Hostname: "gate.example", Router: hosts, Resolver: zone{}})
	defer r.Close()
	past := target{addr: s.addr}
	for _, past.host = range []string{"silent", "well"} {
		r.health.note(past, errTimeout)
		sick := r.health.bad[past.host]
		sick.until = time.Now()
		r.health.bad[past.host] = sick
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	told := make(chan string, 10)
	asked := make(chan net.Conn, 1)
	go func() {
		if c, err := silent.Accept(); err == nil {
			asked <- c
		}
	}()
	go func() { r.Run(ctx, func(host string) { told <- host }); close(ended) }()
	defer (<-asked).Close()
	if got := <-told; got != "well" {
		t.Errorf("told of %q", got)
	}
	if got := probes(r); len(got) != 0 {
		t.Errorf("%v would be probed twice at once", got)
	}
	cancel()
	<-ended
}
