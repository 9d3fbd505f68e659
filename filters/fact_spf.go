package filters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/authres"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// An spfAnswer is whether the reverse-path's domain lets the client send for it
// (RFC 7208).
type spfAnswer struct {
	Result    string // a word of RFC 7208 §2.6
	Identity  string // "mailfrom", or "helo" where the reverse-path is null
	Domain    string // whose record was asked for
	Mechanism string // what matched: "ip", "mx"; "" where nothing did
	Problem   string // why the result is an error
	Auth      *authres.SPFResult
	Seen      []pipeline.Evidence
	told      *lazily // what the filter says of it, Auth aside
}

// disowns reports whether the domain says that the client is none of its own.
func (a spfAnswer) disowns() bool { return a.Result == "fail" || a.Result == "softfail" }

// private reports whether that is of a client whose address nobody can name.
func (a spfAnswer) private(client netip.Addr) bool { return a.disowns() && isLocal(client) }

// spfLimit is the time for all of SPF's lookups (RFC 7208 §4.6.4 asks for 20 s at
// the least; who waits that long for an answer has lost it).
const spfLimit = 20 * time.Second

// spfFact evaluates SPF once for a transaction from stage Mail on. A temporary
// failure is a result, not an error.
func spfFact(ctx context.Context, tx *pipeline.Transaction, r Resolver) (spfAnswer, error) {
	sender, identity := spfIdentity(tx)
	return pipeline.Fact(ctx, tx, spfFactKey(tx, sender), spfLimit, func(ctx context.Context) (spfAnswer, error) {
		return askSPF(ctx, r, tx.Client, sender, identity), nil
	})
}

func spfFactKey(tx *pipeline.Transaction, sender string) string {
	return "spf " + sender + " " + tx.Client.Helo
}

// askSPF evaluates SPF, or remembers what it was.
func askSPF(ctx context.Context, r Resolver, c mail.Client, sender, identity string) spfAnswer {
	m, ok := r.(*remembering)
	if !ok {
		return evaluateSPF(ctx, r, c.Addr, c.Helo, sender, identity)
	}
	a := conclude(m, &m.spf, spfKey{c.Addr, domainOf(sender), identity}, func(w *watched) (spfAnswer, []pipeline.Evidence) {
		a := evaluateSPF(ctx, w, c.Addr, c.Helo, sender, identity)
		return a, a.Seen
	})
	auth := *a.Auth // names this sender
	if auth.From, auth.Helo = sender, ""; identity == "helo" {
		auth.From, auth.Helo = "", c.Helo
	}
	a.Auth = &auth
	return a
}

// domainOf is the domain of a sender that spfIdentity made.
func domainOf(sender string) string { return sender[strings.LastIndexByte(sender, '@')+1:] }

// spfIdentity returns the sender to be checked: the reverse-path, or postmaster at
// the HELO name where it is null or has no local part (RFC 7208 §2.4, §4.3).
func spfIdentity(tx *pipeline.Transaction) (sender, identity string) {
	from := tx.Envelope.ReversePath
	if from.IsNull() {
		return "postmaster@" + tx.Client.Helo, "helo"
	}
	if from.Local() == "" {
		return "postmaster@" + from.Domain(), "mailfrom"
	}
	return string(from), "mailfrom"
}

func evaluateSPF(ctx context.Context, r Resolver, client netip.Addr, helo, sender, identity string) spfAnswer {
	domain := domainOf(sender)
	a := spfAnswer{told: &lazily{}, Identity: identity, Domain: domain, Auth: &authres.SPFResult{From: sender}}
	if identity == "helo" {
		a.Auth = &authres.SPFResult{Helo: helo}
	}
	if !isName(domain) { // RFC 7208 §4.3
		a.Result, a.Auth.Value = string(spf.None), authres.ResultNone
		return a
	}
	lookups := &spfResolver{resolver: r, client: client}
	asked := sender
	if mail.Path(sender).NeedsUTF8() {
		asked = nameless + "@" + domain
	}
	result, err := spf.CheckHostWithSender(client.AsSlice(), helo, asked, spf.WithResolver(lookups), spf.WithContext(ctx),
		spf.OverrideLookupLimit(10), spf.OverrideVoidLookupLimit(2)) // RFC 7208 §4.6.4
	if lookups.stale.Load() && result != spf.Pass {
		result, err = spf.TempError, errStale
	}
	a.Result, a.Seen = string(result), lookups.seen.evidence()
	switch result {
	case spf.TempError, spf.PermError:
		a.Problem = problemOf(err)
	default:
		a.Mechanism = mechanismOf(err)
	}
	a.Auth.Value, a.Auth.Reason = authres.ResultValue(result), a.Problem
	return a
}

