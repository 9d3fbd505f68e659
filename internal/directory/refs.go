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

// A refSlot is an entry: ref, and where its key stands among the page's. It knows the
// part of the key's hash by which its group is chosen, so that a page grows without a look
// at the keys.
type refSlot struct {
	ref
	at     uint32
	length uint16
	hash   uint16
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

// Of a hash the lowest bits choose the page, others the group, and others are the tag.
func tagOf(h uint64) uint64   { return h>>16&0x7f | 0x80 }
func groupOf(h uint64) uint16 { return uint16(h >> 32) }

// group returns the group in which to begin to look.
func (p *refPage) group(hash uint16) int { return int(hash) * len(p.tags) >> 16 }

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
	for g := p.group(groupOf(h)); ; g = p.next(g) {
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

func (p *refPage) key(s *refSlot) []byte { return p.keys[s.at:][:s.length] }

// add puts a slot where its key is not yet and there is room.
func (p *refPage) add(tag uint64, s refSlot) {
	g := p.group(s.hash)
	for matching(p.tags[g], 0) == 0 {
		g = p.next(g)
	}
	i := slotOf(g, matching(p.tags[g], 0))
	p.tags[g] |= tag << (i % groupSize * 8)
	p.slots[i] = s
	p.used++
}

// room reports whether one slot more fits.
func (p *refPage) room() bool { return p != nil && p.used < len(p.tags)*groupFull }

// all calls each for every slot that is used, with its tag.
func (p *refPage) all(each func(tag uint64, s *refSlot)) {
	for g, group := range p.tags {
		for m := group & highBits; m != 0; m &= m - 1 {
			i := slotOf(g, m)
			each(group>>(i%groupSize*8)&0xff, &p.slots[i])
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

// set puts r under key, of 64 KiB at most, and reports whether that was not there.
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
		p = p.grown()
		e.page[h%refPages] = p
	}
	p.add(tagOf(h), refSlot{r, uint32(len(p.keys)), uint16(len(key)), groupOf(h)})
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
	e.page[h%refPages] = p.without(s)
	return true
}

// pageFor returns an empty page with room for so many slots.
func pageFor(used int) *refPage {
	groups := (used + groupFull - 1) / groupFull
	return &refPage{tags: make([]uint64, groups), slots: make([]refSlot, groups*groupSize)}
}

// grown returns the page with room for a quarter more. It takes the keys over.
func (p *refPage) grown() *refPage {
	if p == nil {
		return pageFor(1)
	}
	next := pageFor(p.used + p.used/4 + 1)
	next.keys = p.keys
	p.all(func(tag uint64, s *refSlot) { next.add(tag, *s) })
	return next
}

// without returns the page without one of its slots; nil where it is the last.
func (p *refPage) without(gone *refSlot) *refPage {
	if p.used == 1 {
		return nil
	}
	next := pageFor(p.used - 1)
	next.keys = make([]byte, 0, len(p.keys)-int(gone.length))
	p.all(func(tag uint64, s *refSlot) {
		if s == gone {
			return
		}
		moved := *s
		moved.at = uint32(len(next.keys))
		next.keys = append(next.keys, p.key(s)...)
		next.add(tag, moved)
	})
	return next
}
