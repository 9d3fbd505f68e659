package imap

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatepost/mailbox"
)

// A syntaxError is what BAD tells the client.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// A parser reads a command's arguments (RFC 9051 §9) from the form that they have
// on the wire. Its first error sticks: what is read after it is zero, so that
// callers look once, at the end.
type parser struct {
	b     []byte
	size  int      // of b at first
	spool *spooled // has the literals that are not in b
	limit int      // octets of a literal that is no message
	utf8  bool     // folder names are UTF-8, not modified UTF-7
	err   error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = syntaxError(fmt.Sprintf(format, args...))
	}
	p.b = nil
}

// peek returns the next octet, 0 at the end.
func (p *parser) peek() byte {
	if len(p.b) == 0 {
		return 0
	}
	return p.b[0]
}

// take passes over c if it comes next.
func (p *parser) take(c byte) bool {
	if p.peek() != c || len(p.b) == 0 {
		return false
	}
	p.b = p.b[1:]
	return true
}

// takeFold passes over s, in any case, if it comes next.
func (p *parser) takeFold(s string) bool {
	if len(p.b) < len(s) || !strings.EqualFold(string(p.b[:len(s)]), s) {
		return false
	}
	p.b = p.b[len(s):]
	return true
}

func (p *parser) expect(c byte) {
	if !p.take(c) {
		p.fail("Expected %q", c)
	}
}

func (p *parser) space() { p.expect(' ') }

// end returns the parser's error; what is left over is one.
func (p *parser) end() error {
	if len(p.b) > 0 {
		p.fail("Unexpected text after the arguments")
	}
	return p.err
}

// while returns the octets up to the first that ok does not take, one at least.
func (p *parser) while(what string, ok func(byte) bool) string {
	n := 0
	for n < len(p.b) && ok(p.b[n]) {
		n++
	}
	if n == 0 {
		p.fail("Expected %s", what)
		return ""
	}
	s := string(p.b[:n])
	p.b = p.b[n:]
	return s
}

// isAtomChar: ATOM-CHAR of RFC 9051 §9.
func isAtomChar(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`(){%*"\]`, c) < 0
}

// isAStringChar takes 8 bits too: unquoted UTF-8 in a folder's name is met.
func isAStringChar(c byte) bool { return c == ']' || c >= 0x80 || isAtomChar(c) }

func isListChar(c byte) bool { return c == '%' || c == '*' || isAStringChar(c) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *parser) atom() string { return p.while("an atom", isAtomChar) }

// word is an atom in capitals.
func (p *parser) word() string { return strings.ToUpper(p.atom()) }

// flag reads a flag (RFC 9051 §9), its backslash included.
func (p *parser) flag() string {
	if p.take('\\') {
		return `\` + p.atom()
	}
	return p.atom()
}

// string reads a quoted string or a literal.
func (p *parser) string() string {
	switch p.peek() {
	case '"':
		return p.quoted()
	case '{':
		return string(p.literal())
	}
	p.fail("Expected a string")
	return ""
}

// astring reads an atom or a string.
func (p *parser) astring() string {
	if c := p.peek(); c == '"' || c == '{' {
		return p.string()
	}
	return p.while("a string", isAStringChar)
}

// nstring reads a string or NIL, which is "".
func (p *parser) nstring() string {
	if p.takeFold("NIL") {
		return ""
	}
	return p.string()
}

// folderName reads a folder's name and gives it the store's form.
func (p *parser) folderName() string {
	s := decodeName(p.astring(), p.utf8)
	if p.err != nil {
		return ""
	}
	name, err := mailbox.CleanAny(s)
	if err != nil {
		p.err = err
		p.b = nil
	}
	return name
}

func (p *parser) quoted() string {
	p.expect('"')
	var out []byte
	for i := 0; i < len(p.b); i++ {
		switch c := p.b[i]; c {
		case '"':
			p.b = p.b[i+1:]
			if p.utf8 && !utf8.Valid(out) {
				p.fail("Not UTF-8") // RFC 6855 §3
			}
			return string(out)
		case '\r', '\n', 0:
			p.fail("A quoted string must not hold CR, LF or NUL")
			return ""
		case '\\':
			if i++; i == len(p.b) || p.b[i] != '"' && p.b[i] != '\\' {
				p.fail("Bad escape in a quoted string")
				return ""
			}
			out = append(out, p.b[i])
		default:
			out = append(out, c)
		}
	}
	p.fail("A quoted string has no end")
	return ""
}

// announced reads the head of a literal, "{5}" or "{5+}" with its CRLF.
func (p *parser) announced() int64 {
	p.expect('{')
	n := p.number()
	p.take('+')
	p.expect('}')
	p.take('\r')
	p.expect('\n')
	return n
}

// aside returns the literal that comes next, where it is not in memory.
func (p *parser) aside() (io.ReaderAt, bool) { return p.spool.part(p.size - len(p.b)) }

// literal returns the octets of a literal that is in memory.
func (p *parser) literal() []byte {
	n := p.announced()
	_, aside := p.aside()
	if p.err != nil || aside || n > int64(p.limit) || n > int64(len(p.b)) {
		p.fail("Literal not accepted here")
		return nil
	}
	lit := p.b[:n]
	if bytes.IndexByte(lit, 0) >= 0 {
		p.fail("NUL in a literal")
		return nil
	}
	p.b = p.b[n:]
	return lit
}

// number reads a number64.
func (p *parser) number() int64 {
	s := p.while("a number", isDigit)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		p.fail("Expected a number below 2^63")
	}
	return n
}

// number32 reads a number below 2^32.
func (p *parser) number32() uint32 {
	n := p.number()
	if n > math.MaxUint32 {
		p.fail("Expected a number below 2^32")
		return 0
	}
	return uint32(n)
}

// list reads a parenthesized list; item is called at the start of each element.
func (p *parser) list(item func()) {
	p.expect('(')
	if p.take(')') {
		return
	}
	for p.err == nil {
		item()
		if p.take(')') {
			return
		}
		p.space()
	}
}

// flags reads a list of flags.
func (p *parser) flags() (names []string) {
	p.list(func() { names = append(names, p.flag()) })
	return names
}
