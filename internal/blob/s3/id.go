package s3

import (
	"fmt"
	"strings"
	"time"

	"gatepost/internal/blob"
)

// digits are those of base 32 in the order of ASCII, so that numbers of one width sort as texts do.
const digits = "0123456789abcdefghijklmnopqrstuv"

// Widths of the numbers in an id, in digits of 5 bits.
const (
	wideTime, wideNode, wideOffset, wideLength, wideSum = 10, 5, 6, 7, 7

	nameSize = wideTime + wideNode
	idSize   = nameSize + wideOffset + wideLength + wideSum
)

// Bounds of what an id can name.
const (
	MaxNode   = 1<<(5*wideNode) - 1   // of Config.Node
	maxOffset = 1<<(5*wideOffset) - 1 // octets
	maxLength = 1<<(5*wideLength) - 1 // octets
)

// A place says where a content is, and what it is.
type place struct {
	name   string // of the object
	offset int64  // of the content, as the object was first written
	length int64
	sum    uint32 // CRC32C of the content, or of its table where it is long
}

// appendNumber appends the lowest digits of n.
func appendNumber(b []byte, n uint64, wide int) []byte {
	for i := wide - 1; i >= 0; i-- {
		b = append(b, digits[n>>(5*i)&31])
	}
	return b
}

// parseNumber reads a number of digits alone.
func parseNumber(s string) (n uint64, ok bool) {
	for _, c := range []byte(s) {
		d := strings.IndexByte(digits, c)
		if d < 0 {
			return 0, false
		}
		n = n<<5 | uint64(d)
	}
	return n, true
}

// nameOf is the name of an object that a node begins at a time in milliseconds.
func nameOf(millis int64, node uint32) string {
	return string(appendNumber(appendNumber(nil, uint64(millis), wideTime), uint64(node), wideNode))
}

// nameAt sorts behind the names of all objects before t, and before those after it.
func nameAt(t time.Time) string { return nameOf(t.UnixMilli(), 0) }

func (p place) id() blob.ID {
	b := append(make([]byte, 0, idSize), p.name...)
	b = appendNumber(b, uint64(p.offset), wideOffset)
	b = appendNumber(b, uint64(p.length), wideLength)
	return blob.ID(appendNumber(b, uint64(p.sum), wideSum))
}

// parseID takes an id apart; blob.ErrNotFound where it is none of this package.
func parseID(id blob.ID) (place, error) {
	s := string(id)
	if len(s) != idSize {
		return place{}, fmt.Errorf("s3: %q is no content's id: %w", id, blob.ErrNotFound)
	}
	p := place{name: s[:nameSize]}
	_, named := parseNumber(p.name)
	offset, ok1 := parseNumber(s[nameSize : nameSize+wideOffset])
	length, ok2 := parseNumber(s[nameSize+wideOffset : nameSize+wideOffset+wideLength])
	sum, ok3 := parseNumber(s[idSize-wideSum:])
	if !named || !ok1 || !ok2 || !ok3 || sum > 1<<32-1 {
		return place{}, fmt.Errorf("s3: %q is no content's id: %w", id, blob.ErrNotFound)
	}
	p.offset, p.length, p.sum = int64(offset), int64(length), uint32(sum)
	return p, nil
}

// chunkSize is how much of a long content has a checksum of its own.
const chunkSize = 1 << 20

// long reports whether a content has a table of checksums behind it.
func (p place) long() bool { return p.length > chunkSize }

// chunks is how many parts the content is read in.
func (p place) chunks() int { return int(max(1, (p.length+chunkSize-1)/chunkSize)) }

// stored is what the content takes of its object, its table included.
func (p place) stored() int64 { return storedSize(p.length) }

func storedSize(length int64) int64 {
	p := place{length: length}
	if p.long() {
		return length + 4*int64(p.chunks())
	}
	return max(1, length)
}
