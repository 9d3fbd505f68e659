package door

import (
	"net/netip"
	"sync"
)

// Places are who is connected, counted. Doors of one protocol share one value, so that
// limits hold for all of them together. The zero value is nobody.
type Places struct {
	mu     sync.Mutex
	open   int
	perIP  map[netip.Addr]int
	perBox map[int64]int // of connections that have claimed one
}

// enter counts a connection; false means that there are enough.
func (p *Places) enter(most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= most {
		return false
	}
	p.open++
	return true
}

func (p *Places) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

// enterFrom counts a connection from a; false means that there are enough.
func (p *Places) enterFrom(a netip.Addr, most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return enter(&p.perIP, a, most)
}

func (p *Places) leaveFrom(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	leave(p.perIP, a)
}

// claim counts a connection among those into a mailbox; false means that there are enough.
func (p *Places) claim(box int64, most int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return enter(&p.perBox, box, most)
}

func (p *Places) unclaim(box int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	leave(p.perBox, box)
}

func enter[K comparable](counts *map[K]int, k K, most int) bool {
	if (*counts)[k] >= most {
		return false
	}
	if *counts == nil {
		*counts = map[K]int{}
	}
	(*counts)[k]++
	return true
}

func leave[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] == 0 {
		delete(counts, k)
	}
}
