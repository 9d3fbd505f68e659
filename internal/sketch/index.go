package sketch

import "slices"

const (
	pairs = Size / 2
	// maxChain bounds how many sketches that have a pair in common are compared, the newest
	// first: else whoever sends many texts that share a passage would make look-ups slow.
	maxChain = 64
	none     = ^uint32(0)
)

// An Index finds sketches that are near to another. Each has a number that Put gives it, the
// lowest that is free, so that an owner may keep what belongs to it in a slice. It is
// no place for locks: its owner has one. The zero Index is empty; one sketch takes about 250 octets.
type Index struct {
	sketches []Sketch
	used     []bool
	free     []uint32
	heads    [pairs][]uint32 // by pair and bucket: the newest sketch in it
	links    [][pairs]link   // by sketch and pair
}

// A link joins the sketches of a bucket, so that one is taken out without looking for it.
type link struct{ older, newer uint32 }

// Len returns how many sketches there are.
func (x *Index) Len() int { return len(x.sketches) - len(x.free) }

// At returns the sketch that has a number.
func (x *Index) At(n uint32) *Sketch { return &x.sketches[n] }

// Put adds a sketch and returns its number.
func (x *Index) Put(s Sketch) uint32 {
	var n uint32
	if last := len(x.free) - 1; last >= 0 {
		n, x.free = x.free[last], x.free[:last]
	} else {
		n = uint32(len(x.sketches))
		x.sketches, x.used, x.links = append(x.sketches, s), append(x.used, true), append(x.links, [pairs]link{})
	}
	x.sketches[n], x.used[n] = s, true
	if len(x.heads[0]) < len(x.sketches)/2+1 {
		x.grow()
		return n
	}
	x.link(n)
	return n
}

// grow makes the buckets twice as many.
func (x *Index) grow() {
	size := max(64, 2*len(x.heads[0]))
	for p := range x.heads {
		x.heads[p] = slices.Repeat([]uint32{none}, size)
	}
	for n := range x.sketches {
		if x.used[n] {
			x.link(uint32(n))
		}
	}
}

func (x *Index) link(n uint32) {
	for p := range pairs {
		head := &x.heads[p][x.bucket(&x.sketches[n], p)]
		if *head != none {
			x.links[*head][p].newer = n
		}
		x.links[n][p] = link{older: *head, newer: none}
		*head = n
	}
}

// bucket is where sketches are that have one pair of places in common with s.
func (x *Index) bucket(s *Sketch, pair int) int {
	h := (uint64(s[2*pair])<<16 | uint64(s[2*pair+1])) * 0x9e3779b97f4a7c15
	return int((h >> 32) & uint64(len(x.heads[pair])-1))
}

// Drop takes a sketch out, which must be in, and frees its number.
func (x *Index) Drop(n uint32) {
	for p := range pairs {
		l := x.links[n][p]
		if l.older != none {
			x.links[l.older][p].newer = l.newer
		}
		if l.newer != none {
			x.links[l.newer][p].older = l.older
		} else {
			x.heads[p][x.bucket(&x.sketches[n], p)] = l.older
		}
	}
	x.used[n] = false
	x.free = append(x.free, n)
}

// Nearest returns the sketch that agrees with s in most places, in least or more of them,
// and how many that are. With least below Near it may miss some.
func (x *Index) Nearest(s *Sketch, least int) (n uint32, equal int, ok bool) {
	if len(x.heads[0]) == 0 || s.IsZero() {
		return 0, 0, false
	}
	equal = least - 1
	for p := range pairs {
		at := x.heads[p][x.bucket(s, p)]
		for range maxChain {
			if at == none {
				break
			}
			if e := x.sketches[at].Equal(s); e > equal {
				n, equal, ok = at, e, true
			}
			if equal == Size {
				return n, equal, true
			}
			at = x.links[at][p].older
		}
	}
	if !ok {
		equal = 0
	}
	return n, equal, ok
}
