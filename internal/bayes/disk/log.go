package disk

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"gatepost/internal/bayes"
)

// A file begins with eight octets that say what it is, and its generation.
const (
	modelMagic = "GPMODEL1"
	logMagic   = "GPBLOG_1"
	headOctets = 16
)

// A record of the log is the length of a delta, the CRC-32C of its octets, and those.
const (
	recordHead = 8
	maxRecord  = 64 << 20
)

func appendHead(b []byte, magic string, generation uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, magic...), generation)
}

// readHead returns a file's generation; false where it is no such file.
func readHead(b []byte, magic string) (generation uint64, ok bool) {
	if len(b) < headOctets || string(b[:len(magic)]) != magic {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[len(magic):]), true
}

func appendRecord(b, delta []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(delta)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(delta, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, delta...)
}

// readLog calls f with the deltas of a log after its head, and returns how many octets of it are whole. What follows those is a last
// record that was not written to its end, or it fails with bayes.ErrModel.
func readLog(b []byte, f func(bayes.Delta)) (whole int, err error) {
	for {
		body, ok := record(b[whole:])
		if !ok {
			if anyRecord(b[whole:]) {
				return whole, fmt.Errorf("a damaged record, with whole ones after it: %w", bayes.ErrModel)
			}
			return whole, nil
		}
		var d bayes.Delta
		if err := d.UnmarshalBinary(body); err != nil {
			return whole, fmt.Errorf("a whole record that can't be read (%w): %w", err, bayes.ErrModel)
		}
		f(d)
		whole += recordHead + len(body)
	}
}

// record returns what the record at the beginning of b has; false where that is not whole. None is empty, so that zeros are none.
func record(b []byte) (body []byte, ok bool) {
	if len(b) < recordHead {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > maxRecord || int(n) > len(b)-recordHead {
		return nil, false
	}
	body = b[recordHead : recordHead+int(n)]
	return body, crc32.Checksum(body, castagnoli()) == binary.LittleEndian.Uint32(b[4:])
}

// searchMost bounds the octets that a search for whole records sums up: what merely looks like lengths of records may be long.
const searchMost = 1 << 30

// anyRecord reports whether a whole record begins anywhere after the first octet: that of a damaged length can't be told.
func anyRecord(b []byte) bool {
	summed := 0
	for at := 1; at+recordHead < len(b) && summed < searchMost; at++ {
		var d bayes.Delta
		body, ok := record(b[at:])
		if ok && d.UnmarshalBinary(body) == nil {
			return true
		}
		summed += len(body)
	}
	return false
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
