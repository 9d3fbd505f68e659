package mail

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A utf7Decoder converts UTF-7 (RFC 2152): ASCII, and between "+" and whatever
// ends it, "-" as a rule, UTF-16 in base64.
type utf7Decoder struct {
	shifted bool
	fresh   bool // nothing came since the "+"
	bits    uint32
	n       uint // how many of bits count
	high    rune // the first half of a surrogate pair
}

func (d *utf7Decoder) decode(dst, src []byte) []byte {
	for _, c := range src {
		switch {
		case d.shifted:
			dst = d.inside(dst, c)
		case c == '+':
			*d = utf7Decoder{shifted: true, fresh: true}
		default:
			dst = append(dst, plainByte(c)...)
		}
	}
	return dst
}

func (d *utf7Decoder) inside(dst []byte, c byte) []byte {
	if v := base64Value(c); v < 64 {
		d.fresh = false
		d.bits, d.n = d.bits<<6|uint32(v), d.n+6
		if d.n >= 16 {
			d.n -= 16
			dst = d.unit(dst, rune(d.bits>>d.n&0xffff))
		}
		return dst
	}
	d.shifted = false
	switch {
	case c == '-' && d.fresh:
		return append(dst, '+')
	case c == '-':
		return dst
	}
	return append(dst, plainByte(c)...)
}

// unit takes one UTF-16 code unit.
func (d *utf7Decoder) unit(dst []byte, u rune) []byte {
	if d.high != 0 {
		r := utf16.DecodeRune(d.high, u)
		d.high = 0
		return utf8.AppendRune(dst, r)
	}
	if u >= 0xd800 && u < 0xdc00 {
		d.high = u
		return dst
	}
	return utf8.AppendRune(dst, u)
}

func (d *utf7Decoder) flush(dst []byte) []byte { return dst }

// plainByte is what an octet outside the shifts stands for; 8-bit ones may not be.
func plainByte(c byte) string {
	if c < 0x80 {
		return string(rune(c))
	}
	return "\uFFFD"
}
