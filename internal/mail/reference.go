package mail

import (
	"html"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeReferences decodes the character references in HTML: "&amp;", "&#38;" (HTML Standard
// §13.2.5.72-80). In an attribute what could be a part of an address stays as it is.
func decodeReferences(s string, attribute bool) string {
	i := strings.IndexByte(s, '&')
	if i < 0 {
		return s
	}
	out := make([]byte, 0, len(s)+utf8.UTFMax)
	for i >= 0 {
		out = append(out, s[:i]...)
		s = s[i:]
		n := 0
		if out, n = appendReference(out, s, attribute); n == 0 {
			out, n = append(out, '&'), 1
		}
		s = s[n:]
		i = strings.IndexByte(s, '&')
	}
	return string(append(out, s...))
}

// appendReference appends what the reference at the start of s stands for, of n octets; n is 0
// where there is none.
func appendReference(dst []byte, s string, attribute bool) (out []byte, n int) {
	if strings.HasPrefix(s, "&#") {
		return appendNumber(dst, s)
	}
	n = 1
	for n < len(s) && isAlnum(s[n]) {
		n++
	}
	if n < len(s) && s[n] == ';' {
		n++
	}
	name := s[1:n]
	switch name {
	case "nbsp;":
		return append(dst, "\u00A0"...), n
	case "amp;":
		return append(dst, '&'), n
	case "lt;":
		return append(dst, '<'), n
	case "gt;":
		return append(dst, '>'), n
	case "quot;":
		return append(dst, '"'), n
	case "nGt;": // this one and the next the standard library leaves out
		return append(dst, "\u226B\u20D2"...), n
	case "nLt;":
		return append(dst, "\u226A\u20D2"...), n
	}
	return appendNamed(dst, s, name, attribute)
}

// Lengths of names of references: of all, and of those that need no semicolon.
const (
	longestName = 32
	longestOpen = 6
)

// appendNamed is appendReference for a name, as the standard library knows them. That takes a name
// for one also where only its beginning is.
func appendNamed(dst []byte, s, name string, attribute bool) (out []byte, n int) {
	closed := strings.HasSuffix(name, ";")
	n = 1 + len(name)
	switch {
	case name == "", attribute && !closed && n < len(s) && s[n] == '=':
		return dst, 0
	case len(name) > longestName+1 && attribute:
		return dst, 0
	case len(name) > longestName+1:
		n = 1 + longestOpen + 1 // an octet more than the longest, not to be taken for the whole name
		closed = false
	}
	text := html.UnescapeString(s[:n])
	if text == s[:n] {
		return dst, 0
	}
	whole := utf8.RuneCountInString(text) == 1
	if closed {
		whole = text == ";" || !strings.HasSuffix(text, ";")
	}
	if attribute && !whole {
		return dst, 0
	}
	return append(dst, text...), n
}

// appendNumber is appendReference for "&#38;" and "&#x26;".
func appendNumber(dst []byte, s string) (out []byte, n int) {
	n, base := 2, rune(10)
	if n < len(s) && s[n]|0x20 == 'x' {
		n, base = 3, 16
	}
	start, r := n, rune(0)
	for ; n < len(s); n++ {
		d, ok := hexDigit(s[n])
		if !ok || rune(d) >= base {
			break
		}
		if r <= utf8.MaxRune {
			r = r*base + rune(d)
		}
	}
	if n == start {
		return dst, 0
	}
	if n < len(s) && s[n] == ';' {
		n++
	}
	switch {
	case 0x80 <= r && r < 0xa0: // of Windows-1252, where that has one
		if known := charmap.Windows1252.DecodeByte(byte(r)); known != utf8.RuneError {
			r = known
		}
	case r == 0:
		r = utf8.RuneError
	}
	return utf8.AppendRune(dst, r), n // what is no character becomes U+FFFD
}
