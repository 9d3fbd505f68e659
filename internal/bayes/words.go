package bayes

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// grams gathers the 4-grams.
func (c *collector) grams(s *source) {
	list := c.lists[headGrams]
	for _, f := range s.fields {
		if len(list) > maxFieldGrams {
			break
		}
		seed := hash(basis, f.lower)
		list = append(list, final(seed))
		seed *= 0x9e3779b1
		w := uint32(' ') << 24
		for i := range len(f.value) {
			w = w>>8 | uint32(f.value[i])<<24
			if i >= 2 {
				list = append(list, final(w^seed))
			}
		}
		if len(f.value) >= 2 {
			list = append(list, final(w>>8|'\n'<<24^seed))
		}
	}
	c.lists[headGrams] = list
	text := s.text[:min(len(s.text), maxGrams)]
	list = c.lists[textGrams]
	for i := 0; i+4 <= len(text); i++ {
		list = append(list, final(binary.LittleEndian.Uint32(text[i:])))
	}
	c.lists[textGrams] = list
}

// headWords gathers the words of fields, each with its field's name.
func (c *collector) headWords(s *source) {
	for _, f := range s.fields {
		c.word(headWords, basis, "field ", f.name)
		seed := hash(basis, f.lower) * 0x9e3779b1
		for value := f.value; value != ""; {
			word, rest := cutWord(value)
			if word != "" {
				c.word(headWords, seed, f.lower+":", word)
			}
			value = rest
		}
	}
}

// textWords gathers the words of the text, as they are written and in lower case.
func (c *collector) textWords(s *source) {
	var lower [maxWord]byte
	for text := s.text; len(text) > 0; {
		word, rest := cutWord(text)
		if len(word) > 0 {
			if c.named == nil {
				c.lists[textWords] = append(c.lists[textWords], final(hash(basis, word)))
			} else {
				c.word(textWords, basis, "", string(word))
			}
			low := lowered(lower[:0], word)
			c.lists[textWords] = append(c.lists[textWords], final(hash(lowSeed, low)))
		}
		text = rest
	}
}

const lowSeed uint32 = 0x5bd1e995

func (c *collector) word(fam family, seed uint32, prefix, word string) {
	h := final(hash(seed, word))
	c.lists[fam] = append(c.lists[fam], h)
	if c.named != nil && (c.wanted == nil || c.wanted(fam, h)) {
		c.named(fam, h, prefix+word)
	}
}

// cutWord returns the first word of s and what follows it; the word is empty where it is too long. Scripts that put no
// spaces between words have pairs of characters instead.
func cutWord[T string | []byte](s T) (word, rest T) {
	start := 0
	for start < len(s) {
		n := letter(s[start:])
		if n > 0 && !isEdge(s[start]) {
			break
		}
		start += max(n, 1)
	}
	end := start
	for end < len(s) {
		n := letter(s[end:])
		if n == 0 || s[end] >= 0xe0 && unspaced(s[end:]) {
			break
		}
		end += n
	}
	if end == start && end < len(s) {
		return cutPair(s[start:])
	}
	rest = s[end:]
	for end > start && isEdge(s[end-1]) {
		end--
	}
	if end-start > maxWord {
		end = start
	}
	return s[start:end], rest
}

// cutPair returns the first two characters of s, the second only if it is of such a script too, and what follows the first.
func cutPair[T string | []byte](s T) (pair, rest T) {
	n := letter(s)
	rest = s[n:]
	if len(rest) > 0 && rest[0] >= 0xe0 && unspaced(rest) {
		n += letter(rest)
	}
	return s[:n], rest
}

// unspaced reports whether s begins with a letter of Thai, Lao, Burmese, Khmer, kana or Han.
func unspaced[T string | []byte](s T) bool {
	var buf [utf8.UTFMax]byte
	r, _ := utf8.DecodeRune(buf[:copy(buf[:], s)])
	switch {
	case 0xe00 <= r && r < 0xf00, 0x1000 <= r && r < 0x10a0, 0x1780 <= r && r < 0x1800, 0x3040 <= r && r < 0x3100,
		0x3400 <= r && r < 0xa000, 0xf900 <= r && r < 0xfb00, 0x20000 <= r && r < 0x32000:
		return unicode.IsLetter(r)
	}
	return false
}

// letter returns the length of the character at the front of s if words are made of it, else 0.
func letter[T string | []byte](s T) int {
	if c := s[0]; c < utf8.RuneSelf {
		return int(wordLetters[c])
	}
	var buf [utf8.UTFMax]byte
	r, n := utf8.DecodeRune(buf[:copy(buf[:], s)])
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return n
	}
	return 0
}

// wordLetters has 1 for each character of ASCII that words are made of.
var wordLetters = func() (table [utf8.RuneSelf]byte) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'-$!%._" {
		table[c] = 1
	}
	return table
}()

func isEdge(c byte) bool { return c == '.' || c == '-' || c == '\'' }

func lowered(dst, word []byte) []byte {
	for _, c := range word {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
