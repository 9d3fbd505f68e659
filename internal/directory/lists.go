package directory

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// lists holds all entries as the hot path needs them. Networks are found by
// hashing: the address cut to each length that occurs in the scope is one
// look-up, and lengths are few. Names are found by hashing too: the address, its
// domain, each domain above.
type lists struct {
	nets   pages[netKey, ref]
	names  pages[nameKey, ref]
	scopes pages[Scope, scope]
	last   uint32 // the highest number given to a scope
	boxes  int    // scopes of mailboxes among them
}

// A ref is an entry's place in a table.
type ref struct {
	id      int64
	expires int64 // microseconds, 0 is never
}

// A netKey is a network in one scope's list. An IPv4 address stands in lo.
type netKey struct {
	hi, lo uint64
	scope  uint32
	length length
}

// A nameKey is an address, ".domain" or domain in one scope's list.
type nameKey struct {
	value  string
	scope  uint32
	list   listNumber
	author bool
}

// A length is a kind of network: how many bits, of which family, in which list.
type length struct {
	bits uint8
	v6   bool
	list listNumber
}

// listNumber is a List in one octet.
type listNumber uint8

const (
	allowed listNumber = iota
	blocked
	trapped
	frauds
	listCount
)

// number is blocked for what is no list: nothing else comes from a store.
func (l List) number() listNumber {
	switch l {
	case Allow:
		return allowed
	case Trap:
		return trapped
	case Fraud:
		return frauds
	}
	return blocked
}

func (n listNumber) list() List { return Lists()[n] }

// A scope is what the tables know of one scope.
type scope struct {
	number  uint32
	names   int
	authors [listCount]int
	lengths []lengthCount
}

// A lengthCount is how many networks of a length there are. They are sorted from
// the longest down and never edited in place.
type lengthCount struct {
	length
	n int
}

func newLists() lists {
	return lists{nets: newPages[netKey, ref](), names: newPages[nameKey, ref](), scopes: newPages[Scope, scope]()}
}

// get returns the entry with exactly that key.
func (l *lists) get(k Key) (ref, bool) {
	sc, ok := l.scopes.get(k.Scope)
	if !ok {
		return ref{}, false
	}
	if p, ok := k.network(); ok {
		return l.nets.get(makeNetKey(p, sc.number, k.List.number()))
	}
	return l.names.get(k.name(sc.number))
}

// count returns how many entries a scope has.
func (l *lists) count(in Scope) int {
	sc, _ := l.scopes.get(in)
	n := sc.names
	for _, c := range sc.lengths {
		n += c.n
	}
	return n
}

func (k Key) network() (netip.Prefix, bool) {
	if k.Author {
		return netip.Prefix{}, false
	}
	return parseNetwork(k.Value)
}

func (k Key) name(scope uint32) nameKey {
	return nameKey{value: k.Value, scope: scope, list: k.List.number(), author: k.Author}
}

func makeNetKey(p netip.Prefix, scope uint32, list listNumber) netKey {
	k := netKey{scope: scope, length: length{bits: uint8(p.Bits()), v6: p.Addr().Is6(), list: list}}
	if k.length.v6 {
		b := p.Addr().As16()
		k.hi, k.lo = binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
		return k
	}
	b := p.Addr().As4()
	k.lo = uint64(binary.BigEndian.Uint32(b[:]))
	return k
}

// A listsEdit makes one successor of a lists.
type listsEdit struct {
	lists
	nets   *pagesEdit[netKey, ref]
	names  *pagesEdit[nameKey, ref]
	scopes *pagesEdit[Scope, scope]
}

func (l lists) edit() *listsEdit {
	return &listsEdit{lists: l, nets: l.nets.edit(), names: l.names.edit(), scopes: l.scopes.edit()}
}

func (e *listsEdit) done() lists {
	return lists{nets: e.nets.pages, names: e.names.pages, scopes: e.scopes.pages, last: e.last, boxes: e.boxes}
}

// put adds an entry or replaces that with its key.
func (e *listsEdit) put(k Key, r ref) {
	sc, ok := e.scopes.get(k.Scope)
	if !ok {
		e.last++
		sc.number = e.last
		if k.Scope.Kind == MailboxScope {
			e.boxes++
		}
	}
	if p, ok := k.network(); ok {
		key := makeNetKey(p, sc.number, k.List.number())
		if _, old := e.nets.get(key); !old {
			sc.lengths = counted(sc.lengths, key.length, 1)
		}
		e.nets.set(key, r)
	} else {
		key := k.name(sc.number)
		if _, old := e.names.get(key); !old {
			sc.count(key, 1)
		}
		e.names.set(key, r)
	}
	e.scopes.set(k.Scope, sc)
}

// remove takes the entry with that key out, if there is one.
func (e *listsEdit) remove(k Key) {
	sc, ok := e.scopes.get(k.Scope)
	if !ok {
		return
	}
	if p, ok := k.network(); ok {
		key := makeNetKey(p, sc.number, k.List.number())
		if _, old := e.nets.get(key); old {
			sc.lengths = counted(sc.lengths, key.length, -1)
			e.nets.delete(key)
		}
	} else {
		key := k.name(sc.number)
		if _, old := e.names.get(key); old {
			sc.count(key, -1)
			e.names.delete(key)
		}
	}
	if sc.names == 0 && len(sc.lengths) == 0 {
		e.scopes.delete(k.Scope)
		if k.Scope.Kind == MailboxScope {
			e.boxes--
		}
		return
	}
	e.scopes.set(k.Scope, sc)
}

func (s *scope) count(k nameKey, n int) {
	s.names += n
	if k.author {
		s.authors[k.list] += n
	}
}

// counted returns counts with n more of a length, none of them zero.
func counted(counts []lengthCount, l length, n int) []lengthCount {
	i := slices.IndexFunc(counts, func(c lengthCount) bool { return c.length == l })
	if i >= 0 && counts[i].n+n == 0 {
		return slices.Delete(slices.Clone(counts), i, i+1)
	}
	next := slices.Clone(counts)
	if i >= 0 {
		next[i].n += n
		return next
	}
	next = append(next, lengthCount{l, n})
	slices.SortFunc(next, func(a, b lengthCount) int { return cmp.Compare(b.bits, a.bits) })
	return next
}

// micros is a time as the tables have it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
