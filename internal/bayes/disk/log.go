package disk

import (
	"encoding/binary"
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

// readLog calls f with the deltas of a log after its head, and returns how many octets of it are whole.
func readLog(b []byte, f func(bayes.Delta)) (whole int) {
	for {
		rest := b[whole:]
		if len(rest) < recordHead {
			return whole
		}
		n := binary.LittleEndian.Uint32(rest)
		if n > maxRecord || int(n) > len(rest)-recordHead {
			return whole
		}
		body := rest[recordHead : recordHead+int(n)]
		var d bayes.Delta
		if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(rest[4:]) || d.UnmarshalBinary(body) != nil {
			return whole
		}
		f(d)
		whole += recordHead + int(n)
	}
}