// nameless stands for a local part that is not ASCII: terms with %{l} or %{s} match nothing then (RFC 8616
// §4). No macro can take it apart, and no name in which it stands is looked up.
const nameless = "spf8616localpart"

// matchesNothing says of such a name that it does not exist, and nil of others.
func matchesNothing(name string) error {
	if !strings.Contains(name, nameless) {
		return nil
	}
	return &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

// errStale is why a result that leans on old answers, and speaks against the client, is none.
var errStale = errors.New("no DNS server answers, and what is known is old")

// mechanismOf names what matched; the library tells it as an error.
func mechanismOf(err error) string {
	if err == nil {
		return ""
	}
	if m, ok := strings.CutPrefix(err.Error(), "matched "); ok {
		return m
	}
	return ""
}

func problemOf(err error) string {
	var dnsError *net.DNSError
	switch {
	case err == nil:
		return "unknown"
	case errors.As(err, &dnsError):
		return fmt.Sprintf("looking up %s: %s", dnsError.Name, dnsError.Err)
	}
	return err.Error()
}

// An spfResolver lets the SPF library ask our resolver and notes what it hears.
type spfResolver struct {
	resolver Resolver
	client   netip.Addr
	seen     seen
	stale    atomic.Bool // one of the answers was
}

// fault notes a failure and returns what the library is to know of it: nothing where the
// answer is stale.
func (s *spfResolver) fault(name string, err error) error {
	if isStale(err) {
		s.stale.Store(true)
		return nil
	}
	return dnsErrorOf(name, err)
}

// hasMacro reports whether a record asks for parts of the sender, the HELO name or the
// client (RFC 7208 §7).
func hasMacro(text string) bool { return strings.Contains(text, "%{") }

// LookupTXT implements spf.DNSResolver.
func (s *spfResolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if err := matchesNothing(name); err != nil {
		return nil, err
	}
	texts, err := s.resolver.LookupTXT(ctx, name)
	if w, ok := s.resolver.(*watched); ok && slices.ContainsFunc(texts, hasMacro) {
		w.varies()
	}
	s.seen.add("TXT "+name, texts, err)
	return texts, s.fault(name, err)
}

// LookupMX implements spf.DNSResolver.
func (s *spfResolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if err := matchesNothing(name); err != nil {
		return nil, err
	}
	hosts, err := s.resolver.LookupMX(ctx, name)
	texts := make([]string, len(hosts))
	for i, h := range hosts {
		texts[i] = mxText(h)
	}
	s.seen.add("MX "+name, texts, err)
	return hosts, s.fault(name, err)
}

// LookupIPAddr implements spf.DNSResolver. Of an IPv4 client only A records are of
// interest (RFC 7208 §5), so that a name without AAAA is no void lookup; of an IPv6
// one both, since "exists" wants A.
func (s *spfResolver) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	if err := matchesNothing(name); err != nil {
		return nil, err
	}
	network := "ip"
	if s.client.Is4() {
		network = "ip4"
	}
	addrs, err := s.resolver.LookupNetIP(ctx, network, name)
	list, texts := make([]net.IPAddr, len(addrs)), make([]string, len(addrs))
	for i, a := range addrs {
		list[i], texts[i] = net.IPAddr{IP: a.AsSlice()}, a.String()
	}
	s.seen.add("address "+name, texts, err)
	return list, s.fault(name, err)
}

// LookupAddr implements spf.DNSResolver.
func (s *spfResolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	names, err := s.resolver.LookupAddr(ctx, addr)
	s.seen.add("PTR "+addr, names, err)
	return names, s.fault(addr, err)
}

// dnsErrorOf returns err as the plain *net.DNSError by which the libraries tell
// absence from failure; what is none of those is a failure that may pass.
func dnsErrorOf(name string, err error) error {
	var dnsError *net.DNSError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dnsError) && dnsError.IsNotFound:
		return dnsError
	case errors.As(err, &dnsError):
		temporary := *dnsError
		temporary.IsTemporary = true
		return &temporary
	}
	return &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, IsTemporary: true}
}
