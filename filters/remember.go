package filters

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/pipeline"
)

// A keeper is a Resolver that says for how long from now its memory answers a question as it
// does now; 0 where it would have to ask, or the answer is a failure or stale. The record is
// "TXT", "MX", "A", "AAAA" or "PTR", this one for an address.
type keeper interface {
	Keeps(record, name string) time.Duration
}

// remembering is a Resolver with what was concluded from its answers: SPF of a client and a
// domain, a client's name, a domain's mail hosts, DMARC of a domain. A conclusion holds as long as all the
// answers that it rests on are in the resolver's memory, so that it is the one that would be
// drawn from them again. It is shared by transactions and is not to be changed.
type remembering struct {
	Resolver
	keeper keeper
	spf    conclusions[spfKey, spfAnswer]
	iprev  conclusions[netip.Addr, iprevAnswer]
	mx     conclusions[mxKey, pipeline.Finding]
	dmarc  conclusions[dmarcKey, dmarcOne]
}

// A lazily made finding is made once, by who asks first. It is not to be changed.
type lazily struct {
	once    sync.Once
	finding pipeline.Finding
}

func (l *lazily) make(f func() pipeline.Finding) pipeline.Finding {
	l.once.Do(func() { l.finding = f() })
	return l.finding
}

// An spfKey is what SPF depends on where no macro asks for more (RFC 7208 §7).
type spfKey struct {
	client   netip.Addr
	domain   string
	identity string
}

// An mxKey is what a look for mail hosts depends on.
type mxKey struct {
	domain string
	client netip.Addr // on a private network; invalid: any other
}

// remember returns r with a memory, where it says how long its answers hold.
func remember(r Resolver) Resolver {
	if k, ok := r.(keeper); ok {
		return &remembering{Resolver: r, keeper: k}
	}
	return r
}

// watch returns a Resolver for one conclusion.
func (r *remembering) watch() *watched { return &watched{Resolver: r.Resolver, keeper: r.keeper} }

// conclude returns what is remembered of a key, or what f makes of the answers of the DNS
// that it is given, and remembers that if it may be.
func conclude[K comparable, V any](r *remembering, of *conclusions[K, V], key K, f func(*watched) (V, []pipeline.Evidence)) V {
	if v, ok := of.get(key, time.Now()); ok {
		return v
	}
	w := r.watch()
	v, seen := f(w)
	if until, ok := w.holds(); ok && weight(seen) <= maxConclusion {
		of.put(key, v, until)
	}
	return v
}

// Bounds of each kind of conclusions: how many, in two halves, and the octets of evidence
// of each.
const (
	maxConclusions = 4096
	maxConclusion  = 2048
)

func weight(list []pipeline.Evidence) (octets int) {
	for _, e := range list {
		octets += len(e.Key) + len(e.Value)
	}
	return octets
}

// conclusions are those of one kind: when the young half is full the old one is forgotten.
type conclusions[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]conclusion[V]
}

type conclusion[V any] struct {
	value V
	until time.Time
}

func (c *conclusions[K, V]) get(key K, now time.Time) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.young[key]
	if !ok {
		if known, ok = c.old[key]; ok {
			c.add(key, known)
		}
	}
	if !ok || !now.Before(known.until) {
		return v, false
	}
	return known.value, true
}

func (c *conclusions[K, V]) put(key K, v V, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(key, conclusion[V]{v, until})
}

// add puts a conclusion into the young half. The caller holds mu.
func (c *conclusions[K, V]) add(key K, known conclusion[V]) {
	if c.young == nil || len(c.young) >= maxConclusions/2 {
		c.old, c.young = c.young, map[K]conclusion[V]{}
	}
	c.young[key] = known
}

// watched is the Resolver that one conclusion is drawn from: it notes, before each question,
// how long what is known of it holds. So an answer that comes in the meantime is newer than
// that, and a conclusion is never kept beyond what it rests on.
type watched struct {
	Resolver
	keeper keeper

	mu    sync.Mutex
	until time.Time // zero: nothing was asked
	gone  bool      // something that was asked is not kept, or says more than it may
}

// holds says until when the conclusion may be remembered.
func (w *watched) holds() (until time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.until, !w.gone && !w.until.IsZero()
}

// varies notes that the conclusion depends on more than its key.
func (w *watched) varies() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
}

func (w *watched) note(record, name string) {
	now := time.Now()
	left := w.keeper.Keeps(record, name)
	w.mu.Lock()
	defer w.mu.Unlock()
	until := now.Add(left)
	if w.until.IsZero() || until.Before(w.until) {
		w.until = until
	}
	w.gone = w.gone || left <= 0
}

// LookupTXT implements Resolver.
func (w *watched) LookupTXT(ctx context.Context, name string) ([]string, error) {
	w.note("TXT", name)
	return w.Resolver.LookupTXT(ctx, name)
}

// LookupMX implements Resolver.
func (w *watched) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	w.note("MX", name)
	return w.Resolver.LookupMX(ctx, name)
}

// LookupNetIP implements Resolver.
func (w *watched) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	if network != "ip6" {
		w.note("A", name)
	}
	if network != "ip4" {
		w.note("AAAA", name)
	}
	return w.Resolver.LookupNetIP(ctx, network, name)
}

// LookupAddr implements Resolver.
func (w *watched) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	w.note("PTR", addr)
	return w.Resolver.LookupAddr(ctx, addr)
}

// mxKeyOf is the key of a look at a domain's mail hosts for a client.
func mxKeyOf(domain string, client netip.Addr) mxKey {
	if !isLocal(client) {
		client = netip.Addr{}
	}
	return mxKey{domain, client}
}
