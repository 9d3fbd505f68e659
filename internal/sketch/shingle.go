package sketch

import "strings"

// MaxShingles bounds the shingles that are made of one text.
const MaxShingles = 20_000

// Shingles returns a number for each run of n words that follow each other in the text. Words are what
// stands between single spaces. A text of fewer than n words has none; of one with more
// than MaxShingles only the beginning counts.
func Shingles(text string, n int) []uint64 {
	words := Words(text, MaxShingles+n-1)
	if len(words) < n {
		return nil
	}
	return AppendRuns(make([]uint64, 0, len(words)-n+1), words, n)
}

// Words returns a number for each word of the text, most of them at most.
func Words(text string, most int) []uint64 {
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

// AppendRuns appends to dst what Shingles returns of a text whose words have these numbers.
func AppendRuns(dst, words []uint64, n int) []uint64 {
	for i := n; i <= len(words); i++ {
		h := uint64(fnvOffset)
		for _, word := range words[i-n : i] {
			h = (h ^ word) * fnvPrime
			h ^= h >> 29
		}
		dst = append(dst, h)
	}
	return dst
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
