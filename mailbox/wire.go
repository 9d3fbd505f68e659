package mailbox

import (
	"bytes"
	"strconv"
)

// ENVELOPE and BODYSTRUCTURE are kept in the one text form that a standard gives
// them, the parenthesized lists of RFC 9051 §4.4, so that serving them is copying.

// maxQuoted is the longest string written in quotes.
const maxQuoted = 1000

// AppendString adds s to b as a string of RFC 9051 §4.3: in quotes where these can
// hold it, else as a literal. NUL, which neither can, becomes "?".
func AppendString(b []byte, s string) []byte {
	if !quotable(s) {
		b = strconv.AppendInt(append(b, '{'), int64(len(s)), 10)
		start := len(b) + 3
		b = append(append(b, "}\r\n"...), s...)
		for i := start; i < len(b); i++ {
			if b[i] == 0 {
				b[i] = '?'
			}
		}
		return b
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// quotable: 7 bit, since quotes hold 8 only where UTF-8 was agreed on.
func quotable(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == 0 || c == '\r' || c == '\n' || c >= 0x80 {
			return false
		}
	}
	return len(s) <= maxQuoted
}

// appendNString adds s, or NIL where it is not there.
func appendNString(b []byte, s string, there bool) []byte {
	if !there {
		return append(b, "NIL"...)
	}
	return AppendString(b, s)
}

// SplitList returns the elements of the list that b is, each as it is written;
// nil where b is none.
func SplitList(b []byte) [][]byte {
	var items [][]byte
	if len(b) < 2 || b[0] != '(' {
		return nil
	}
	for b = b[1:]; ; {
		item, rest, ok := cutElement(b)
		if !ok {
			return nil
		}
		if item == nil {
			return items
		}
		items, b = append(items, item), rest
	}
}

// ListItem returns the element of a list that n others stand before; nil where there is none. What
// stands behind it is not looked at, and nothing is allocated: a search asks for one of each message.
func ListItem(b []byte, n int) []byte {
	if len(b) < 2 || b[0] != '(' {
		return nil
	}
	for b = b[1:]; ; n-- {
		item, rest, ok := cutElement(b)
		if !ok || item == nil || n == 0 {
			return item
		}
		b = rest
	}
}

// cutElement returns the element that comes next within a list, nil at its end, and what follows;
// false where the list breaks off.
func cutElement(b []byte) (item, rest []byte, ok bool) {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) == 0 {
		return nil, nil, false
	}
	if b[0] == ')' {
		return nil, nil, true
	}
	n := element(b)
	if n <= 0 {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// element returns the length of the element that b starts with, 0 where it has
// no end.
func element(b []byte) int {
	depth := 0
	for i := 0; i < len(b); {
		n := 1
		switch b[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ' ':
		case '"':
			n = quotedLength(b[i:])
		case '{':
			n = literalLength(b[i:])
		default:
			for i+n < len(b) && !endsAtom(b[i+n]) {
				n++
			}
		}
		if n <= 0 || n > len(b)-i || depth < 0 {
			return 0
		}
		if i += n; depth == 0 {
			return i
		}
	}
	return 0
}

func endsAtom(c byte) bool { return c == ' ' || c == '(' || c == ')' || c == '"' || c == '{' }

func quotedLength(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

func literalLength(b []byte) int {
	end := bytes.IndexByte(b, '\n')
	if end < 3 {
		return 0
	}
	n, err := strconv.Atoi(string(b[1 : end-2])) // "{n}\r\n"
	if err != nil || n < 0 || n > len(b) {
		return 0
	}
	return end + 1 + n
}

// ParseString undoes AppendString; of what is no string, NIL above all, it
// makes "".
func ParseString(b []byte) string {
	switch {
	case len(b) >= 2 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0:
		return string(b[1 : len(b)-1])
	case len(b) >= 2 && b[0] == '"':
		out := make([]byte, 0, len(b))
		for i := 1; i < len(b)-1; i++ {
			if b[i] == '\\' && i < len(b)-2 {
				i++
			}
			out = append(out, b[i])
		}
		return string(out)
	case len(b) > 0 && b[0] == '{':
		if _, s, ok := bytes.Cut(b, []byte("\r\n")); ok {
			return string(s)
		}
	}
	return ""
}
