package dnsbl

import (
	"context"
	"fmt"
	"net/netip"
)

// Probe asks the test points of RFC 5782 §5, by which a list shows that it works:
// 127.0.0.2 is always listed and 127.0.0.1 never; of domains TEST always and
// INVALID never. A nil error means that the list may be believed; else it says what
// is wrong: the list is dead, lists the world, or refuses to serve. Only the first
// holds for good; after a time-out the next probe may go well.
func (l List) Probe(ctx context.Context, r Resolver) error {
	listed := Subject{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 2}), Domains: []string{"test"}}
	free := Subject{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Domains: []string{"invalid"}}
	a := l.anything().ask(ctx, r, listed)
	b := l.anything().ask(ctx, r, free)
	switch {
	case b.State == Hit:
		return fmt.Errorf("dnsbl: %s lists %s, which no list may: it lists the world", l.Zone, b.About)
	case a.State == Miss:
		return fmt.Errorf("dnsbl: %s does not list %s, which every list must: it is dead", l.Zone, a.About)
	case a.State == Error:
		return fmt.Errorf("dnsbl: %s: %s", l.Zone, a.Cause)
	case b.State == Error:
		return fmt.Errorf("dnsbl: %s: %s", l.Zone, b.Cause)
	}
	return nil
}

// anything returns the list with every code a hit: what a test point answers is
// the list's own choice.
func (l List) anything() List {
	l.Codes = Codes{ranges: []codeRange{{first: 0x7f000001, last: 0x7ffffeff}}}
	return l
}
