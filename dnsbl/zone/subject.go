package zone

import (
	"net/netip"
	"strings"

	"gatepost/internal/mail"
)

// A subject is what a name below the zone is about.
type subject struct {
	kind subjectKind
	addr netip.Addr // of an address: IPv4 in IPv6 is IPv4
	name string     // of a domain: lower-case, "example.net"
	// inner says that names of addresses may lie below, so that the name exists even where
	// nobody is listed by it (RFC 8020): 2.0.192 and, of IPv6 addresses in 2001::/16, 1.0.0.2,
	// which is the name of 2.0.0.1, too. Whoever was told that such a name does not exist would
	// not ask about what is below, for as long as that is remembered (RFC 9156 §3).
	inner bool
}

type subjectKind uint8

const (
	nothing   subjectKind = iota // a name that can't be listed
	aboutZone                    // the zone itself
	anAddress
	aDomain
)

// subject reads the labels before the zone, of which there are n.
func (q *question) subject(n int) subject {
	if n == 0 {
		return subject{kind: aboutZone}
	}
	if s, ok := q.address(n); ok {
		return s
	}
	name, ok := q.domain(n)
	if !ok {
		return subject{}
	}
	return subject{kind: aDomain, name: name}
}

// address reads labels as those of an address, or of a part of one.
func (q *question) address(n int) (s subject, ok bool) {
	if n > 32 {
		return s, false
	}
	var nibbles [16]byte
	var octets [4]byte
	isNibbles, isOctets := true, n <= 4
	for i := range n {
		label := q.label(i)
		if d, ok := hexDigit(label); ok {
			nibbles[(n-1-i)/2] |= d << (4 * (1 - (n-1-i)%2))
		} else {
			isNibbles = false
		}
		if isOctets {
			octets[n-1-i], isOctets = octet(label)
		}
		if !isNibbles && !isOctets {
			return s, false
		}
	}
	switch {
	case isOctets && n == 4:
		return subject{kind: anAddress, addr: netip.AddrFrom4(octets), inner: isNibbles}, true
	case n == 32:
		return subject{kind: anAddress, addr: mail.Unmap(netip.AddrFrom16(nibbles))}, true
	}
	return subject{kind: nothing, inner: true}, true
}

// label returns a label's octets.
func (q *question) label(i int) []byte {
	at := int(q.starts[i])
	return q.name[at+1 : at+1+int(q.name[at])]
}

// octet reads a number up to 255 that is written as AddrName does, without zeros before it.
func octet(label []byte) (v byte, ok bool) {
	if len(label) == 0 || len(label) > 3 || label[0] == '0' && len(label) > 1 {
		return 0, false
	}
	n := 0
	for _, c := range label {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return byte(n), n <= 255
}

func hexDigit(label []byte) (v byte, ok bool) {
	if len(label) != 1 {
		return 0, false
	}
	switch c := lower(label[0]); {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// domain reads labels as those of a domain: letters, digits, hyphens and underscores.
func (q *question) domain(n int) (name string, ok bool) {
	var b strings.Builder
	b.Grow(len(q.name))
	for i := range n {
		if i > 0 {
			b.WriteByte('.')
		}
		for _, c := range q.label(i) {
			c = lower(c)
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", false
			}
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
