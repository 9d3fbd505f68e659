package zone

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// A fate is what became of a packet, for the counts.
type fate uint8

const (
	dropped  fate = iota // no question: nothing was answered
	listed               // somebody who is listed
	unlisted             // somebody who is not
	apex                 // the zone itself
	denied               // who may not ask, or asked for what we don't have
	invalid              // what can't be read, or is not known here
	limited              // beyond Zone.PerSecond
	fates
)

// A reply is an answer being written.
type reply struct {
	zone   *packed
	q      question
	out    []byte
	base   int // where the answer begins in out: over TCP its length goes before it
	origin int // where the zone's name begins in the packet, for pointers to it
	fate   fate
}

// answer appends the answer to a packet to out. It is empty where none is due.
func (r *reply) answer(out, packet []byte, from netip.Addr, tcp bool) []byte {
	r.out, r.base, r.fate = out, len(out), dropped
	fault, due := r.q.read(packet)
	if !due {
		return r.out
	}
	q := &r.q
	if tcp {
		q.size = 1<<16 - 1
	}
	switch {
	case fault == badVersion:
		r.fate = invalid
		r.head(0, 0)
		r.options(badVersion)
		return r.out
	case fault != success:
		r.fate, q.section = invalid, nil
		r.head(fault, 0)
		return r.out
	}
	if code := r.refuses(from); code != success {
		r.head(code, 0)
		r.options(0)
		return r.out
	}
	n, ok := r.zone.within(q)
	if !ok { // we know of nothing else, and ask nobody for it
		r.fate = denied
		r.head(refused, 0)
		r.options(0)
		return r.out
	}
	r.origin = headerSize + len(q.name) - len(r.zone.origin)
	r.about(n)
	r.options(0)
	if len(r.out)-len(out) > q.size {
		r.truncate(out)
	}
	return r.out
}

// refuses tells what is refused whatever it is asked about: who may not ask, other classes
// than the Internet's, and transfers: the zone has no file, and whom we block is nobody's to
// have as a whole.
func (r *reply) refuses(from netip.Addr) int {
	r.fate = denied
	switch {
	case !r.zone.mayAsk(from), r.q.class != classIN:
		return refused
	case r.q.typ == typeAXFR, r.q.typ == typeIXFR:
		return refused
	case r.q.typ == typeOPT:
		r.fate = invalid
		return formatError
	case r.q.typ == typeTKEY, r.q.typ == typeTSIG, r.q.typ == typeMAILA, r.q.typ == typeMAILB:
		r.fate = invalid
		return notImplemented
	}
	return success
}

func (p *packed) mayAsk(from netip.Addr) bool {
	for _, n := range p.Allow {
		if n.Contains(from) {
			return true
		}
	}
	return false
}

// about answers what is asked about a name with n labels before the zone's.
func (r *reply) about(n int) {
	s := r.q.subject(n)
	if s.kind == aboutZone {
		r.fate = apex
		r.head(success, flagAuthoritative)
		r.apex()
		return
	}
	h, exists := r.zone.look(s)
	r.fate = unlisted
	if !exists {
		r.head(nameError, flagAuthoritative)
		r.authority()
		return
	}
	r.head(success, flagAuthoritative)
	if h.n == 0 && !h.point {
		r.authority()
		return
	}
	r.fate = listed
	switch r.q.typ {
	case typeA, typeANY: // of ANY one kind is enough (RFC 8482 §4.1)
		r.codes(h)
	case typeTXT:
		r.texts(h, s)
	default:
		r.authority()
	}
}

// apex answers what is asked about the zone itself.
func (r *reply) apex() {
	switch r.q.typ {
	case typeSOA, typeANY:
		r.count(6, 1)
		r.soa(r.zone.ttl)
	case typeNS:
		r.count(6, len(r.zone.servers))
		for _, s := range r.zone.servers {
			r.record(typeNS, r.zone.ttl, len(s))
			r.out = append(r.out, s...)
		}
	default:
		r.authority()
	}
}

