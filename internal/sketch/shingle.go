package sketch

// MaxShingles bounds the shingles that are made of one text.
const MaxShingles = 20_000

// Shingles returns a number for each run of n words that follow each other in the text. Words are what
// stands between single spaces. A text of fewer than n words has none; of one with more
// than MaxShingles only the beginning counts.
func Shingles(text string, n int) []uint64 {
	var out []uint64
	words := make([]uint64, n) // the last n, in a ring
	count := 0
	for len(text) > 0 && len(out) < MaxShingles {
		var word uint64
		if word, text = next(text); word == 0 {
			continue
		}
		words[count%n] = word
		count++
		if count < n {
			continue
		}
		h := uint64(fnvOffset)
		for i := range n {
			h = (h ^ words[(count+i)%n]) * fnvPrime
			h ^= h >> 29
		}
		out = append(out, h)
	}
	return out
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
