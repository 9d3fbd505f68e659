package rules

import (
	"bytes"
	"unicode/utf8"
)

const (
	minSplit     = 4 // letters that a split word has at least
	maxSeparator = 4 // octets between two of them at most
)

// rejoin appends to dst the words in a folded text that were split into letters:
// "v i a g r a", "v.i.a.g.r.a". The letters, four or more, stand apart by the same
// separator, so that words of such letters end where it changes. As "a" and "I" are
// words too, a word that starts or ends with them is also given without. Gaps
// stand between the words.
func rejoin(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if i+1 < len(text) && isPlainWord(text[i]) && isPlainWord(text[i+1]) {
			i = skipWord(text, i)
			continue
		}
		if n := single(text, i); n == 0 {
			i = skipWord(text, i)
			continue
		}
		start := len(dst)
		letters := 0
		dst, letters, i = joinLetters(dst, text, i)
		if letters < minSplit {
			dst = dst[:start]
			continue
		}
		dst = variants(dst, start)
	}
	return dst
}

// joinLetters appends the run of single letters at i and returns how many they
// are and where to go on: where the separator changes, that is before the last
// letter, since it may start the next run.
func joinLetters(dst, text []byte, i int) ([]byte, int, int) {
	var separator []byte
	for letters := 1; ; letters++ {
		last := i
		n := single(text, i)
		dst = append(dst, text[i:i+n]...)
		i += n
		end := skipSeparator(text, i)
		found := text[i:end]
		if len(found) == 0 || single(text, end) == 0 {
			return dst, letters, i
		}
		if separator != nil && !bytes.Equal(found, separator) {
			return dst, letters, last
		}
		separator = found
		i = end
	}
}

// variants writes the word that starts at start again without "a" or "i" at its
// ends, and a gap after each form.
func variants(dst []byte, start int) []byte {
	word := dst[start:]
	first, last := word[0] == 'a' || word[0] == 'i', word[len(word)-1] == 'a' || word[len(word)-1] == 'i'
	n := len(word)
	dst = append(dst, gap)
	if first {
		dst = append(append(dst, dst[start+1:start+n]...), gap)
	}
	if last {
		dst = append(append(dst, dst[start:start+n-1]...), gap)
	}
	if first && last {
		dst = append(append(dst, dst[start+1:start+n-1]...), gap)
	}
	return dst
}

// single returns the length of the letter at i if it stands alone, else 0. Nothing
// of a word stands before i.
func single(text []byte, i int) int {
	r, n := runeAt(text, i)
	if n == 0 || !isWord(r) {
		return 0
	}
	if next, _ := runeAt(text, i+n); isWord(next) || isUnspaced(r) {
		return 0
	}
	return n
}

// isPlainWord is isWord for ASCII, false for what is not that.
func isPlainWord(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// runeAt is utf8.DecodeRune, faster for ASCII.
func runeAt(text []byte, i int) (rune, int) {
	if i < len(text) && text[i] < utf8.RuneSelf {
		return rune(text[i]), 1
	}
	return utf8.DecodeRune(text[i:])
}

// skipWord returns where the word at i, and what separates it from the next, ends.
func skipWord(text []byte, i int) int {
	for i < len(text) {
		if isPlainWord(text[i]) {
			i++
			continue
		}
		r, n := runeAt(text, i)
		if !isWord(r) {
			break
		}
		i += n
	}
	for i < len(text) {
		if text[i] == ' ' {
			i++
			continue
		}
		r, n := runeAt(text, i)
		if isWord(r) {
			break
		}
		i += n
	}
	return i
}

// skipSeparator returns where the separator at i ends; one that is too long, or
// has a gap, is none.
func skipSeparator(text []byte, i int) int {
	start := i
	for i < len(text) {
		r, n := utf8.DecodeRune(text[i:])
		if isWord(r) {
			return i
		}
		i += n
		if r == gap || i-start > maxSeparator {
			return start
		}
	}
	return start
}