// head begins the answer: header and question.
func (r *reply) head(code int, bits uint16) {
	q := &r.q
	flags := flagResponse | bits | q.flags&(maskOpcode|flagRecursion|flagChecking) | uint16(code)
	r.out = binary.BigEndian.AppendUint16(r.out, q.id)
	r.out = binary.BigEndian.AppendUint16(r.out, flags)
	questions := uint16(0)
	if q.section != nil {
		questions = 1
	}
	r.out = binary.BigEndian.AppendUint16(r.out, questions)
	r.out = append(r.out, 0, 0, 0, 0, 0, 0)
	r.out = append(r.out, q.section...)
}

// count adds to one of the header's counts, at a place in it.
func (r *reply) count(place, n int) {
	r.out[r.base+place+1] += byte(n)
}

// record appends a record's head for the name that was asked about or, of the zone's own
// records, for the zone.
func (r *reply) record(typ uint16, ttl uint32, size int) {
	name := headerSize
	if typ == typeSOA || typ == typeNS {
		name = r.origin
	}
	r.out = append(r.out, 0xc0|byte(name>>8), byte(name), byte(typ>>8), byte(typ), 0, classIN)
	r.out = binary.BigEndian.AppendUint32(r.out, ttl)
	r.out = binary.BigEndian.AppendUint16(r.out, uint16(size))
}

// codes appends a hit's A records.
func (r *reply) codes(h hit) {
	if h.point {
		r.code(testListed.As4()[3])
	}
	for _, f := range h.feeds[:h.n] {
		r.code(r.zone.Feeds[f].Code)
	}
}

func (r *reply) code(last byte) {
	r.count(6, 1)
	r.record(typeA, r.zone.ttl, 4)
	r.out = append(r.out, 127, 0, 0, last)
}

// texts appends a hit's TXT records.
func (r *reply) texts(h hit, s subject) {
	who := s.name
	if s.kind == anAddress {
		who = s.addr.String()
	}
	if h.point {
		r.text("test entry of this list (RFC 5782)", who)
	}
	for _, f := range h.feeds[:h.n] {
		r.text(r.zone.Feeds[f].Text, who)
	}
}

// text appends a record with one text, in character-strings of 255 octets at most.
func (r *reply) text(text, who string) {
	if r.zone.URL != "" {
		text += "; see " + strings.ReplaceAll(r.zone.URL, "%s", who)
	}
	r.count(6, 1)
	const longest = 255
	r.record(typeTXT, r.zone.ttl, len(text)+(len(text)+longest-1)/longest)
	for len(text) > 0 {
		n := min(len(text), longest)
		r.out = append(append(r.out, byte(n)), text[:n]...)
		text = text[n:]
	}
}

// authority appends the SOA record to a negative answer (RFC 2308 §3).
func (r *reply) authority() {
	r.count(8, 1)
	r.soa(min(r.zone.negative, r.zone.ttl))
}

func (r *reply) soa(ttl uint32) {
	z := r.zone
	serial := uint32(1)
	if z.Serial != nil {
		serial = z.Serial()
	}
	r.record(typeSOA, ttl, len(z.soaNames)+4+len(z.refresh))
	r.out = append(r.out, z.soaNames...)
	r.out = binary.BigEndian.AppendUint32(r.out, serial)
	r.out = append(r.out, z.refresh[:]...)
}

// options appends the OPT record where the question had one (RFC 6891 §7).
func (r *reply) options(code int) {
	if !r.q.edns {
		return
	}
	r.count(10, 1)
	bits := byte(0)
	if r.q.do { // RFC 3225 §3
		bits = 0x80
	}
	r.out = append(r.out, 0, 0, typeOPT, ednsSize>>8, ednsSize&0xff, byte(code>>4), 0, bits, 0, 0, 0)
}

// truncate leaves of an answer what says that it is too long (RFC 2181 §9).
func (r *reply) truncate(out []byte) {
	flags := binary.BigEndian.Uint16(r.out[r.base+2:])
	r.out = out
	r.head(int(flags&maskCode), flags&flagAuthoritative|flagTruncated)
	r.options(0)
}
