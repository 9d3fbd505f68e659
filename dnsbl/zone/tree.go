package zone

import (
	"hash/maphash"
	"strings"
	"sync"
)

// maxInner bounds a Tree, some 20 octets each. One that is full says yes to all.
const maxInner = 4_000_000

// A Tree remembers the domains that have listed ones below them, for Source.Below. It
// forgets none while the program runs: that a name still exists which nobody needs any more
// costs a resolver one question, and the other mistake would hide who is listed. The zero
// Tree is ready, and any number of goroutines may use it.
type Tree struct {
	mu    sync.RWMutex
	seed  maphash.Seed
	inner map[uint64]struct{} // hashes: two names that share one both exist
	full  bool
}

// Add notes a listed domain, or ".domain" for all below one.
func (t *Tree) Add(name string) {
	_, above, _ := strings.Cut(name, ".")
	if !strings.Contains(above, ".") { // a single label exists anyway
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inner == nil {
		t.seed, t.inner = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	for strings.Contains(above, ".") {
		if len(t.inner) >= maxInner {
			t.full = true
			return
		}
		t.inner[maphash.String(t.seed, above)] = struct{}{}
		_, above, _ = strings.Cut(above, ".")
	}
}

// Below reports whether a domain was added that is below this one.
func (t *Tree) Below(name string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.inner == nil || t.full {
		return t.full
	}
	_, ok := t.inner[maphash.String(t.seed, name)]
	return ok
}
