package mail

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Line lengths of RFC 5322 §2.1.1, without CRLF.
const (
	foldAt  = 78
	maxLine = 998
)

// AppendField appends one header field, folded and with its CRLF. The value is
// text, not yet encoded: what is not ASCII, or could be taken for an encoded word,
// is written as encoded words (RFC 2047). Whatever name and value hold, the result is
// one field: control characters in the value become spaces, and what may not stand
// in a name becomes a hyphen.
func AppendField(dst []byte, name, value string) []byte {
	return appendField(dst, name, encodeValue(printable(value)))
}

// AppendStructured is AppendField for a value that has a grammar, as trace fields and lists of
// addresses do: no encoded word may stand there, and what is not ASCII stays UTF-8 (RFC 6532 §3.2).
func AppendStructured(dst []byte, name, value string) []byte {
	return appendField(dst, name, printable(value))
}

func appendField(dst []byte, name, value string) []byte {
	start := len(dst)
	dst = appendName(dst, name)
	dst = append(dst, ':', ' ')
	column := len(dst) - start
	for i, word := range fieldWords(value) {
		if i > 0 && column+len(word) > foldAt {
			dst = append(dst, '\r', '\n')
			column = 0
		}
		for column+len(word) > maxLine {
			n := maxLine - column
			dst = append(dst, word[:n]...)
			dst = append(dst, '\r', '\n', ' ')
			word, column = word[n:], 1
		}
		dst = append(dst, word...)
		column += len(word)
	}
	return append(dst, '\r', '\n')
}

// maxName leaves room for the colon and some value in a line.
const maxName = 255

func appendName(dst []byte, name string) []byte {
	if name == "" {
		name = "X-"
	}
	for i := 0; i < min(len(name), maxName); i++ {
		c := name[i]
		if c <= ' ' || c >= 0x7f || c == ':' {
			c = '-'
		}
		dst = append(dst, c)
	}
	return dst
}

// printable makes control characters spaces, and what is not UTF-8 U+FFFD.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.Trim(s, " \t")
}

// encodeValue encodes from the first to the last word that needs it.
func encodeValue(s string) string {
	first, last := -1, -1
	for i := 0; i < len(s); {
		end := i + wordLength(s[i:])
		if word := s[i:end]; !isASCII(word) || strings.Contains(word, "=?") {
			if first < 0 {
				first = i
			}
			last = end
		}
		i = end
	}
	if first < 0 {
		return s
	}
	for s[first] == ' ' || s[first] == '\t' {
		first++
	}
	return s[:first] + encodeWords(s[first:last]) + s[last:]
}

// chunk is how many octets an encoded word of at most 75 holds: in base64 45 of
// them take 60, and "=?utf-8?b?" and "?=" 12 more.
const chunk = 45

// encodeWords writes s as encoded words with spaces between them, each of whole
// characters. Text that is mostly ASCII stays readable.
func encodeWords(s string) string {
	odd := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			odd++
		}
	}
	var b strings.Builder
	for s != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if odd*3 > len(s) {
			n := runesWithin(s, chunk, func(byte) int { return 1 })
			b.WriteString("=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s[:n])) + "?=")
			s = s[n:]
			continue
		}
		n := runesWithin(s, 75-12, quotedLength)
		b.WriteString("=?utf-8?q?")
		for i := 0; i < n; i++ {
			writeQuoted(&b, s[i])
		}
		b.WriteString("?=")
		s = s[n:]
	}
	return b.String()
}

// runesWithin returns how much of s, in whole characters, fits in room.
func runesWithin(s string, room int, cost func(byte) int) int {
	n := 0
	for n < len(s) {
		_, size := utf8.DecodeRuneInString(s[n:])
		for i := n; i < n+size; i++ {
			room -= cost(s[i])
		}
		if room < 0 {
			break
		}
		n += size
	}
	return n
}

// quotedLength returns how long writeQuoted makes an octet.
func quotedLength(c byte) int {
	if c == ' ' || isAtext(c) && c < 0x80 && strings.IndexByte("=?_", c) < 0 {
		return 1
	}
	return 3
}

func writeQuoted(b *strings.Builder, c byte) {
	switch {
	case c == ' ':
		b.WriteByte('_')
	case quotedLength(c) == 1:
		b.WriteByte(c)
	default:
		b.WriteString("=" + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
}

// fieldWords cuts s into words, each with the white space before it.
func fieldWords(s string) []string {
	var words []string
	for s != "" {
		n := wordLength(s)
		words = append(words, s[:n])
		s = s[n:]
	}
	return words
}

// wordLength returns the length of the white space and the word at the front of s.
func wordLength(s string) int {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		i++
	}
	return i
}
