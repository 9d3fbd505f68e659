package mail

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A scanner cuts CSS (CSS Syntax Module Level 3) into pieces. It goes forward only.
type scanner struct {
	s string
}

// until takes what comes before the first of the stops, and that; stop is 0 at the end.
// Stops in quotes, in parentheses and after a backslash are none, and comments
// are left out.
func (c *scanner) until(stops string) (piece string, stop byte) {
	var before strings.Builder // what came before a comment
	start, depth := 0, 0
	for i := 0; i < len(c.s); i++ {
		switch b := c.s[i]; {
		case b == '\\':
			i++
		case b == '"' || b == '\'':
			i = closing(c.s, i)
		case b == '(':
			depth++
		case b == ')':
			depth = max(depth-1, 0)
		case depth > 0:
		case b == '/' && i+1 < len(c.s) && c.s[i+1] == '*':
			before.WriteString(c.s[start:i])
			n := strings.Index(c.s[i+2:], "*/")
			if n < 0 {
				c.s = ""
				return before.String(), 0
			}
			start = i + 2 + n + 2
			i = start - 1
		case strings.IndexByte(stops, b) >= 0:
			piece = c.s[start:i]
			c.s = c.s[i+1:]
			return joined(&before, piece), b
		}
	}
	piece, c.s = c.s[start:], ""
	return joined(&before, piece), 0
}

func joined(before *strings.Builder, piece string) string {
	if before.Len() == 0 {
		return piece
	}
	return before.String() + piece
}

// closing returns where the quote at i ends; the end of the line ends it too.
func closing(s string, i int) int {
	quote := s[i]
	for i++; i < len(s) && s[i] != quote && s[i] != '\n'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i
}

// block passes over what is between braces, the first of which was taken.
func (c *scanner) block() {
	for depth := 1; depth > 0; {
		switch _, stop := c.until("{}"); stop {
		case '{':
			depth++
		case '}':
			depth--
		default:
			return
		}
	}
}

// maxValue bounds the value of a declaration, in octets; what follows is left out. Each is
// looked at again for each element that it is about.
const maxValue = 256

// A declaration is "property: value", in lower case.
type declaration struct {
	property, value string
	important       bool
	url             string // that the value loads, as written
}

// declarations reads what stands in a style attribute, or between the braces of a rule.
func declarations(css string, yield func(declaration)) {
	c := scanner{css}
	for c.s != "" {
		piece, _ := c.until(";")
		if d, ok := parseDeclaration(piece); ok {
			yield(d)
		}
	}
}

func parseDeclaration(piece string) (d declaration, ok bool) {
	property, value, ok := strings.Cut(piece, ":")
	if !ok {
		return d, false
	}
	d.property = strings.ToLower(unescape(strings.TrimSpace(property)))
	value, mark, _ := strings.Cut(strings.TrimSpace(value), "!")
	d.important = strings.EqualFold(strings.TrimSpace(mark), "important")
	d.url = loaded(value)
	if len(value) > maxValue {
		value = strings.Join(strings.Fields(value), " ")
		value = value[:min(len(value), maxValue)]
	}
	d.value = strings.ToLower(unescape(strings.TrimSpace(value)))
	return d, d.property != "" && d.value != ""
}

// loaded returns the address in the first url() of a value, or "".
func loaded(value string) string {
	i := indexFold(value, "url(")
	if i < 0 {
		return ""
	}
	inner, _, ok := strings.Cut(value[i+4:], ")")
	if !ok {
		return ""
	}
	return strings.Trim(strings.TrimSpace(inner), `"'`)
}

// unescape undoes "\64 isplay" and "d\isplay" (CSS Syntax §4.3.7).
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		n := i + 1
		for n < len(s) && n < i+7 && isHexDigit(s[n]) {
			n++
		}
		if n == i+1 {
			continue // the next character stands for itself
		}
		v, _ := strconv.ParseUint(s[i+1:n], 16, 32)
		if v == 0 || v > utf8.MaxRune {
			v = utf8.RuneError
		}
		b.WriteRune(rune(v))
		if n < len(s) && isHTMLSpace(s[n]) {
			n++
		}
		i = n - 1
	}
	return b.String()
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// parseLength reads a length in px; em is the size of the font. Shares of something
// unknown are none, unless they are 0.
func parseLength(s string, em float32) (px float32, ok bool) {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "calc("); ok { // of one number
		s = strings.TrimSpace(strings.TrimSuffix(inner, ")"))
		if strings.ContainsAny(s, " (") {
			return 0, false
		}
	}
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.' || n == 0 && (s[n] == '-' || s[n] == '+')) {
		n++
	}
	if n == 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(s[:n], 32)
	if err != nil {
		return 0, false
	}
	scale, ok := unit(s[n:], em)
	if !ok {
		return 0, v == 0
	}
	return float32(v) * scale, true
}

// unit returns the px in a unit (CSS Values §5, §6).
func unit(name string, em float32) (float32, bool) {
	switch name {
	case "px":
		return 1, true
	case "pt":
		return 4.0 / 3, true
	case "em":
		return em, true
	case "rem":
		return mediumSize, true
	case "ex", "ch":
		return em / 2, true
	case "in":
		return 96, true
	case "cm":
		return 96 / 2.54, true
	case "mm":
		return 96 / 25.4, true
	case "pc":
		return 16, true
	}
	return 0, false
}
