package dnsbl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// What a Probe finds wrong.
var (
	// ErrBroken says that the list must not be believed: it is dead, lists the
	// world, or refuses to serve.
	ErrBroken = errors.New("not to be believed")
	// ErrSilent says that the list could not be asked. That may pass, and says
	// nothing about the list.
	ErrSilent = errors.New("could not be asked")
)

// Probe asks the test points of RFC 5782 §5, by which a list shows that it works:
// 127.0.0.2 is always listed and 127.0.0.1 never; of domains TEST (or List.Test) always and
// INVALID never. Since a list may answer these well and yet list everybody, it is asked about
// some more that no list has a reason to list (see innocent). The error wraps ErrBroken or
// ErrSilent and says what is wrong.
func (l List) Probe(ctx context.Context, r Resolver) error {
	listed := Subject{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 2}), Domains: []string{cmp.Or(l.Test, "test")}}
	free := Subject{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Domains: []string{"invalid"}}
	a := l.anything().ask(ctx, r, listed)
	b := l.anything().ask(ctx, r, free)
	switch {
	case b.State == Hit:
		return fmt.Errorf("dnsbl: %s is %w: it lists %s, which no list may, so it lists the world", l.Zone, ErrBroken, b.About)
	case a.State == Miss:
		return fmt.Errorf("dnsbl: %s is %w: it does not list %s, which every list must, so it is dead", l.Zone, ErrBroken, a.About)
	case a.State == Error:
		return a.trouble()
	case b.State == Error:
		return b.trouble()
	}
	return l.probeInnocent(ctx, r)
}

// innocent are whom a list lists only if it lists the world: name servers of the root, in
// four countries, which send no mail, and the domains that are reserved for examples (RFC
// 2606 §3). They are known to all and nobody's to choose.
func (l List) innocent() []Subject {
	if l.Kind == Domain {
		return []Subject{{Domains: []string{"example.com"}}, {Domains: []string{"example.net"}}, {Domains: []string{"example.org"}}}
	}
	return []Subject{
		{Addr: netip.AddrFrom4([4]byte{198, 41, 0, 4})},    // a.root-servers.net
		{Addr: netip.AddrFrom4([4]byte{192, 36, 148, 17})}, // i
		{Addr: netip.AddrFrom4([4]byte{193, 0, 14, 129})},  // k
		{Addr: netip.AddrFrom4([4]byte{202, 12, 27, 33})},  // m
	}
}

// probeInnocent fails where all who are innocent are listed, by the list's own codes. One who
// is not, or is not answered for, is enough to go on believing it: a list by country, say,
// may have reasons of its own for some. So mostly one question is all.
func (l List) probeInnocent(ctx context.Context, r Resolver) error {
	var about []string
	for _, s := range l.innocent() {
		a := l.ask(ctx, r, s)
		if a.State != Hit {
			return nil
		}
		about = append(about, a.About)
	}
	return fmt.Errorf("dnsbl: %s is %w: it lists %s, which no list has a reason to, so it lists the world", l.Zone, ErrBroken, strings.Join(about, ", "))
}

// trouble is what an Error means for a probe: who answers, but wrongly, is broken.
func (a Answer) trouble() error {
	if len(a.Codes) > 0 {
		return fmt.Errorf("dnsbl: %s is %w: it %s", a.List.Zone, ErrBroken, a.Cause)
	}
	return fmt.Errorf("dnsbl: %s %w: %s", a.List.Zone, ErrSilent, a.Cause)
}

// anything returns the list with every code a hit: what a test point answers is
// the list's own choice.
func (l List) anything() List {
	l.Codes = Codes{ranges: []codeRange{{first: 0x7f000001, last: 0x7ffffeff}}}
	return l
}
