package directory

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// refPages parts hold a table's keys: of a million entries, one has some 250, which is
// what a change of one of them copies.
const refPages = 4096

// refs is an immutable hash table that shares with its successor all pages in which
// nothing changed. An entry costs 24 octets, those of its key, and a fifth more for the
// room that hashing wants; nothing in it is a pointer for the garbage collector to follow.
type refs struct {
	seed maphash.Seed
	page *[refPages]*refPage
}

// A refPage is a hash table of its own. A key is looked for in groups of eight slots:
// the octets of tags[g] say of each of the group's slots, by seven bits of the key's hash,
// whether it is worth looking at, and 0 that it is free. All tags of a million entries are
// little more than a megabyte, so that to find out that a key is not there mostly takes
// no memory that is not in the processor's cache.
type refPage struct {
	tags  []uint64
	slots []refSlot
	keys  []byte // of all slots, one after the other
	used  int    // slots
}

// A refSlot is an entry: ref, and where its key stands among the page's.
type refSlot struct {
	ref
	at, length uint32
}

// Of a group's slots so many may be used, over the whole page.
const groupSize, groupFull = 8, 7

func newRefs() refs { return refs{seed: maphash.MakeSeed(), page: new([refPages]*refPage)} }

func (r refs) get(key []byte) (ref, bool) {
	h := maphash.Bytes(r.seed, key)
	p := r.page[h%refPages]
	if p == nil {
		return ref{}, false
	}
	s := p.find(h, key)
	if s == nil {
		return ref{}, false
	}
	return s.ref, true
}

// tagOf takes the bits of a hash that neither choose the page nor, mostly, the group.
func tagOf(h uint64) uint64 { return h>>11&0x7f | 0x80 }

// group returns the group in which to begin to look.
func (p *refPage) group(h uint64) int {
	g, _ := bits.Mul64(h, uint64(len(p.tags)))
	return int(g)
}

func (p *refPage) next(g int) int {
	if g++; g < len(p.tags) {
		return g
	}
	return 0
}

const lowBits, highBits = 0x0101010101010101, 0x8080808080808080

// matching has the high bit of each octet of group that is tag. One above another that is
// may be marked as well without being so; the lowest never is.
func matching(group, tag uint64) uint64 {
	x := group ^ tag*lowBits
	return (x - lowBits) &^ x & highBits
}

func slotOf(g int, match uint64) int { return g*groupSize + bits.TrailingZeros64(match)/8 }

// find returns the slot of a key, nil if it is not there. There is always a free slot,
// at which the search ends.
func (p *refPage) find(h uint64, key []byte) *refSlot {
	tag := tagOf(h)
	for g := p.group(h); ; g = p.next(g) {
		group := p.tags[g]
		for m := matching(group, tag); m != 0; m &= m - 1 {
			if s := &p.slots[slotOf(g, m)]; string(p.key(s)) == string(key) {
				return s
			}
		}
		if matching(group, 0) != 0 {
			return nil
		}
	}
}

func (p *refPage) key(s *refSlot) []byte { return p.keys[s.at : s.at+s.length] }

// add puts a slot where its key is not yet and there is room.
func (p *refPage) add(h uint64, s refSlot) {
	g := p.group(h)
	for matching(p.tags[g], 0) == 0 {
		g = p.next(g)
	}
	i := slotOf(g, matching(p.tags[g], 0))
	p.tags[g] |= tagOf(h) << (i % groupSize * 8)
	p.slots[i] = s
	p.used++
}

// room reports whether one slot more fits.
func (p *refPage) room() bool { return p != nil && p.used < len(p.tags)*groupFull }

// all calls each for every slot that is used.
func (p *refPage) all(each func(*refSlot)) {
	if p == nil {
		return
	}
	for g, group := range p.tags {
		for m := group & highBits; m != 0; m &= m - 1 {
			each(&p.slots[slotOf(g, m)])
		}
	}
}

// clone copies a page to be changed: with room for another key.
func (p *refPage) clone() *refPage {
	if p == nil {
		return nil
	}
	c := *p
	c.tags, c.slots = slices.Clone(p.tags), slices.Clone(p.slots)
	c.keys = append(make([]byte, 0, len(p.keys)+keyRoom), p.keys...)
	return &c
}

// A refsEdit makes one successor. The table it came from stays as it is.
type refsEdit struct {
	refs
	own [refPages]bool // pages copied already
}

func (r refs) edit() *refsEdit {
	e := &refsEdit{refs: r}
	page := *r.page
	e.page = &page
	return e
}

// owned returns the page of a hash, copied the first time.
func (e *refsEdit) owned(h uint64) *refPage {
	n := h % refPages
	if !e.own[n] {
		e.own[n], e.page[n] = true, e.page[n].clone()
	}
	return e.page[n]
}

// set puts r under key, and reports whether that was not there.
func (e *refsEdit) set(key []byte, r ref) bool {
	h := maphash.Bytes(e.seed, key)
	p := e.owned(h)
	if p != nil {
		if s := p.find(h, key); s != nil {
			s.ref = r
			return false
		}
	}
	if !p.room() {
		p = e.rebuilt(p, nil)
		e.page[h%refPages] = p
	}
	p.add(h, refSlot{r, uint32(len(p.keys)), uint32(len(key))})
	p.keys = append(p.keys, key...)
	return true
}

// delete takes a key out, and reports whether it was there.
func (e *refsEdit) delete(key []byte) bool {
	h := maphash.Bytes(e.seed, key)
	p := e.owned(h)
	if p == nil {
		return false
	}
	s := p.find(h, key)
	if s == nil {
		return false
	}
	e.page[h%refPages] = e.rebuilt(p, s)
	return true
}

// rebuilt returns a page with the slots of p but one, which may be nil, and with room for
// a quarter more, or little more where one was taken out; nil where there are none.
func (e *refsEdit) rebuilt(p *refPage, but *refSlot) *refPage {
	used, length, more := 0, 0, 1
	if p != nil {
		used, length = p.used, len(p.keys)
	}
	switch {
	case but == nil:
		more += used / 4
	case used == 1:
		return nil
	default:
		used--
		length -= int(but.length)
	}
	groups := (used + more + groupFull - 1) / groupFull
	next := &refPage{tags: make([]uint64, groups), slots: make([]refSlot, groups*groupSize), keys: make([]byte, 0, length+length*more/(used+1))}
	p.all(func(s *refSlot) {
		if s == but {
			return
		}
		key := p.key(s)
		next.add(maphash.Bytes(e.seed, key), refSlot{s.ref, uint32(len(next.keys)), s.length})
		next.keys = append(next.keys, key...)
	})
	return next
}
