package trace

import "strings"

// A kind is what a token is.
type kind int

const (
	end kind = iota
	word
	comment
	mark // one of the characters that the scanner stops at
)

// A token is a piece of a structured field (RFC 5322 §3.2): a word is an atom or what a quoted-string
// says, a comment what stands between its outermost brackets.
type token struct {
	kind kind
	text string
}

// A scanner reads a structured field's unfolded value from left to right. Of what is broken it makes the
// best: a comment or a quoted-string that does not end goes on to the value's end.
type scanner struct{ rest string }

// next returns the next token. An atom ends at a blank, a bracket, a quote, or one of stops, which are marks.
func (s *scanner) next(stops string) token {
	s.rest = strings.TrimLeft(s.rest, " \t\r\n")
	switch {
	case s.rest == "":
		return token{}
	case s.rest[0] == '(':
		return token{comment, s.comment()}
	case strings.IndexByte(stops, s.rest[0]) >= 0:
		return token{mark, s.take(1)}
	}
	var b strings.Builder
	for s.rest != "" {
		if s.rest[0] == '"' {
			b.WriteString(s.quoted())
			continue
		}
		n := strings.IndexAny(s.rest, " \t\r\n(\""+stops)
		if n < 0 {
			n = len(s.rest)
		}
		if n == 0 {
			break
		}
		b.WriteString(s.take(n))
	}
	return token{word, b.String()}
}

func (s *scanner) take(n int) string {
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

// comment takes a comment, with those in it.
func (s *scanner) comment() string {
	depth := 0
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				text := s.take(i + 1)
				return text[1:i]
			}
		}
	}
	return s.take(len(s.rest))[1:]
}

// quoted takes a quoted-string, and returns what it says.
func (s *scanner) quoted() string {
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.take(i + 1)
			return b.String()
		case c == '\\' && i+1 < len(s.rest):
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	s.rest = ""
	return b.String()
}
