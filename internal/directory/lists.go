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
	refs   refs
	scopes pages[Scope, scope]
	last   uint32 // the highest number given to a scope
	boxes  int    // scopes of mailboxes among them
}

// empty reports whether there is no entry at all.
func (l *lists) empty() bool { return l.last == 0 }

// A ref is an entry's place in a table.
type ref struct {
	id      int64
	expires int64 // microseconds, 0 is never
}

// A refKey is an entry's key: its scope's number, an octet for its list and sort, and the
// network's length and octets, or the address, ".domain" or domain.
type refKey []byte

// A sort tells keys apart that could have the same octets.
type sort uint8

const (
	ofNet4 sort = iota
	ofNet6
	ofName
	ofAuthor
	sortCount
)

func makeKey(room []byte, scope uint32, list listNumber, of sort) refKey {
	return append(binary.LittleEndian.AppendUint32(room, scope), byte(list)*byte(sortCount)+byte(of))
}

// keyRoom is how long most keys are at most.
const keyRoom = 64

func netKey(room []byte, p netip.Prefix, scope uint32, list listNumber) refKey {
	if p.Addr().Is4() {
		a := p.Addr().As4()
		return append(append(makeKey(room, scope, list, ofNet4), byte(p.Bits())), a[:]...)
	}
	a := p.Addr().As16()
	return append(append(makeKey(room, scope, list, ofNet6), byte(p.Bits())), a[:]...)
}

func nameKey(room []byte, value string, scope uint32, list listNumber, author bool) refKey {
	of := ofName
	if author {
		of = ofAuthor
	}
	return append(makeKey(room, scope, list, of), value...)
}

// key returns the key of an entry in the scope with a number, and the network that it is
// of, if it is.
func (k Key) key(room []byte, scope uint32) (key refKey, network netip.Prefix) {
	if !k.Author {
		if p, ok := parseNetwork(k.Value); ok {
			return netKey(room, p, scope, k.List.number()), p
		}
	}
	return nameKey(room, k.Value, scope, k.List.number(), k.Author), netip.Prefix{}
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
// the longest down, and edited in place by a listsEdit alone.
type lengthCount struct {
	length
	n int
}

func newLists() lists { return lists{refs: newRefs(), scopes: newPages[Scope, scope]()} }

// get returns the entry with exactly that key.
func (l *lists) get(k Key) (ref, bool) {
	sc, ok := l.scopes.get(k.Scope)
	if !ok {
		return ref{}, false
	}
	var room [keyRoom]byte
	key, _ := k.key(room[:0], sc.number)
	return l.refs.get(key)
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

// A listsEdit makes one successor of a lists.
type listsEdit struct {
	from   lists
	refs   *refsEdit
	scopes map[Scope]*scope // those that entries of were touched, to be edited in place
	near   Scope            // the last of them: entries mostly come by scope
	nearby *scope
	last   uint32
	room   [keyRoom]byte
}

func (l lists) edit() *listsEdit {
	return &listsEdit{from: l, refs: l.refs.edit(), scopes: map[Scope]*scope{}, last: l.last}
}

// scope returns what is known of a scope, to be edited in place.
func (e *listsEdit) scope(in Scope) *scope {
	if e.nearby != nil && e.near == in {
		return e.nearby
	}
	sc := e.scopes[in]
	if sc == nil {
		old, ok := e.from.scopes.get(in)
		if !ok {
			e.last++
			old.number = e.last
		}
		old.lengths = slices.Clone(old.lengths)
		sc = &old
		e.scopes[in] = sc
	}
	e.near, e.nearby = in, sc
	return sc
}

// done returns the successor.
func (e *listsEdit) done() lists {
	next := lists{refs: e.refs.refs, last: e.last, boxes: e.from.boxes}
	scopes := e.from.scopes.edit()
	for in, sc := range e.scopes {
		_, was := scopes.get(in)
		is := sc.names > 0 || len(sc.lengths) > 0
		if is {
			scopes.set(in, *sc)
		} else if was {
			scopes.delete(in)
		}
		switch {
		case in.Kind != MailboxScope:
		case is && !was:
			next.boxes++
		case was && !is:
			next.boxes--
		}
	}
	next.scopes = scopes.pages
	return next
}

// put adds an entry or replaces that with its key.
func (e *listsEdit) put(k Key, r ref) {
	sc := e.scope(k.Scope)
	key, network := k.key(e.room[:0], sc.number)
	if e.refs.set(key, r) {
		sc.count(k, network, 1)
	}
}

// remove takes the entry with that key out, if there is one.
func (e *listsEdit) remove(k Key) {
	sc := e.scope(k.Scope)
	key, network := k.key(e.room[:0], sc.number)
	if e.refs.delete(key) {
		sc.count(k, network, -1)
	}
}

// count counts n more of an entry: a network, or else a name.
func (s *scope) count(k Key, network netip.Prefix, n int) {
	if network.IsValid() {
		s.countLength(length{bits: uint8(network.Bits()), v6: network.Addr().Is6(), list: k.List.number()}, n)
		return
	}
	s.names += n
	if k.Author || k.List == Fraud { // who is reported for fraud may be the author, too
		s.authors[k.List.number()] += n
	}
}

// countLength counts n more of a length. None of them stays at zero.
func (s *scope) countLength(l length, n int) {
	i := slices.IndexFunc(s.lengths, func(c lengthCount) bool { return c.length == l })
	switch {
	case i < 0:
		s.lengths = append(s.lengths, lengthCount{l, n})
		slices.SortFunc(s.lengths, func(a, b lengthCount) int { return cmp.Compare(b.bits, a.bits) })
	case s.lengths[i].n+n == 0:
		s.lengths = slices.Delete(s.lengths, i, i+1)
	default:
		s.lengths[i].n += n
	}
}

// micros is a time as the tables have it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
