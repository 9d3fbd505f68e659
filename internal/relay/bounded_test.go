package relay

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// A bounded mail host is only reached where that is allowed, by the address that its name has at that moment; and over no connection
// that was opened while it was not bounded.
func TestBoundedHost(t *testing.T) {
	s := serve(t, "127.0.0.1", nil)
	_, port, _ := strings.Cut(s.addr.String(), ":")
	errNo := errors.New("not there")
	named := zone{addr: map[string][]string{"inside.example": {"127.0.0.1"}}}
	for _, c := range []struct {
		name    string
		address string
		bounded bool
		reach   func(netip.AddrPort) error
		want    string // "": carried
	}{
		{"any", s.addr.String(), false, nil, ""},
		{"nothing said", s.addr.String(), true, nil, errUnbounded.Error()},
		{"by its address", s.addr.String(), true, func(netip.AddrPort) error { return errNo }, "not there"},
		{"by its name", "inside.example:" + port, true, func(at netip.AddrPort) error {
			if at != s.addr {
				t.Errorf("asked of %s, want %s", at, s.addr)
			}
			return errNo
		}, "not there"},
		{"allowed", "inside.example:" + port, true, func(netip.AddrPort) error { return nil }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := s.count()
			r := New(Config{
				Hostname: "gate.example", Resolver: named, Reach: c.reach,
				Router: routes{"domain:a.example": {{Name: "h", Address: c.address, TLS: "never", Bounded: c.bounded}}},
			})
			defer r.Close()
			got := told(r.Carry(t.Context(), job(toA, "ann@a.example")))
			after, _ := s.count()
			reached := after != before
			if carried := strings.HasPrefix(got, "carried"); carried != (c.want == "") || reached != carried || !strings.Contains(got, c.want) {
				t.Errorf("got %s, reached %v; want %q", got, reached, c.want)
			}
		})
	}
	r := New(Config{Hostname: "gate.example", Resolver: named, Router: routes{
		"domain:a.example": {{Name: "h", Address: s.addr.String(), TLS: "never"}}, "domain:b.example": {{Name: "h", Address: s.addr.String(), TLS: "never", Bounded: true}},
	}})
	defer r.Close()
	if got := told(r.Carry(t.Context(), job(toA, "ann@a.example"))); !strings.HasPrefix(got, "carried") {
		t.Fatalf("got %s", got)
	}
	if got := told(r.Carry(t.Context(), job("domain:b.example", "ann@b.example"))); !strings.Contains(got, errUnbounded.Error()) {
		t.Errorf("over a kept connection: got %s", got)
	}
}
