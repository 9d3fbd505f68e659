package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// The lookups here tell no more than those of net.Resolver. Where no server answers they
// return what is known from before with an error that has a StaleError in its chain.

// LookupTXT returns the name's TXT records, the strings of each joined.
func (r *Resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := r.Lookup(ctx, name, TXT)
	texts := make([]string, 0, len(a.Records))
	for _, rec := range a.Records {
		texts = append(texts, rec.Text)
	}
	return texts, err
}

// LookupMX returns the name's MX records, the most preferred first.
func (r *Resolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a, err := r.Lookup(ctx, name, MX)
	return hostsOf(a), err
}

func hostsOf(a Answer) []*net.MX {
	hosts := make([]*net.MX, 0, len(a.Records))
	for _, rec := range a.Records {
		hosts = append(hosts, &net.MX{Host: rec.Host, Pref: rec.Pref})
	}
	slices.SortStableFunc(hosts, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	return hosts
}

// LookupAddr returns the names that the PTR records of an address give it,
// without final dots. Nothing promises that they lead back.
func (r *Resolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	reverse, err := dns.ReverseAddr(addr)
	if err != nil {
		return nil, notFound(question{name: addr, typ: PTR}, ErrNoName)
	}
	a, err := r.Lookup(ctx, reverse, PTR)
	names := make([]string, 0, len(a.Records))
	for _, rec := range a.Records {
		names = append(names, rec.Host)
	}
	return names, err
}

// LookupNetIP returns the name's addresses: network "ip4" those of A records,
// "ip6" those of AAAA records, "ip" both. Where only one of two questions could be
// answered it returns those addresses and the other's error.
func (r *Resolver) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	switch network {
	case "ip4":
		return r.addrs(ctx, name, A)
	case "ip6":
		return r.addrs(ctx, name, AAAA)
	case "ip":
		return r.bothAddrs(ctx, name)
	}
	return nil, fmt.Errorf("resolve: network %q is not ip, ip4 or ip6", network)
}

// LookupIPAddr is LookupNetIP for "ip", in the standard library's older words.
func (r *Resolver) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	addrs, err := r.LookupNetIP(ctx, "ip", name)
	list := make([]net.IPAddr, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, net.IPAddr{IP: a.AsSlice()})
	}
	return list, err
}

func (r *Resolver) addrs(ctx context.Context, name string, typ Type) ([]netip.Addr, error) {
	a, err := r.Lookup(ctx, name, typ)
	return addrsOf(a), err
}

func addrsOf(a Answer) []netip.Addr {
	addrs := make([]netip.Addr, 0, len(a.Records))
	for _, rec := range a.Records {
		addrs = append(addrs, rec.Addr)
	}
	return addrs
}

// knows reports whether an answer is in the cache.
func (r *Resolver) knows(name string, typ Type) bool {
	plain, err := canonical(name)
	if err != nil {
		return false
	}
	_, ok := r.cache.get(question{name: plain, typ: typ}, r.conf.Now())
	return ok
}

// Keeps says for how long from now the cache answers a question as it does now, be it that
// there are no such records: 0 where it would have to ask, or where the answer is a failure
// or stale. The record is a type's mnemonic, "TXT"; for "PTR" the name is an address.
func (r *Resolver) Keeps(record, name string) time.Duration {
	typ := Type(dns.StringToType[record])
	if typ == PTR {
		reverse, err := dns.ReverseAddr(name)
		if err != nil {
			return 0
		}
		name = reverse
	}
	plain, err := canonical(name)
	if err != nil {
		return 0
	}
	now := r.conf.Now()
	k, ok := r.cache.get(question{name: plain, typ: typ}, now)
	if !ok || errors.Is(k.err, ErrTemporary) {
		return 0
	}
	return k.expires.Sub(now)
}

func (r *Resolver) bothAddrs(ctx context.Context, name string) ([]netip.Addr, error) {
	type outcome struct {
		addrs []netip.Addr
		err   error
	}
	six := make(chan outcome, 1)
	ask := func() {
		addrs, err := r.addrs(ctx, name, AAAA)
		six <- outcome{addrs, err}
	}
	if r.knows(name, AAAA) { // no need to wait for it beside the other
		ask()
	} else {
		go ask()
	}
	addrs, err := r.addrs(ctx, name, A)
	other := <-six
	addrs = append(addrs, other.addrs...)
	switch {
	case errors.Is(err, ErrTemporary) && !isStale(err):
		return addrs, err
	case errors.Is(other.err, ErrTemporary):
		return addrs, other.err
	case isStale(err):
		return addrs, err
	case len(addrs) > 0:
		return addrs, nil
	case errors.Is(other.err, ErrNoData): // the name is there, whatever was said of A
		return nil, other.err
	}
	return nil, err
}
