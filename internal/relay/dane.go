package relay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/tlsreport"
)

// DNSSEC asks a resolver that validates, over a way that nobody can tamper with. Each
// lookup says whether all of its answer is vouched for, and where CNAMEs led. Errors
// are those of Resolver; what is bogus is an error that is not IsNotFound.
type DNSSEC interface {
	SecureMX(ctx context.Context, name string) (hosts []*net.MX, at string, secure bool, err error)
	SecureNetIP(ctx context.Context, network, name string) (addrs []netip.Addr, at string, secure bool, err error)
	SecureAlias(ctx context.Context, name string) (bool, error)
	// LookupTLSA returns records as they are on the wire (RFC 6698 §2.1).
	LookupTLSA(ctx context.Context, name string) (records [][]byte, secure bool, err error)
}

// A way is how mail for a domain finds its servers, and whether DNSSEC vouches for it.
type way struct {
	domain string // the recipients'
	at     string // where CNAMEs led from there
	secure bool
	wish   wish // of the message that is to go
}

// A located server is one with its addresses.
type located struct {
	name   string
	addrs  []netip.Addr
	at     string // where CNAMEs led
	secure bool   // all addresses are vouched for
}

// A bond is what TLSA records say of a server.
type bond struct {
	base  string   // the name that has the records (RFC 7672 §2.2.3)
	pins  []pin    // those that can be used; none: TLS, whatever the certificate
	names []string // reference identifiers under DANE-TA (RFC 7672 §3.2.2)
}

// findBond looks up what a server's TLSA records ask; nil: there are none that are
// vouched for. An error means that nobody could tell, and then the server must not be
// used (RFC 7672 §2.1.2).
func (r *Relay) findBond(ctx context.Context, w way, s located) (*bond, error) {
	if r.c.DNSSEC == nil || !w.secure { // RFC 7672 §2.2.1: an MX record that is not vouched for names anybody
		return nil, nil
	}
	bases, err := r.bases(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, base := range bases {
		name := fmt.Sprintf("_%d._tcp.%s", r.c.Port, base)
		records, secure, err := r.c.DNSSEC.LookupTLSA(ctx, name)
		if err != nil && !absent(err) {
			return nil, fmt.Errorf("looking up the TLSA records %s of the server %s (DANE, RFC 7672): %w", name, s.name, err)
		}
		if err != nil || !secure || len(records) == 0 {
			continue
		}
		return &bond{base: base, pins: parsePins(records), names: referenceNames(base, w)}, nil
	}
	return nil, nil
}

// bases are the names to look for TLSA records under (RFC 7672 §2.2.2): where CNAMEs
// led, then the name itself. Servers whose addresses are not vouched for are not
// asked about: their name servers may choke on the question (§2.2).
func (r *Relay) bases(ctx context.Context, s located) ([]string, error) {
	alias := !strings.EqualFold(s.at, s.name)
	switch {
	case s.secure && alias:
		return []string{s.at, s.name}, nil
	case s.secure:
		return []string{s.name}, nil
	case !alias:
		return nil, nil
	}
	// An alias that is vouched for, to a name that is not: the alias may have records.
	secure, err := r.c.DNSSEC.SecureAlias(ctx, s.name)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("looking up the alias %s (DANE, RFC 7672): %w", s.name, err)
	}
	if !secure {
		return nil, nil
	}
	return []string{s.name}, nil
}

// referenceNames: besides the server's name the domain's, and where it led.
func referenceNames(base string, w way) []string {
	var names []string
	for _, n := range []string{base, w.domain, w.at} {
		if n = strings.ToLower(n); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// proves reports whether a server can show that it is the one that is meant.
func (b *bond) proves() bool { return b != nil && len(b.pins) > 0 }

// tie puts a bond on a target.
func (b *bond) tie(t target, domain string) target {
	p := &policy{Policy: tlsreport.Policy{Domain: domain, Type: tlsreport.TLSA}}
	for _, pin := range b.pins {
		p.Strings = append(p.Strings, pin.String())
	}
	t.bond, t.policy = b, p
	t.tls, t.level = dane, levelDANE
	if len(b.pins) == 0 { // RFC 7672 §2.2: records, but none of use
		t.tls, t.level = encrypt, levelAny
	}
	all := b.base + " " + strings.Join(p.Strings, " ")
	if slices.ContainsFunc(b.pins, func(p pin) bool { return p.usage == daneTA }) {
		all += " " + strings.Join(b.names, " ")
	}
	sum := sha256.Sum256([]byte(all)) // records may be long, and the pool keeps this
	t.bound = string(sum[:])
	return t
}
