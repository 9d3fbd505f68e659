package rules

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns the form in which texts and patterns are compared: compatibility
// characters resolved (NFKC: "ｆｒｅｅ", "𝐟𝐫𝐞𝐞"), lower case, look-alikes of Latin letters
// as those (the Cyrillic "а"), characters that show nothing left out, and white space,
// line ends included, as single spaces. So a text is one line.
func Fold(s string) string { return string(spaced(fold(nil, s))) }

// gap stands in what fold returns where white space was wider than one character;
// to the words that letters are joined to, it is an end (see rejoin).
const gap = '\n'

// spaced makes gaps spaces, in place.
func spaced(b []byte) []byte {
	for i := bytes.IndexByte(b, gap); i >= 0; {
		b[i] = ' '
		n := bytes.IndexByte(b[i:], gap)
		if n < 0 {
			break
		}
		i += n
	}
	return b
}

// fold appends the folded text to dst, with gaps.
func fold(dst []byte, s string) []byte {
	if isPlain(s) {
		return foldPlain(dst, s)
	}
	s = norm.NFKC.String(s)
	space := false // dst ends in white space
	for i := 0; i < len(s); {
		r, size := rune(plainFolded[s[i]&0x7f]), 1
		if s[i] >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			r = foldRune(r)
		}
		i += size
		switch {
		case r <= 0:
		case r != ' ':
			dst = utf8.AppendRune(dst, r)
			space = false
		case space:
			dst[len(dst)-1] = gap
		default:
			dst = append(dst, ' ')
			space = true
		}
	}
	return dst
}

// isPlain reports whether s is ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldPlain is fold for ASCII.
func foldPlain(dst []byte, s string) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(s))[:n+len(s)]
	space := false
	for i := range len(s) {
		switch c := plainFolded[s[i]&0x7f]; {
		case c > ' ':
			dst[n] = c
			n++
			space = false
		case c == 0:
		case space:
			dst[n-1] = gap
		default:
			dst[n] = ' '
			n++
			space = true
		}
	}
	return dst[:n]
}

// plainFolded is what each character of ASCII is folded to, 0 for nothing.
var plainFolded = func() (table [utf8.RuneSelf]byte) {
	for i := range table {
		table[i] = byte(max(foldPlainRune(rune(i)), 0))
	}
	return table
}()

// foldPlainRune folds a character of ASCII; one that shows nothing is -1.
func foldPlainRune(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r <= ' ' || r == 0x7f:
		return foldControl(r)
	}
	return r
}

// foldControl makes white space a space; other control characters are nothing.
func foldControl(r rune) rune {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r':
		return ' '
	}
	return -1
}

// foldRune folds a character that is not ASCII; one that shows nothing is -1.
func foldRune(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case isInvisible(r):
		return -1
	}
	return lookalike(unicode.ToLower(r))
}

// isInvisible reports whether a character shows nothing, or only strikes out its
// neighbour.
func isInvisible(r rune) bool {
	switch {
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5: // joiner and fillers
		return true
	case 0x0334 <= r && r <= 0x0338: // strokes through the letter
		return true
	case 0x180b <= r && r <= 0x180f, 0xfe00 <= r && r <= 0xfe0f, 0xe0100 <= r && r <= 0xe01ef: // variation selectors
		return true
	case 0x20d0 <= r && r <= 0x20f0: // circles and squares around the letter
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// isWord reports whether a character is part of a word.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return isWideWord(r)
}

func isWideWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r))
}

// isUnspaced reports whether words in the character's script stand without spaces
// between them, or, as in Korean, grow endings, so that a word's end can't be seen.
func isUnspaced(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
