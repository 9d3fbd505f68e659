package captcha

import (
	"fmt"
	"net/netip"
	"time"

	"gatepost/internal/mail"
)

// Limits. A client is counted as its network, an IPv4 /24 or an IPv6 /64; a /48 of IPv6,
// which one party may have, gets perSite times as much. Each time begins with the first
// of what is counted in it.
const (
	MadePerNode    = 1000 // tasks in a minute, so that the store keeps each for its lifetime
	MadePerClient  = 30   // tasks in a minute
	MadePerThing   = 20   // tasks in a minute about one subject: nobody's link shuts out the others'
	WrongPerThing  = 10   // wrong answers in an hour about one subject
	WrongPerClient = 20   // wrong answers in an hour
	BarePerClient  = 5    // answers in an hour without work, right or wrong
	drawings       = 5    // images of one task, and as many sounds
	perSite        = 4
)

const (
	minute     = time.Minute
	hour       = time.Hour
	maxCounted = 20_000 // subjects, and networks, with a count; beyond it the oldest is forgotten
)

// A LimitError says that there were too many tries, and when there may be more.
type LimitError struct {
	Again time.Time
}

// Error says when.
func (e *LimitError) Error() string {
	return fmt.Sprintf("too many tries: again at %s", e.Again.UTC().Format(time.RFC3339))
}

// A tally counts by key, up to most in a time that begins with the first.
type tally[K comparable] struct {
	most   int
	counts shelf[K, *count]
}

type count struct {
	n     int
	until time.Time
}

func newTally[K comparable](most int, per time.Duration) tally[K] {
	return tally[K]{most, newShelf[K, *count](per, maxCounted)}
}

// check fails with a LimitError where a key has its most.
func (t *tally[K]) check(key K, now time.Time) error {
	if c, ok := t.counts.get(key, now); ok && c.n >= t.most {
		return &LimitError{Again: c.until}
	}
	return nil
}

// add counts one.
func (t *tally[K]) add(key K, now time.Time) {
	c, ok := t.counts.get(key, now)
	if !ok {
		c = &count{until: now.Add(t.counts.keep)}
		t.counts.put(key, c, now)
	}
	c.n++
}

// A party is the networks as which an address is counted.
type party struct {
	network netip.Prefix // what one party usually holds as a whole
	site    netip.Prefix // the most that one holds
}

// partyOf finds them. An address that is not valid is in a network of its own.
func partyOf(a netip.Addr) party {
	narrow, wide := 64, 48
	if a = mail.Unmap(a); a.Is4() {
		narrow, wide = 24, 24
	}
	var c party
	c.network, _ = a.Prefix(narrow)
	c.site, _ = a.Prefix(wide)
	return c
}

// clients counts by client.
type parties struct{ networks, sites tally[netip.Prefix] }

func newParties(most int, per time.Duration) parties {
	return parties{newTally[netip.Prefix](most, per), newTally[netip.Prefix](perSite*most, per)}
}

// check fails with a LimitError where a client has its most.
func (c *parties) check(from party, now time.Time) error {
	if err := c.networks.check(from.network, now); err != nil {
		return err
	}
	return c.sites.check(from.site, now)
}

// add counts one.
func (c *parties) add(from party, now time.Time) {
	c.networks.add(from.network, now)
	c.sites.add(from.site, now)
}
