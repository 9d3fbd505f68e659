package sketch

import (
	"encoding/binary"
	"math"
)

const (
	// Size is how many places a Sketch has.
	Size = 32
	// Octets is the length of a Sketch as Bytes writes it.
	Octets = 1 + 2*Size
	// Near is in how many places two sketches of nearly the same text agree. It is the
	// least for which an Index finds all there are.
	Near = 17
)

// form is the first octet that Bytes writes. It changes with whatever makes another sketch of the
// same text. The first form, of 64 octets, had an order of shingles for each place, and no such octet.
const form = 2

// A Sketch is what is kept of a text: for each place 16 bits of the shingle that comes
// first there. By chance two places agree once in 65,536.
type Sketch [Size]uint16

// Of makes the sketch of the text that has these shingles; how often each of them comes is
// no matter. A text without any has the zero Sketch, which says nothing.
//
// One order of all shingles is enough where each place has shingles of its own, those whose hash falls there. As a short text
// leaves places without any, it is gone through again, by another hash, for those alone, until none is
// left (Dahlgaard, Knudsen, Thorup, "Fast similarity sketching", 2017): a text of some hundred
// shingles once or twice, where an order for each place would take 32 times.
func Of(shingles []uint64) Sketch {
	return sketchOf(len(shingles), func(r *round) { r.add(shingles) })
}

// OfWords is Of for the words of a text, by their numbers, and all pairs that follow each other.
func OfWords(words []uint64) Sketch {
	return sketchOf(len(words), func(r *round) {
		var some [256]uint64
		n, before := 0, uint64(0)
		for i, word := range words {
			if n+2 > len(some) {
				r.add(some[:n])
				n = 0
			}
			one := run(fnvOffset, word)
			some[n] = one
			n++
			if i > 0 {
				some[n] = run(before, word)
				n++
			}
			before = one
		}
		r.add(some[:n])
	})
}

// sketchOf makes the sketch of shingles that each adds to a round; n is 0 where there are none.
func sketchOf(n int, each func(*round)) (s Sketch) {
	empty := ^uint32(0)
	if n == 0 {
		empty = 0
	}
	r := &round{}
	for number := uint64(0); empty != 0; number++ {
		r.begin(number)
		each(r)
		for i := range s {
			if r.found&empty&(1<<i) != 0 {
				s[i] = uint16(r.first[i] >> 8)
			}
		}
		empty &^= r.found
	}
	return s
}

// A round is one going through all shingles, with a hash of its own. In the rounds from Size on all
// of them fall into one place, so that there is an end.
type round struct {
	number uint64
	first  [Size]uint64 // by place: the lowest hash that fell there
	found  uint32       // places into which any fell
}

func (r *round) begin(number uint64) {
	r.number, r.found = number, 0
	for i := range r.first {
		r.first[i] = math.MaxUint64
	}
}

func (r *round) add(shingles []uint64) {
	turn := (r.number + 6) * 0x9e3779b97f4a7c15
	for _, x := range shingles {
		h := mix(x ^ turn)
		place := h % Size
		if r.number >= Size {
			place = r.number % Size
		}
		r.first[place] = min(r.first[place], h)
		r.found |= 1 << place
	}
}

// mix makes a number of which each bit depends on each of x (the end of MurmurHash3).
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
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

// Bytes returns the sketch in Octets octets, the first of which says of what form it is.
func (s *Sketch) Bytes() []byte {
	b := append(make([]byte, 0, Octets), form)
	for _, x := range s {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

// Parse reads what Bytes wrote; false where b is something else, a sketch of another form among it.
func Parse(b []byte) (s Sketch, ok bool) {
	if len(b) != Octets || b[0] != form {
		return s, false
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint16(b[1+2*i:])
	}
	return s, true
}
