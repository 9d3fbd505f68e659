package mail

import (
	"bytes"
	"io"
)

// A transferDecoder undoes an encoding piece by piece. It knows no error: what
// can't be decoded is passed over or kept as it is.
type transferDecoder interface {
	decode(dst, src []byte) []byte // appends what src stands for
	flush(dst []byte) []byte       // appends what was held back, at the end
}

// A transferReader reads src through a decoder.
type transferReader struct {
	src io.Reader
	dec transferDecoder
	in  [4096]byte
	buf []byte // decoded
	out []byte // what of buf is not read yet
	err error
}

// Read implements io.Reader.
func (t *transferReader) Read(p []byte) (int, error) {
	for len(t.out) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		n, err := t.src.Read(t.in[:])
		t.buf = t.dec.decode(t.buf[:0], t.in[:n])
		if err != nil {
			t.buf = t.dec.flush(t.buf)
			t.err = err
		}
		t.out = t.buf
	}
	n := copy(p, t.out)
	t.out = t.out[n:]
	return n, nil
}

// A base64Decoder decodes base64 as RFC 2045 §6.8 wants: octets outside the
// alphabet mean nothing. Padding ends a quantum, and another text may follow, as
// some mailers write.
type base64Decoder struct {
	bits uint32
	n    int // sextets in bits
}

func (d *base64Decoder) decode(dst, src []byte) []byte {
	for _, c := range src {
		v := base64Value(c)
		if v >= 64 {
			if c == '=' {
				dst = d.flush(dst)
			}
			continue
		}
		d.bits = d.bits<<6 | uint32(v)
		if d.n++; d.n == 4 {
			dst = append(dst, byte(d.bits>>16), byte(d.bits>>8), byte(d.bits))
			d.bits, d.n = 0, 0
		}
	}
	return dst
}

func (d *base64Decoder) flush(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.bits>>4))
	case 3:
		dst = append(dst, byte(d.bits>>10), byte(d.bits>>2))
	}
	d.bits, d.n = 0, 0
	return dst
}

// base64Value returns the six bits of a character, 64 or more for what is none.
func base64Value(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26
	case '0' <= c && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 64
}

// A quotedDecoder decodes quoted-printable (RFC 2045 §6.7). White space at the end of a line
// is dropped, a "=" that starts nothing stays.
type quotedDecoder struct {
	state  quotedState
	first  byte   // the first digit after "="
	spaces []byte // white space that may stand at the end of the line
}

type quotedState uint8

const (
	quotedText  quotedState = iota
	quotedEqual             // after "="
	quotedDigit             // after "=" and one digit
	quotedBreak             // after "=" and white space: a soft line break, if the line ends
)

// maxSpaces bounds what is held back, since lines have at most 998 octets.
const maxSpaces = 1000

func (d *quotedDecoder) decode(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		if d.state == quotedText && len(d.spaces) == 0 {
			n := 0
			if dst, n = d.run(dst, src[i:]); n > 0 {
				i += n - 1
				continue
			}
		}
		switch c := src[i]; d.state {
		case quotedText:
			dst = d.text(dst, c)
		case quotedEqual:
			dst = d.equal(dst, c)
		case quotedDigit:
			d.state = quotedText
			if b, ok := unhex(d.first, c); ok {
				dst = append(dst, b)
				break
			}
			dst = d.text(append(dst, '=', d.first), c)
		case quotedBreak:
			dst = d.softBreak(dst, c)
		}
	}
	return dst
}

// run takes the text at the start of src, up to what means something, with the white space
// behind it where that is not much. n is how many octets it took.
func (d *quotedDecoder) run(dst, src []byte) (out []byte, n int) {
	for n < len(src) && src[n] != '=' && src[n] != '\r' && src[n] != '\n' {
		n++
	}
	ink := len(bytes.TrimRight(src[:n], " \t"))
	dst = append(dst, src[:ink]...)
	if n-ink > maxSpaces {
		return dst, ink
	}
	d.spaces = append(d.spaces, src[ink:n]...)
	return dst, n
}

func (d *quotedDecoder) text(dst []byte, c byte) []byte {
	switch {
	case c == ' ' || c == '\t':
		if len(d.spaces) == maxSpaces {
			dst = d.keepSpaces(dst)
		}
		d.spaces = append(d.spaces, c)
	case c == '\r' || c == '\n':
		d.spaces = d.spaces[:0]
		dst = append(dst, c)
	case c == '=':
		dst = d.keepSpaces(dst)
		d.state = quotedEqual
	default:
		dst = append(d.keepSpaces(dst), c)
	}
	return dst
}

func (d *quotedDecoder) equal(dst []byte, c byte) []byte {
	d.state = quotedText
	if _, ok := hexDigit(c); ok {
		d.state, d.first = quotedDigit, c
		return dst
	}
	switch c {
	case '\n':
		return dst
	case ' ', '\t', '\r':
		d.state = quotedBreak
		d.spaces = append(d.spaces, c)
		return dst
	}
	return d.text(append(dst, '='), c)
}

func (d *quotedDecoder) softBreak(dst []byte, c byte) []byte {
	switch {
	case c == '\n':
		d.state, d.spaces = quotedText, d.spaces[:0]
		return dst
	case (c == ' ' || c == '\t' || c == '\r') && len(d.spaces) < maxSpaces:
		d.spaces = append(d.spaces, c)
		return dst
	}
	d.state = quotedText
	return d.text(d.keepSpaces(append(dst, '=')), c)
}

func (d *quotedDecoder) keepSpaces(dst []byte) []byte {
	dst = append(dst, d.spaces...)
	d.spaces = d.spaces[:0]
	return dst
}

func (d *quotedDecoder) flush(dst []byte) []byte {
	switch d.state {
	case quotedDigit:
		dst = append(dst, '=', d.first)
	case quotedText:
		dst = d.keepSpaces(dst)
	}
	return dst
}
