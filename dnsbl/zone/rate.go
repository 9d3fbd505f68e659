package zone

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// A rate counts answers by network and second. It has a fixed size: networks that share a
// place share what they get; which do is not for strangers to find out.
type rate struct {
	seed  maphash.Seed
	now   func() time.Time
	slots [1 << 14]atomic.Uint64 // second<<32 | answers in it
}

func newRate(now func() time.Time) *rate { return &rate{seed: maphash.MakeSeed(), now: now} }

// count adds one to what a network got in this second and returns that.
func (r *rate) count(from netip.Addr) uint32 {
	slot := &r.slots[maphash.Comparable(r.seed, network(from))%uint64(len(r.slots))]
	second := uint64(uint32(r.now().Unix())) << 32
	for {
		old := slot.Load()
		next := second | 1
		if old&^(1<<32-1) == second {
			next = old + 1
		}
		if slot.CompareAndSwap(old, next) {
			return uint32(next)
		}
	}
}

// network is who is counted as one: a /24, of IPv6 a /56, as RRL does in other servers.
func network(a netip.Addr) [8]byte {
	if a.Is4() {
		b := a.As4()
		return [8]byte{b[0], b[1], b[2]}
	}
	b := a.As16()
	return [8]byte{b[0], b[1], b[2], b[3], b[4], b[5], b[6], 6}
}
