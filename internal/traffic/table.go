package traffic

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// A key is a client network, or a sender and whose network brings his mail.
type key struct{ hi, lo uint64 }

// What the lower half of a key says of the upper one.
const (
	ofNone = iota
	ofIPv4
	ofAddress
	ofIPv6
)

// network is the key of an address's network.
func network(a netip.Addr) key {
	switch {
	case a.Is4():
		b := a.As4()
		return key{uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2]), ofIPv4}
	case a.Is6():
		b := a.As16()
		k := key{lo: ofIPv6}
		for _, octet := range b[:8] {
			k.hi = k.hi<<8 | uint64(octet)
		}
		return k
	}
	return key{lo: ofNone}
}

// address is the key of an address alone, of IPv6 of its /64: what is banned for a client.
func address(a netip.Addr) key {
	if !a.Is4() {
		return network(a)
	}
	b := a.As4()
	return key{uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3]), ofAddress}
}

// mailboxKey is the key of a mailbox. They have a table of their own.
func mailboxKey(box int64) key { return key{hi: uint64(box)} }

// shards is how many locks a table has.
const shards = 64

func (k key) shard() uint64 { return (k.hi*0x9e3779b97f4a7c15 ^ k.lo*0xbf58476d1ce4e5b9) >> 58 }

// A table keeps a value for each key, most in each shard at a time. Values hold no
// pointers, so that the garbage collector does not look at them.
type table[V any] struct {
	most   int
	shards [shards]shard[V]
}

// A shard is two generations. When the young one has its half of the entries the old one is
// thrown away as a whole: who was updated since then is in the young one. Nothing is
// deleted singly, since Go's maps grow where entries come and go, however few there are.
type shard[V any] struct {
	mu         sync.Mutex
	young, old map[key]slot[V]
}

type slot[V any] struct {
	at    time.Duration // of the last update
	value V
}

// update has f change the value of k, a zero one if there is none.
func (t *table[V]) update(k key, now time.Duration, f func(*V)) {
	s := &t.shards[k.shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	v, young := s.young[k]
	if !young {
		v = s.old[k]
		s.room((t.most + 1) / 2)
	}
	v.at = now
	f(&v.value)
	s.young[k] = v
}

// room makes room for one entry in the young generation, of which there may be half.
func (s *shard[V]) room(half int) {
	switch {
	case s.young == nil:
		s.young = map[key]slot[V]{}
	case len(s.young) >= half:
		s.old, s.young = s.young, make(map[key]slot[V], half)
	}
}

func (s *shard[V]) get(k key) (slot[V], bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.young[k]; ok {
		return v, true
	}
	v, ok := s.old[k]
	return v, ok
}

func (t *table[V]) look(k key) (V, bool) {
	v, ok := t.shards[k.shard()].get(k)
	return v.value, ok
}

// touched is when k was updated last.
func (t *table[V]) touched(k key) (time.Duration, bool) {
	v, ok := t.shards[k.shard()].get(k)
	return v.at, ok
}

// size is how many entries there are; some may be in both generations.
func (t *table[V]) size() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += len(s.young) + len(s.old)
		s.mu.Unlock()
	}
	return n
}

// A window counts over a sliding stretch of time, by two buckets of its width: what was
// counted in the one before is taken to have come evenly.
type window struct {
	begin         time.Duration // of the present bucket
	before, count uint32
}

// roll moves the buckets on to now, and reports by how many.
func (w *window) roll(now, width time.Duration) (buckets int) {
	n := (now - w.begin) / width
	switch {
	case n <= 0:
		return 0
	case n == 1:
		w.before, w.count = w.count, 0
	default:
		w.before, w.count = 0, 0
	}
	w.begin += n * width
	return int(min(n, 2))
}

func (w *window) add(now, width time.Duration) { w.addMany(now, width, 1) }

func (w *window) addMany(now, width time.Duration, n int64) {
	w.roll(now, width)
	w.count += uint32(min(n, int64(math.MaxUint32-w.count))) // beyond that it has been enough for long
}

// sum is how many there were within the width before now.
func (w window) sum(now, width time.Duration) float64 {
	w.roll(now, width)
	passed := float64(now-w.begin) / float64(width)
	return float64(w.count) + float64(w.before)*(1-min(max(passed, 0), 1))
}
