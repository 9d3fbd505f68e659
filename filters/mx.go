package filters

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// mx asks whether an answer to the reverse-path could be delivered (RFC 5321 §5.1): its
// domain must have MX records, or else an address of its own. A domain that is not
// there, one that says it takes no mail (a null MX, RFC 7505), and one whose mail hosts
// are all names without an address or with one that leads nowhere from here (loopback,
// private, reserved) can't be answered. Of many mail hosts the ten most preferred are
// looked at, the first alone before the others. Clients on a private network may have
// mail hosts there; where the DNS knows nothing of their domain ("printer.local", the
// name of a host), the answer is "private". The null path, and senders who have logged in, are not judged.
type mx struct{ resolver Resolver }

// Bounds of the lookups for one reverse-path.
const (
	mxLimit = 8 * time.Second
	maxMX   = 10 // mail hosts looked at
)

func mxKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "mx", Stage: pipeline.Mail, Scope: pipeline.PerMessage, Waits: true, Told: true, Timeout: mxLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "pass", Effect: "none", Doc: "a mail host of the domain has an address that can be reached"},
			{Word: "a-only", Effect: "score 0.5", Doc: "the domain has no MX record, but an address"},
			{Word: "invalid", Effect: "spam", Doc: "there is no such domain, or it takes no mail, or its mail hosts can't be reached"},
			{Word: "private", Effect: "none", Doc: "there is no such domain, and the client is on a private network or loopback"},
			{Word: "none", Effect: "none", Doc: "the path is null, or the sender has logged in"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer"},
		},
		New: func(any) (pipeline.Filter, error) { return mx{d.Resolver}, nil },
	}
}

// Check implements pipeline.Filter.
func (m mx) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	switch {
	case q.Tx.Envelope.ReversePath.IsNull():
		return pipeline.Finding{Result: "none", Reason: "the reverse-path is null"}, nil
	case !q.Tx.Client.Login.IsNull():
		return pipeline.Finding{Result: "none", Reason: "the sender has logged in"}, nil
	}
	domain, client := q.Tx.Envelope.ReversePath.Domain(), q.Tx.Client.Addr
	r, ok := m.resolver.(*remembering)
	if !ok {
		return lookMX(ctx, m.resolver, domain, client), nil
	}
	return conclude(r, &r.mx, mxKeyOf(domain, client), func(w *watched) (pipeline.Finding, []pipeline.Evidence) {
		f := lookMX(ctx, w, domain, client)
		return f, f.Evidence
	}), nil
}

// lookMX looks for the mail hosts of a domain.
func lookMX(ctx context.Context, r Resolver, domain string, client netip.Addr) pipeline.Finding {
	// The limit is within the entry's, so that a host that does not answer takes nothing
	// away from what the others said.
	ctx, cancel := pipeline.WithLimit(ctx, mxLimit)
	defer cancel()
	look := mxLook{resolver: r, domain: domain, client: client}
	f := look.judge(ctx)
	f.Evidence = look.seen.evidence()
	return f
}

// An mxLook is one look for the mail hosts of a domain.
type mxLook struct {
	resolver Resolver
	domain   string
	client   netip.Addr
	seen     seen
}

func (l *mxLook) judge(ctx context.Context) pipeline.Finding {
	if addr, ok := literalAddr(l.domain); ok {
		return l.literal(addr)
	}
	if !isName(l.domain) {
		return l.absent("%s is not a domain that could be in the DNS")
	}
	records, err := l.resolver.LookupMX(ctx, l.domain)
	l.seen.add("MX "+l.domain, mxTexts(records), err)
	switch {
	case err != nil && !notFound(err):
		return pipeline.Finding{Result: pipeline.TempError, Reason: fmt.Sprintf("the mail hosts of %s could not be looked up", l.domain)}
	case len(records) == 0:
		return l.ownAddress(ctx)
	case len(records) == 1 && mxHost(records[0]) == "": // RFC 7505 §3
		return invalidMX("%s says that it takes no mail", l.domain)
	}
	return l.hosts(ctx, mxHosts(records))
}

func invalidMX(format string, args ...any) pipeline.Finding {
	return pipeline.Finding{Result: "invalid", Reason: fmt.Sprintf(format, args...)}
}

// literal judges an address in place of a domain (RFC 5321 §4.1.3).
func (l *mxLook) literal(addr netip.Addr) pipeline.Finding {
	if !l.reachable(addr) {
		return invalidMX("%s is an address that can't be reached", addr)
	}
	return pipeline.Finding{Result: "a-only", Reason: fmt.Sprintf("the sender is at the address %s, and in no domain", addr)}
}

