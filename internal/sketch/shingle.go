package sketch

import (
	"encoding/binary"
	"strings"
)

// MaxShingles bounds the shingles that are made of one text.
const MaxShingles = 20_000

// Shingles returns a number for each run of n words that follow each other in the text. Words are what
// stands between single spaces. A text of fewer than n words has none; of one with more
// than MaxShingles only the beginning counts.
func Shingles(text string, n int) []uint64 {
	words := numbers(text, MaxShingles+n-1)
	if len(words) < n {
		return nil
	}
	shingles := make([]uint64, 0, len(words)-n+1)
	for i := n; i <= len(words); i++ {
		h := uint64(fnvOffset)
		for _, word := range words[i-n : i] {
			h = run(h, word)
		}
		shingles = append(shingles, h)
	}
	return shingles
}

// numbers returns a number for each word of the text, most of them at most.
func numbers(text string, most int) []uint64 {
	if text == "" {
		return nil
	}
	words := make([]uint64, 0, min(strings.Count(text, " ")+1, most))
	for len(text) > 0 && len(words) < most {
		var word uint64
		if word, text = next(text); word != 0 {
			words = append(words, word)
		}
	}
	return words
}

// Number returns a number for a word, by which no other is known. It is quicker than that which
// Shingles gives a word, and not the same: that one is in rows.
func Number(word []byte) uint64 {
	const odd = 0x9fb21c651e98df25
	n := len(word)
	h := uint64(n) * odd
	for i := 0; i+8 < n; i += 8 {
		h = (h ^ binary.LittleEndian.Uint64(word[i:])) * odd
		h ^= h >> 32
	}
	switch { // what is left, with octets once more where that is not as many as are taken
	case n >= 8:
		h ^= binary.LittleEndian.Uint64(word[n-8:])
	case n >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(word)) | uint64(binary.LittleEndian.Uint32(word[n-4:]))<<32
	case n > 0:
		h ^= uint64(word[0]) | uint64(word[n/2])<<8 | uint64(word[n-1])<<16
	}
	h *= odd
	return h ^ h>>32
}

// run adds a word's number to that of a run.
func run(h, word uint64) uint64 {
	h = (h ^ word) * fnvPrime
	return h ^ h>>29
}

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// next takes the first word off a text: its hash (FNV-1a), 0 for an empty one.
func next(text string) (word uint64, rest string) {
	h := uint64(fnvOffset)
	for i := range len(text) {
		if text[i] == ' ' {
			if i == 0 {
				h = 0
			}
			return h, text[i+1:]
		}
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h, ""
}
