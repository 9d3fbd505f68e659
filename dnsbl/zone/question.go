package zone

import "encoding/binary"

// Types, classes and codes of the DNS (RFC 1035 §3.2, §4.1.1; IANA's registry).
const (
	typeA     = 1
	typeNS    = 2
	typeSOA   = 6
	typeTXT   = 16
	typeOPT   = 41
	typeTKEY  = 249
	typeTSIG  = 250
	typeIXFR  = 251
	typeAXFR  = 252
	typeMAILB = 253
	typeMAILA = 254
	typeANY   = 255

	classIN = 1

	success        = 0
	formatError    = 1
	nameError      = 3
	notImplemented = 4
	refused        = 5
	badVersion     = 16 // RFC 6891 §9; its upper bits stand in the OPT record
)

// Bits of a header's second word.
const (
	flagResponse      = 1 << 15
	maskOpcode        = 15 << 11
	flagAuthoritative = 1 << 10
	flagTruncated     = 1 << 9
	flagRecursion     = 1 << 8 // desired
	flagChecking      = 1 << 4 // disabled
	maskCode          = 15
)

const (
	headerSize = 12
	maxName    = 255 // octets (RFC 1035 §2.3.4)
	maxLabel   = 63
	maxLabels  = maxName / 2
	// plainSize is the longest answer over UDP to who does not say that he can take more
	// (RFC 1035 §4.2.1), and ednsSize the longest at all: it fits everywhere unfragmented.
	plainSize = 512
	ednsSize  = 1232
	// maxAdditional bounds the records behind a question that are looked at.
	maxAdditional = 4
)

// A question is what a packet asks.
type question struct {
	id, flags  uint16
	name       []byte          // wire form, with the root's octet at its end; a part of the packet
	starts     [maxLabels]byte // where in it labels begin
	labels     int             // how many, without the root
	typ, class uint16
	section    []byte // the question as it was put; nil: none could be read
	edns, do   bool
	version    byte
	size       int // the longest answer over UDP
}

// read reads a packet. answer is false where none is due: what is no question must not be
// answered, or two servers would talk for ever. fault is the code of what is wrong with it.
func (q *question) read(packet []byte) (fault int, answer bool) {
	if len(packet) < headerSize {
		return 0, false
	}
	word := func(i int) uint16 { return binary.BigEndian.Uint16(packet[i:]) }
	q.id, q.flags = word(0), word(2)
	q.section, q.labels, q.edns, q.do, q.size = nil, 0, false, false, plainSize
	if q.flags&flagResponse != 0 {
		return 0, false
	}
	if q.flags&maskOpcode != 0 {
		return notImplemented, true
	}
	questions, answers, authorities, additional := word(4), word(6), word(8), word(10)
	if questions != 1 || answers != 0 || authorities > 1 || additional > maxAdditional { // RFC 9619; IXFR has one authority
		return formatError, true
	}
	at, ok := q.readName(packet)
	if !ok || at+4 > len(packet) {
		return formatError, true
	}
	q.typ, q.class = word(at), word(at+2)
	at += 4
	q.section = packet[headerSize:at]
	if authorities == 1 {
		if q.typ != typeIXFR {
			return formatError, true
		}
		if _, at, ok = record(packet, at); !ok {
			return formatError, true
		}
	}
	return q.readAdditional(packet, at, int(additional))
}

// readName reads the question's name and returns where it ends. A pointer can lead to
// nothing there (RFC 1035 §4.1.4), so it is a fault.
func (q *question) readName(packet []byte) (end int, ok bool) {
	at := headerSize
	for at < len(packet) {
		n := int(packet[at])
		if n == 0 {
			q.name = packet[headerSize : at+1]
			return at + 1, true
		}
		if n > maxLabel || at+1+n-headerSize >= maxName || q.labels == maxLabels {
			return 0, false
		}
		q.starts[q.labels] = byte(at - headerSize)
		q.labels++
		at += 1 + n
	}
	return 0, false
}

// readAdditional looks for the OPT record (RFC 6891 §6.1), of which there may be one.
func (q *question) readAdditional(packet []byte, at, n int) (fault int, answer bool) {
	for range n {
		r, end, ok := record(packet, at)
		if !ok {
			return formatError, true
		}
		at = end
		if r.typ != typeOPT {
			continue
		}
		if q.edns || !r.root {
			return formatError, true
		}
		q.edns = true
		q.size = min(max(int(r.class), plainSize), ednsSize)
		q.version, q.do = byte(r.ttl>>16), r.ttl&(1<<15) != 0
	}
	switch {
	case at != len(packet): // somebody means something else by it than we do
		return formatError, true
	case q.edns && q.version != 0:
		return badVersion, true
	}
	return success, true
}

// A header is what a record begins with.
type header struct {
	root       bool // its name is the root
	typ, class uint16
	ttl        uint32
}

// record reads the record at a place, of which only the header matters, and returns where
// it ends.
func record(packet []byte, at int) (h header, end int, ok bool) {
	h.root = at < len(packet) && packet[at] == 0
	if at, ok = skipName(packet, at); !ok || at+10 > len(packet) {
		return h, 0, false
	}
	h.typ, h.class = binary.BigEndian.Uint16(packet[at:]), binary.BigEndian.Uint16(packet[at+2:])
	h.ttl = binary.BigEndian.Uint32(packet[at+4:])
	end = at + 10 + int(binary.BigEndian.Uint16(packet[at+8:]))
	return h, end, end <= len(packet)
}

// skipName returns where a name ends that may end in a pointer, which is not followed.
func skipName(packet []byte, at int) (end int, ok bool) {
	for from := at; at < len(packet) && at-from < maxName; {
		switch n := int(packet[at]); {
		case n == 0:
			return at + 1, true
		case n >= 0xc0:
			return at + 2, at+2 <= len(packet)
		case n > maxLabel:
			return 0, false
		default:
			at += 1 + n
		}
	}
	return 0, false
}
