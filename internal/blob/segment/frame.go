package segment

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"

	"gatepost/internal/blob"
)

const (
	magic      = "gpf\x01"
	headerSize = 40
	// MaxRecord is the longest record that a Log takes, in octets.
	MaxRecord = 16 << 20
)

// Kinds that are the log's own.
const (
	kindSeal  = 0 // the empty frame that Close writes
	kindIndex = 1 // the first frame of a segment that was rewritten
)

// maxPosition is what ten hexadecimal digits of a Ref hold.
const maxPosition = 1<<40 - 1

// castagnoli is CRC32C, which processors compute themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// A Ref names one record of a Log for as long as it lives.
type Ref struct {
	Segment  uint32
	Position int64
}

// String returns 19 characters that sort in the order in which records were
// appended; ParseRef reads them.
func (r Ref) String() string { return fmt.Sprintf("%08x-%010x", r.Segment, r.Position) }

// ParseRef reads what String wrote, and nothing else; blob.ErrNotFound is the
// cause of its refusal.
func ParseRef(s string) (Ref, error) {
	if len(s) == 19 && s[8] == '-' {
		seg, err1 := strconv.ParseUint(s[:8], 16, 32)
		pos, err2 := strconv.ParseUint(s[9:], 16, 40)
		r := Ref{uint32(seg), int64(pos)}
		if err1 == nil && err2 == nil && r.String() == s {
			return r, nil
		}
	}
	return Ref{}, fmt.Errorf("segment: %q is no record's name: %w", s, blob.ErrNotFound)
}

// A header stands before each record; doc.go has its form.
type header struct {
	kind   byte
	ref    Ref
	length int
	synced int64
	crc    uint32
}

// next is where the following frame starts.
func (h header) next() int64 { return h.ref.Position + headerSize + int64(h.length) }

func (h header) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = append(b, h.kind, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, h.ref.Segment)
	b = binary.BigEndian.AppendUint32(b, uint32(h.length))
	b = binary.BigEndian.AppendUint64(b, uint64(h.ref.Position))
	b = binary.BigEndian.AppendUint64(b, uint64(h.synced))
	b = binary.BigEndian.AppendUint32(b, h.crc)
	return binary.BigEndian.AppendUint32(b, checksum(b[start:]))
}

// parseHeader reads the header of the frame at ref. It takes nothing that was
// not written for that very place.
func parseHeader(b []byte, ref Ref) (header, bool) {
	h, ok := parseMoved(b)
	return h, ok && h.ref == ref
}

// parseMoved reads the header of a frame that need not be where it was first written.
func parseMoved(b []byte) (header, bool) {
	if len(b) < headerSize || string(b[:4]) != magic || checksum(b[:36]) != binary.BigEndian.Uint32(b[36:]) {
		return header{}, false
	}
	length, position, synced := binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])
	h := header{
		kind:   b[4],
		ref:    Ref{binary.BigEndian.Uint32(b[8:]), int64(position)},
		length: int(length),
		synced: int64(synced),
		crc:    binary.BigEndian.Uint32(b[32:]),
	}
	// Nothing is durable above the place where the next frame goes.
	return h, position <= maxPosition && length <= MaxRecord && synced <= position
}
