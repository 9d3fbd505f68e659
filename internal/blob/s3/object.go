package s3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"gatepost/internal/blob"
)

const (
	entrySize = 20
	footSize  = 20
	footMagic = "gps\x01"
	// maxEntries bounds an index that is believed: more than 4 MiB of empty contents have.
	maxEntries = 8 << 20
)

// checksum is CRC32C, which processors have an instruction for.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// An entry is one content in an object's index.
type entry struct {
	place
	position int64 // where it stands now
}

// appendIndex appends the index of contents, and the foot.
func appendIndex(b []byte, list []entry) []byte {
	begin := len(b)
	for _, e := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(e.offset))
		b = binary.BigEndian.AppendUint32(b, uint32(e.position))
		b = binary.BigEndian.AppendUint64(b, uint64(e.length))
		b = binary.BigEndian.AppendUint32(b, e.sum)
	}
	sum, foot := checksum(b[begin:]), len(b)
	b = append(b, footMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	b = binary.BigEndian.AppendUint32(b, sum)
	b = append(b, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, checksum(b[foot:]))
}

// errShort: the end of the object that was read does not have the whole index.
var errShort = errors.New("s3: the index is longer than what was read")

// parseIndex reads the index at the end of an object, of which tail are the last octets. With errShort it
// says how many of them it needs.
func parseIndex(name string, tail []byte) (list []entry, need int64, err error) {
	damaged := fmt.Errorf("s3: index of object %s: %w", name, blob.ErrDamaged)
	if len(tail) < footSize {
		return nil, 0, damaged
	}
	foot := tail[len(tail)-footSize:]
	count := int64(binary.BigEndian.Uint32(foot[4:]))
	if string(foot[:4]) != footMagic || checksum(foot[:16]) != binary.BigEndian.Uint32(foot[16:]) || count > maxEntries {
		return nil, 0, damaged
	}
	if need = footSize + count*entrySize; need > int64(len(tail)) {
		return nil, need, errShort
	}
	b := tail[int64(len(tail))-need : len(tail)-footSize]
	if checksum(b) != binary.BigEndian.Uint32(foot[8:]) {
		return nil, 0, damaged
	}
	list = make([]entry, 0, count)
	for ; len(b) > 0; b = b[entrySize:] {
		e := entry{position: int64(binary.BigEndian.Uint32(b[4:]))}
		e.name, e.offset, e.length, e.sum = name, int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint64(b[8:])), binary.BigEndian.Uint32(b[16:])
		if e.offset > maxOffset || e.length > maxLength {
			return nil, 0, damaged
		}
		list = append(list, e)
	}
	return list, need, nil
}

// appendTable appends the checksums of a long content's parts.
func appendTable(b []byte, sums []uint32) []byte {
	for _, s := range sums {
		b = binary.BigEndian.AppendUint32(b, s)
	}
	return b
}

func parseTable(b []byte) []uint32 {
	sums := make([]uint32, len(b)/4)
	for i := range sums {
		sums[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return sums
}
