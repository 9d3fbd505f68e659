package bayes

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// A token is one word of a source, with what it is hashed to.
type token struct {
	hash       uint32
	start, end int
	span       int // which one it stands in
}

// tokens cuts the source into words.
func (s *source) tokens() []token {
	list := make([]token, 0, len(s.text)/6)
	for n, sp := range s.spans {
		seed := hash(2166136261, []byte(sp.prefix))
		for i := sp.start; i < sp.end; {
			end := i + wordLength(s.text[i:sp.end])
			start := i
			i = end
			for start < end && isEdge(s.text[start]) {
				start++
			}
			for end > start && isEdge(s.text[end-1]) {
				end--
			}
			if start == end {
				_, size := utf8.DecodeRune(s.text[i:sp.end])
				i += size
				continue
			}
			if end-start > maxWord {
				continue
			}
			list = append(list, token{hash(seed, s.text[start:end]), start, end, n})
		}
	}
	return list
}

// wordLength returns how many octets of b, from its start, are a word.
func wordLength(b []byte) (n int) {
	for n < len(b) {
		if c := b[n]; c < utf8.RuneSelf {
			if !isWord(c) {
				return n
			}
			n++
			continue
		}
		r, size := utf8.DecodeRune(b[n:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return n
		}
		n += size
	}
	return n
}

func isWord(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '\'', '-', '$', '!', '%', '.', '_':
		return true
	}
	return false
}

func isEdge(c byte) bool { return c == '.' || c == '-' || c == '\'' }

// hash makes the features of the source.
func (f *Features) hash() {
	text := f.source.text[:f.source.plain]
	f.grams = make([]uint32, 0, len(text))
	for i := 0; i+4 <= len(text); i++ {
		f.grams = append(f.grams, final(binary.LittleEndian.Uint32(text[i:])))
	}
	tokens := f.source.tokens()
	f.words = make([]uint32, 0, len(tokens))
	f.pairs = make([]uint32, 0, (reach+1)*len(tokens))
	for i, t := range tokens {
		f.words = append(f.words, single(t.hash))
		f.pairs = append(f.pairs, single(t.hash))
		for d := 1; d <= reach && d <= i; d++ {
			f.pairs = append(f.pairs, pair(tokens[i-d].hash, t.hash, d))
		}
	}
	f.grams, f.words, f.pairs = once(f.grams), once(f.words), once(f.pairs)
}

// reach is how far the words of a pair stand from each other at most.
const reach = 4

func single(word uint32) uint32 { return final(word*2654435761 + 1) }

func pair(a, b uint32, distance int) uint32 {
	return final(a*0x9e3779b1 + uint32(distance)*0x85ebca6b + b)
}

// once leaves of hashes that lie in one cell the first.
func once(list []uint32) []uint32 {
	var seen [cells / 64]uint64
	out := list[:0]
	for _, h := range list {
		i := h % cells
		if seen[i/64]&(1<<(i%64)) == 0 {
			seen[i/64] |= 1 << (i % 64)
			out = append(out, h)
		}
	}
	return out
}

// hash is FNV-1a.
func hash(h uint32, b []byte) uint32 {
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// final spreads what is known of a hash over all its bits.
func final(h uint32) uint32 {
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	h ^= h >> 15
	return h
}
