package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// The lookups here tell, beside what those of the same name in net.Resolver's words
// do, whether DNSSEC vouches for all of the answer, be it that there is nothing. They
// say no of everything where Config.Validates is not set. at is where CNAMEs led,
// without its final dot: the name asked for where there are none. What is stale they keep
// to themselves: a key that was withdrawn must not come back because somebody silences
// our servers.

// fresh is Lookup, but that nothing stale comes of it: then there is only the failure.
func (r *Resolver) fresh(ctx context.Context, name string, typ Type) (Answer, error) {
	a, err := r.Lookup(ctx, name, typ)
	var stale *StaleError
	if errors.As(err, &stale) {
		return Answer{Name: name}, stale.cause
	}
	return a, err
}

// SecureMX is LookupMX.
func (r *Resolver) SecureMX(ctx context.Context, name string) (hosts []*net.MX, at string, secure bool, err error) {
	a, err := r.fresh(ctx, name, MX)
	return hostsOf(a), a.Name, a.AD, err
}

// SecureNetIP is LookupNetIP for "ip4" or "ip6".
func (r *Resolver) SecureNetIP(ctx context.Context, network, name string) (addrs []netip.Addr, at string, secure bool, err error) {
	typ, ok := map[string]Type{"ip4": A, "ip6": AAAA}[network]
	if !ok {
		return nil, name, false, fmt.Errorf("resolve: network %q is not ip4 or ip6", network)
	}
	a, err := r.fresh(ctx, name, typ)
	return addrsOf(a), a.Name, a.AD, err
}

// SecureAlias reports whether a name is an alias by a CNAME record that DNSSEC vouches
// for, wherever it leads.
func (r *Resolver) SecureAlias(ctx context.Context, name string) (bool, error) {
	a, err := r.fresh(ctx, name, CNAME)
	return err == nil && a.AD, err
}

// LookupTLSA returns the name's TLSA records as they are on the wire (RFC 6698 §2.1):
// usage, selector, matching type, data.
func (r *Resolver) LookupTLSA(ctx context.Context, name string) (records [][]byte, secure bool, err error) {
	a, err := r.fresh(ctx, name, TLSA)
	for _, rec := range a.Records {
		records = append(records, rec.Data)
	}
	return records, a.AD, err
}
