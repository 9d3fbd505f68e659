package ban

import (
	"container/heap"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A key is a network as memory knows it: 128 bits, IPv4 mapped into IPv6, and how many
// of them count. It has no pointer, so that nothing is put on the heap to hash it.
type key struct {
	hi, lo uint64
	bits   uint8
}

// mapped is how many bits an IPv4 address has before its own.
const mapped = 96

func keyOf(a netip.Addr, length uint8) key {
	b := a.As16()
	k := key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), length}
	switch {
	case length <= 64:
		k.hi &^= ^uint64(0) >> length
		k.lo = 0
	case length < 128:
		k.lo &^= ^uint64(0) >> (length - 64)
	}
	return k
}

func networkKey(p netip.Prefix) key { return keyOf(p.Addr(), lengthOf(p)) }

// lengthOf is how many of 128 bits a network has.
func lengthOf(p netip.Prefix) uint8 {
	if p.Addr().Is4() {
		return uint8(mapped + p.Bits())
	}
	return uint8(p.Bits())
}

// An active ban is what memory keeps of one: 100 octets with its place in the table.
// But for its place in the heap it does not change.
type active struct {
	network netip.Prefix
	cause   Cause
	id      int64
	until   int64 // microseconds, by the store's clock
	step    int
	at      int // in the heap
}

func (a *active) ban() Ban {
	return Ban{ID: a.id, Network: a.network, Cause: a.cause, Step: a.step, Until: time.UnixMicro(a.until).UTC()}
}

// less is who gives way first: an admin's ban last, else the one that ends first.
func (a *active) less(b *active) bool {
	if byHand, other := a.cause == Admin, b.cause == Admin; byHand != other {
		return other
	}
	return a.until < b.until
}

// A table finds bans by address. Readers take no lock: each shard is a map that does not
// change, and a writer puts another in its place. Writers come one after the other; the
// caller sees to it.
type table struct {
	seed    maphash.Seed
	shards  [shards]atomic.Pointer[map[key]*active]
	lengths atomic.Pointer[[]uint8] // that networks have, the longest first

	counts [129]int // networks of a length
	causes map[Cause]int
	order  leastFirst
}

// shards is a power of two: with 100,000 bans a writer copies some 100 entries.
const shards = 1024

func newTable() *table {
	t := &table{seed: maphash.MakeSeed(), causes: map[Cause]int{}}
	none := map[key]*active{}
	for i := range t.shards {
		t.shards[i].Store(&none)
	}
	t.lengths.Store(&[]uint8{})
	return t
}

// shardOf is seeded: who chooses his addresses does not choose his shard.
func (t *table) shardOf(k key) int {
	h := maphash.Comparable(t.seed, k)
	return int(h & (shards - 1))
}

func (t *table) get(k key) *active { return (*t.shards[t.shardOf(k)].Load())[k] }

// find returns the ban of the longest network around an unmapped address that pleases.
func (t *table) find(addr netip.Addr, pleases func(*active) bool) *active {
	four := addr.Is4()
	for _, length := range *t.lengths.Load() {
		if four != (length > mapped) {
			continue
		}
		if a := t.get(keyOf(addr, length)); a != nil && pleases(a) {
			return a
		}
	}
	return nil
}

// An edit is a change of many bans that copies each shard once. Readers see it shard by
// shard when it ends.
type edit struct {
	*table
	copies map[int]map[key]*active
}

func (t *table) edit() edit { return edit{t, map[int]map[key]*active{}} }

func (e edit) shard(k key) map[key]*active {
	n := e.shardOf(k)
	if e.copies[n] == nil {
		e.copies[n] = maps.Clone(*e.shards[n].Load())
	}
	return e.copies[n]
}

// get returns the ban of a network, as it is in this edit.
func (e edit) get(p netip.Prefix) *active {
	k := networkKey(p)
	if m := e.copies[e.shardOf(k)]; m != nil {
		return m[k]
	}
	return e.table.get(k)
}

// put sets the ban of a network, instead of the one that was there.
func (e edit) put(a *active) {
	e.drop(a.network)
	k := networkKey(a.network)
	e.shard(k)[k] = a
	e.counts[k.bits]++
	e.causes[a.cause]++
	heap.Push(&e.order, a)
}

// drop takes the ban of a network out.
func (e edit) drop(p netip.Prefix) {
	old := e.get(p)
	if old == nil {
		return
	}
	k := networkKey(p)
	delete(e.shard(k), k)
	e.counts[k.bits]--
	e.causes[old.cause]--
	heap.Remove(&e.order, old.at)
}

// makeRoom takes those out that give way, until no more than most are left.
func (e edit) makeRoom(most int) (gone int) {
	for ; len(e.order) > most; gone++ {
		e.drop(e.order[0].network)
	}
	return gone
}

// done shows readers what was changed.
func (e edit) done() {
	for n, m := range e.copies {
		e.shards[n].Store(&m)
	}
	lengths := []uint8{}
	for length, n := range slices.Backward(e.counts[:]) {
		if n > 0 {
			lengths = append(lengths, uint8(length))
		}
	}
	if !slices.Equal(lengths, *e.lengths.Load()) {
		e.lengths.Store(&lengths)
	}
}

// leastFirst is a heap of bans: the first gives way first.
type leastFirst []*active

// Len is part of heap.Interface.
func (h leastFirst) Len() int { return len(h) }

// Less is part of heap.Interface.
func (h leastFirst) Less(i, j int) bool { return h[i].less(h[j]) }

// Swap is part of heap.Interface.
func (h leastFirst) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is part of heap.Interface.
func (h *leastFirst) Push(x any) {
	a := x.(*active)
	a.at = len(*h)
	*h = append(*h, a)
}

// Pop is part of heap.Interface.
func (h *leastFirst) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return a
}
