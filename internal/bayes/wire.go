package bayes

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
)

// maxFeatures bounds the features of one family.
const maxFeatures = 1 << 16

const featuresVersion = 1

var errFeatures = errors.New("bayes: not features of this version")

// MarshalBinary writes the features without the text that they were made of (encoding.BinaryMarshaler): 10 to
// 30 KB as a rule. Explain finds no names for those.
func (f *Features) MarshalBinary() ([]byte, error) {
	b := []byte{featuresVersion}
	for _, list := range f.lists {
		b = binary.AppendUvarint(b, uint64(len(list)))
		last := uint32(0)
		for _, at := range list {
			b = binary.AppendUvarint(b, uint64(at-last))
			last = at
		}
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote (encoding.BinaryUnmarshaler). It takes no more memory than a few times
// the octets.
func (f *Features) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != featuresVersion {
		return errFeatures
	}
	r := varints{b: b[1:]}
	var g Features
	for i := range g.lists {
		n := r.unsigned()
		if r.bad || n > maxFeatures || n > uint64(len(r.b)) {
			return errFeatures
		}
		list, last := make([]uint32, n), uint64(0)
		for k := range list {
			gap := r.unsigned()
			if last += gap; r.bad || gap >= entries || last >= entries || k > 0 && gap == 0 {
				return errFeatures
			}
			list[k] = uint32(last)
		}
		g.lists[i] = list
	}
	if len(r.b) > 0 {
		return errFeatures
	}
	*f = g
	return nil
}

// Sum returns a hash by which the same features, read by the same release, are known again.
func (f *Features) Sum() (sum [8]byte) {
	b, _ := f.MarshalBinary()
	h := fnv.New64a()
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}
