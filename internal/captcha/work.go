package captcha

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"
)

// Bits is how many zeros the hash must begin with, where nobody says otherwise: 2^18 tries on
// average.
const Bits = 18

// maxProof is the longest counter, in digits: beyond 2^53 JavaScript can't count.
const maxProof = 16

// A Work is to find a counter so that SHA-256 over "NONCE:COUNTER" begins with Bits
// zero bits (the idea is Hashcash, Adam Back, 2002). The counter is a number in decimal
// digits.
type Work struct {
	Nonce string
	Bits  int
}

// Done reports whether a text is such a counter.
func (w Work) Done(proof string) bool {
	if len(proof) > maxProof {
		return false
	}
	if _, err := strconv.ParseUint(proof, 10, 64); err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(w.Nonce + ":" + proof))
	return bits.LeadingZeros64(binary.BigEndian.Uint64(sum[:])) >= w.Bits
}
