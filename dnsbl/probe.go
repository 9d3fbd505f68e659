package dnsbl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
// 127.0.0.2 is always listed and 127.0.0.1 never; of domains TEST always and
// INVALID never. The error wraps ErrBroken or ErrSilent and says what is wrong.
func (l List) Probe(ctx context.Context, r Resolver) error {
	listed := Subject{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 2}), Domains: []string{"test"}}
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
	return nil
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
