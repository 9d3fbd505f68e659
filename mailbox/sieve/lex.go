package sieve

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// A kind of token (RFC 5228 §8.1).
type tokenKind uint8

const (
	endOfScript tokenKind = iota
	identifier            // "if", in lower case
	tag                   // ":copy", in lower case, with its colon
	number
	text  // a quoted string or multi-line text, its value
	punct // one of ( ) [ ] { } , ;
)

// A token is a word of a script. Its text is its value.
type token struct {
	kind   tokenKind
	text   string
	number uint64
	at     place
}

// A place is where something stands in a script.
type place struct {
	line   int // from 1
	octets int // of the script that stand before it
}

// String shows a token in an error.
func (t token) String() string {
	switch t.kind {
	case endOfScript:
		return "the end of the script"
	case number:
		return fmt.Sprint(t.number)
	case text:
		return "the string " + quote(t.text)
	}
	return quote(t.text)
}

// quote shows text that a script holds, shortened.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// An Error is what is wrong with a script, or went wrong in it.
type Error struct {
	Line   int // from 1
	Column int // in characters, from 1; 0: it is about the line, or the run
	Text   string

	octets int // of the script before it
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

func wrong(where place, format string, args ...any) error {
	return &Error{Line: where.line, Text: fmt.Sprintf(format, args...), octets: where.octets}
}

// A lexer cuts a script into tokens.
type lexer struct {
	script string
	rest   string
	line   int

	noting   bool   // comments are wanted
	comments []Span // in their order
}

// here is where the rest begins.
func (l *lexer) here() place { return place{l.line, len(l.script) - len(l.rest)} }

// next returns the next token; behind the last one endOfScript, again and again.
func (l *lexer) next() (token, error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	t := token{at: l.here()}
	if l.rest == "" {
		return t, nil
	}
	switch c := l.rest[0]; {
	case strings.IndexByte("()[]{},;", c) >= 0:
		t.kind, t.text = punct, l.rest[:1]
		l.rest = l.rest[1:]
	case c == '"':
		return l.quoted()
	case '0' <= c && c <= '9':
		return l.number()
	case c == ':' && len(l.rest) > 1 && isLetter(l.rest[1]):
		word := l.word(1)
		t.kind, t.text = tag, ":"+word
	case isLetter(c):
		return l.identifier()
	default:
		r, _ := utf8.DecodeRuneInString(l.rest)
		return t, wrong(l.here(), "the character %q stands where none may", r)
	}
	return t, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }

// word takes an identifier that starts at octet from, in lower case.
func (l *lexer) word(from int) string {
	end := from
	for end < len(l.rest) && (isLetter(l.rest[end]) || '0' <= l.rest[end] && l.rest[end] <= '9') {
		end++
	}
	word := strings.ToLower(l.rest[from:end])
	l.rest = l.rest[end:]
	return word
}

// identifier takes a word, or the multi-line text that "text:" begins.
func (l *lexer) identifier() (token, error) {
	t := token{kind: identifier, at: l.here(), text: l.word(0)}
	if t.text == "text" && strings.HasPrefix(l.rest, ":") {
		l.rest = l.rest[1:]
		return l.multiLine(t)
	}
	return t, nil
}

// space skips white space and comments (§2.3).
func (l *lexer) space() error {
	for l.rest != "" {
		switch c := l.rest[0]; {
		case c == '\n':
			l.line++
			fallthrough
		case c == ' ' || c == '\t' || c == '\r':
			l.rest = l.rest[1:]
		case c == '#':
			end := strings.IndexByte(l.rest, '\n')
			if end < 0 {
				end = len(l.rest)
			}
			l.comment(end)
			l.rest = l.rest[end:]
		case strings.HasPrefix(l.rest, "/*"):
			end := strings.Index(l.rest[2:], "*/")
			if end < 0 {
				return wrong(l.here(), "this comment has no end")
			}
			l.line += strings.Count(l.rest[:end+4], "\n")
			l.comment(end + 4)
			l.rest = l.rest[end+4:]
		default:
			return nil
		}
	}
	return nil
}

// comment notes one of so many octets, which begins here.
func (l *lexer) comment(octets int) {
	if from := l.here().octets; l.noting {
		l.comments = append(l.comments, Span{from, from + octets})
	}
}

// number takes a number with its quantifier (§2.4.1).
func (l *lexer) number() (token, error) {
	t := token{kind: number, at: l.here()}
	for l.rest != "" && '0' <= l.rest[0] && l.rest[0] <= '9' {
		if t.number > math.MaxUint32 {
			return t, wrong(l.here(), "this number is too large")
		}
		t.number = t.number*10 + uint64(l.rest[0]-'0')
		l.rest = l.rest[1:]
	}
	if l.rest != "" && isLetter(l.rest[0]) {
		shift := map[string]uint{"k": 10, "m": 20, "g": 30}
		unit := l.word(0)
		by, ok := shift[unit]
		if !ok {
			return t, wrong(l.here(), "%q is no unit of a number: K, M or G", unit)
		}
		t.number <<= by
	}
	return t, nil
}

// quoted takes a string between quotation marks (§2.4.2).
func (l *lexer) quoted() (token, error) {
	t := token{kind: text, at: l.here()}
	var b strings.Builder
	for i := 1; i < len(l.rest); i++ {
		switch c := l.rest[i]; c {
		case '"':
			t.text = b.String()
			l.rest = l.rest[i+1:]
			return t, l.valid(t)
		case '\\':
			if i++; i < len(l.rest) {
				b.WriteByte(l.rest[i])
			}
		case '\n':
			l.line++
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return t, wrong(t.at, "this string has no end")
}

// multiLine takes what follows "text:" (§2.4.2.2): lines up to one of a single dot.
func (l *lexer) multiLine(t token) (token, error) {
	t.kind = text
	first, rest, _ := strings.Cut(l.rest, "\n")
	if s := strings.TrimLeft(strings.TrimSuffix(first, "\r"), " \t"); s != "" {
		if s[0] != '#' {
			return t, wrong(t.at, "text: is followed by %s, where its line must end", quote(s))
		}
		l.comment(len(first))
	}
	var b strings.Builder
	for line := range strings.Lines(rest) {
		l.line++
		rest = rest[len(line):]
		if strings.TrimRight(line, "\r\n") == "." {
			l.line++
			l.rest, t.text = rest, b.String()
			return t, l.valid(t)
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	return t, wrong(t.at, "this text: has no end: a line of a single dot")
}

func (l *lexer) valid(t token) error {
	switch {
	case !utf8.ValidString(t.text):
		return wrong(t.at, "this string is not UTF-8")
	case strings.IndexByte(t.text, 0) >= 0:
		return wrong(t.at, "this string holds a NUL")
	}
	return nil
}
