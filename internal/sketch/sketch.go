package sketch

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	// Size is how many places a Sketch has.
	Size = 32
	// Octets is the length of a Sketch as Bytes writes it.
	Octets = 2 * Size
	// Near is in how many places two sketches of nearly the same text agree. It is the
	// least for which an Index finds all there are.
	Near = 17
)

// A Sketch is what is kept of a text: for each place 16 bits of the shingle that comes
// first there. By chance two places agree once in 65,536.
type Sketch [Size]uint16

// Of makes the sketch of the text that has these shingles; how often each of them comes is
// no matter. Where a shingle stands in an order is the high bits of a product with an odd
// number of the order's own, mixed with the low ones, which would be alike for all orders. A text without any has the zero Sketch, which says nothing.
func Of(shingles []uint64) (s Sketch) {
	if len(shingles) == 0 {
		return s
	}
	for i := range s {
		first := uint64(math.MaxUint64)
		turn, odd := 0x9e3779b97f4a7c15*(uint64(i)+1), 0xd6e8feb86659fd93+2*uint64(i)*0xa0761d6478bd642f
		for _, x := range shingles {
			high, low := bits.Mul64(x^turn, odd)
			first = min(first, high^low)
		}
		s[i] = uint16(first)
	}
	return s
}

// Equal returns in how many places two sketches agree, 0 to Size.
func (s *Sketch) Equal(o *Sketch) (n int) {
	for i := range s {
		if s[i] == o[i] {
			n++
		}
	}
	return n
}

// IsZero reports whether it is the sketch of nothing.
func (s *Sketch) IsZero() bool { return *s == Sketch{} }

// Bytes returns the sketch in Octets octets.
func (s *Sketch) Bytes() []byte {
	b := make([]byte, 0, Octets)
	for _, x := range s {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

// Parse reads what Bytes wrote; false where b is something else.
func Parse(b []byte) (s Sketch, ok bool) {
	if len(b) != Octets {
		return s, false
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return s, true
}