// ownAddress judges a domain without MX records by its own addresses (RFC 5321 §5.1).
func (l *mxLook) ownAddress(ctx context.Context) pipeline.Finding {
	switch l.host(ctx, l.domain) {
	case hostReached:
		return pipeline.Finding{Result: "a-only", Reason: fmt.Sprintf("%s has no mail hosts, but an address", l.domain)}
	case hostUnknown:
		return pipeline.Finding{Result: pipeline.TempError, Reason: fmt.Sprintf("the address of %s could not be looked up", l.domain)}
	case hostAway:
		return invalidMX("%s has no mail hosts, and no address that can be reached", l.domain)
	}
	return l.absent("%s is not there, or has no mail hosts")
}

// absent judges a domain of which the DNS knows nothing: a private network has names of
// its own.
func (l *mxLook) absent(format string) pipeline.Finding {
	f := invalidMX(format, shorten(l.domain))
	if isLocal(l.client) {
		f.Result = "private"
		f.Reason += fmt.Sprintf("; the client, %s, is on a private network", l.client)
	}
	return f
}

// hosts judges a domain by its mail hosts, the most preferred alone first: mostly it is
// enough, and the others are not asked about.
func (l *mxLook) hosts(ctx context.Context, names []string) pipeline.Finding {
	pass := pipeline.Finding{Result: "pass", Reason: fmt.Sprintf("%s has mail hosts", l.domain)}
	states := []hostState{hostNone}
	if len(names) > 0 {
		if states[0] = l.host(ctx, names[0]); states[0] == hostReached {
			return pass
		}
		names = names[1:]
	}
	// Each has a look of its own, so that the evidence is in the order of preference.
	looks, more := make([]mxLook, len(names)), make([]hostState, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		looks[i].resolver, looks[i].client = l.resolver, l.client
		wg.Go(func() { more[i] = looks[i].host(ctx, name) })
	}
	wg.Wait()
	for i := range looks {
		l.seen.list = append(l.seen.list, looks[i].seen.evidence()...)
	}
	switch states = append(states, more...); {
	case slices.Contains(states, hostReached):
		return pass
	case slices.Contains(states, hostUnknown):
		return pipeline.Finding{Result: pipeline.TempError, Reason: fmt.Sprintf("the addresses of the mail hosts of %s could not be looked up", l.domain)}
	case slices.Contains(states, hostAway):
		return invalidMX("the mail hosts of %s have no address that can be reached", l.domain)
	}
	return invalidMX("the mail hosts of %s have no address", l.domain)
}

// A hostState is what is known of a mail host.
type hostState int

const (
	hostNone    hostState = iota // it has no address, or its name is none
	hostAway                     // its addresses can't be reached
	hostUnknown                  // the DNS did not answer
	hostReached                  // it has one that can
)

func (l *mxLook) host(ctx context.Context, name string) hostState {
	if !isName(name) {
		return hostNone
	}
	addrs, err := l.resolver.LookupNetIP(ctx, "ip", name)
	l.seen.add("address "+name, texts(addrs), err)
	switch {
	case slices.ContainsFunc(addrs, l.reachable):
		return hostReached
	case err != nil && !notFound(err): // the addresses of the other family may be better
		return hostUnknown
	case len(addrs) > 0:
		return hostAway
	}
	return hostNone
}

// reachable reports whether mail from here can come to an address: a private one only
// where the client is on a private network, too.
func (l *mxLook) reachable(a netip.Addr) bool {
	a = mail.Unmap(a)
	if isLocal(a) {
		return isLocal(l.client) && !a.IsLoopback() && !a.IsUnspecified()
	}
	if a.Is4() {
		if first := a.As4()[0]; first == 0 || first >= 240 { // RFC 6890
			return false
		}
	}
	return !a.IsMulticast()
}

// mxHost returns a record's name without its final dot, in lower case: "" for the root.
func mxHost(r *net.MX) string { return strings.ToLower(strings.TrimSuffix(r.Host, ".")) }

// mxHosts returns the names of the most preferred records, each once.
func mxHosts(records []*net.MX) (names []string) {
	byPreference := func(a, b *net.MX) int { return int(a.Pref) - int(b.Pref) }
	if !slices.IsSortedFunc(records, byPreference) {
		records = slices.Clone(records)
		slices.SortStableFunc(records, byPreference)
	}
	for _, r := range records {
		if name := mxHost(r); len(names) < maxMX && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func mxText(r *net.MX) string { return strconv.Itoa(int(r.Pref)) + " " + r.Host }

func mxTexts(records []*net.MX) (list []string) {
	for _, r := range records[:min(len(records), maxMX+1)] {
		list = append(list, mxText(r))
	}
	return list
}
