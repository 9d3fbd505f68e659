package captcha

import (
	"fmt"
	"net/netip"
	"time"
)

// Limits. A client is counted as its network, an IPv4 /24 or an IPv6 /64. Each time
// begins with the first of what is counted in it.
const (
	MadePerNode    = 1000 // tasks in a minute, so that the store keeps each for its lifetime
	MadePerClient  = 30   // tasks in a minute
	WrongPerThing  = 10   // wrong answers in an hour about one subject
	WrongPerClient = 20   // wrong answers in an hour
	BarePerClient  = 5    // answers in an hour without work, right or wrong
	drawings       = 5    // images of one task, and as many sounds
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

// network is what one party usually holds as a whole. An address that is not valid is
// in a network of its own.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}
