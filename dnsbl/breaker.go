package dnsbl

import (
	"hash/maphash"
	"net/netip"
)

// A breaker watches whether a list suddenly hits nearly everybody, though its test points
// look well. It looks at the last different subjects (client networks, or domains) that the
// list was asked about: where more than the ceiling are hits, and more than half of what
// usually are none, the list is suspect, and probed at once. It decides no more than that:
// whoever has a listed IPv6 /48 can be as many networks as he likes, and must not switch a
// list off. What the probe asks about he does not choose.
type breaker struct {
	ceiling float64
	seed    maphash.Seed
	window  [breakerWindow]sample
	n       int // samples in the window
	next    int // where the next one goes
	hits    int // among them

	usual   float64 // share of hits among those that left the window
	history int     // how many those were, up to longMemory
}

type sample struct {
	subject uint64 // hash
	hit     bool
}

const (
	// breakerWindow is how many subjects are looked at; before there are as many nothing is
	// decided.
	breakerWindow = 100
	// longMemory is over how many subjects what is usual is averaged, and enoughMemory
	// how many it takes to know; before, half is usual.
	longMemory   = 1000
	enoughMemory = 100
	assumedUsual = 0.5
)

// Ceilings where a list names none. Spam comes from so many networks that most are
// listed somewhere; the good are fewer.
const (
	denyCeiling  = 0.95
	allowCeiling = 0.8
)

func newBreaker(l List) *breaker {
	b := &breaker{ceiling: l.Ceiling, seed: maphash.MakeSeed()}
	switch {
	case b.ceiling > 0:
	case l.Kind == Allow:
		b.ceiling = allowCeiling
	default:
		b.ceiling = denyCeiling
	}
	return b
}

// add notes whether a subject is listed, and reports whether the list is suspect by it.
func (b *breaker) add(subject string, hit bool) (suspect bool) {
	s := sample{maphash.String(b.seed, subject), hit}
	if i := b.find(s.subject); i >= 0 { // the same again is no news, but may have changed
		b.count(b.window[i].hit, -1)
		b.window[i].hit = hit
		b.count(hit, 1)
		return false
	}
	if b.n == breakerWindow {
		b.forget(b.window[b.next])
	} else {
		b.n++
	}
	b.window[b.next] = s
	b.next = (b.next + 1) % breakerWindow
	b.count(hit, 1)
	return b.n == breakerWindow && b.judge()
}

func (b *breaker) find(subject uint64) int {
	for i := range b.n {
		if b.window[i].subject == subject {
			return i
		}
	}
	return -1
}

func (b *breaker) count(hit bool, n int) {
	if hit {
		b.hits += n
	}
}

// forget takes a sample that leaves the window into what is usual.
func (b *breaker) forget(s sample) {
	b.count(s.hit, -1)
	b.history = min(b.history+1, longMemory)
	v := 0.0
	if s.hit {
		v = 1
	}
	b.usual += (v - b.usual) / float64(b.history)
}

// judge compares the full window with what is usual. A suspect's window is begun anew, so
// that it is not probed at each answer, and what it held does not become usual.
func (b *breaker) judge() (suspect bool) {
	usual := assumedUsual
	if b.history >= enoughMemory {
		usual = b.usual
	}
	limit := max(b.ceiling, usual+(1-usual)/2)
	if float64(b.hits)/breakerWindow <= limit {
		return false
	}
	b.n, b.next, b.hits = 0, 0, 0
	return true
}

// subjectOf is whom an answer is about, as the breaker counts: a client's network, /24 or
// /64, or a domain.
func subjectOf(a Answer) string {
	addr, err := netip.ParseAddr(a.About)
	if a.List.Kind == Domain || err != nil {
		return a.About
	}
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	network, err := addr.Prefix(bits)
	if err != nil { // never: the lengths fit the families
		return a.About
	}
	return network.String()
}
