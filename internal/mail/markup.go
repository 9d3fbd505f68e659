package mail

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// A tokenKind says what a piece of HTML is.
type tokenKind uint8

const (
	noToken      tokenKind = iota // the end
	textToken                     // see markup.text
	startTag                      // see markup.atom, markup.attributes
	closedTag                     // one that ends in "/>"
	endTag                        // see markup.atom
	commentToken                  // see markup.text
	doctypeToken
)

// A markup cuts HTML into tokens (HTML Standard §13.2.5), which are pieces of the source. It
// copies only what has to be written differently, and that when it is asked for: few of
// all attributes matter to a reader. It takes the same for tags and text as the tokenizer of
// golang.org/x/net/html, to which tests hold it.
type markup struct {
	s     string
	at    int       // where the next token starts
	raw   atom.Atom // of the element whose text is no HTML, 0 outside
	plain bool      // there is neither CR nor NUL in s

	piece      string // of the token: text, or what is in a comment
	verbatim   bool   // piece is of an element whose text is no HTML, and knows no entities
	broken     bool   // NUL in piece is to be replaced
	name       string // of a tag, as written
	atom       atom.Atom
	attributes []writtenPair
}

// A writtenPair is an attribute as it is written. The value's quotes are left out.
type writtenPair struct {
	name, value string
	end         int // of the value, in the source
}

func newMarkup(s string) markup {
	return markup{s: s, plain: strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, 0) < 0}
}

// next goes on to the next token.
func (m *markup) next() tokenKind {
	if m.raw != 0 {
		start, end := m.at, m.rawEnd()
		verbatim := m.raw != atom.Textarea && m.raw != atom.Title
		if m.raw = 0; end > start {
			m.at, m.piece, m.verbatim, m.broken = end, m.s[start:end], verbatim, true
			return textToken
		}
	}
	m.verbatim, m.broken = false, false
	start := m.at
	for i := start; ; i++ {
		n := strings.IndexByte(m.s[i:], '<')
		if i += n; n < 0 || i+1 == len(m.s) {
			return m.rest()
		}
		switch c := m.s[i+1]; {
		case !isLatin(c) && c != '/' && c != '!' && c != '?':
		case i > start:
			m.at, m.piece = i, m.s[start:i]
			return textToken
		case isLatin(c):
			return m.start(i + 1)
		case c == '!':
			return m.declaration(i + 2)
		case c == '?':
			return m.bogus(i + 1)
		case i+2 == len(m.s):
			return m.rest()
		default:
			return m.end(i + 2)
		}
	}
}

// rest takes what is left for text.
func (m *markup) rest() tokenKind {
	m.piece, m.at = m.s[m.at:], len(m.s)
	if m.piece == "" {
		return noToken
	}
	return textToken
}

// start takes the start tag whose name is at i.
func (m *markup) start(i int) tokenKind {
	if !m.tag(i) {
		return noToken
	}
	switch m.atom {
	case atom.Iframe, atom.Noembed, atom.Noframes, atom.Noscript, atom.Plaintext, atom.Script, atom.Style, atom.Textarea, atom.Title, atom.Xmp:
		m.raw = m.atom
	}
	if m.s[m.at-2] == '/' && !m.endsInValue() {
		return closedTag
	}
	return startTag
}

// endsInValue reports whether the "/" at the end of a tag belongs to an attribute: <p a=b/>.
func (m *markup) endsInValue() bool {
	n := len(m.attributes) - 1
	if n < 0 || m.attributes[n].end != m.at-1 {
		return false
	}
	for _, a := range m.attributes[:n] {
		if sameASCII(a.name, m.attributes[n].name) { // one of a name that came before is none
			return false
		}
	}
	return true
}

// end takes what is behind "</".
func (m *markup) end(i int) tokenKind {
	switch c := m.s[i]; {
	case c == '>':
		m.at, m.piece = i+1, ""
		return commentToken
	case !isLatin(c):
		return m.bogus(i)
	case m.tag(i):
		return endTag
	}
	return noToken
}

// tag takes the tag whose name is at i. One that does not end is none, and ends the document.
func (m *markup) tag(i int) bool {
	start := i
	for i < len(m.s) && !isHTMLSpace(m.s[i]) && m.s[i] != '/' && m.s[i] != '>' {
		i++
	}
	m.name, m.attributes = m.s[start:i], m.attributes[:0]
	m.atom = atomOf(m.name)
	for {
		if i = skipHTMLSpace(m.s, i); i < len(m.s) && m.s[i] == '>' {
			m.at = i + 1
			return true
		}
		if i >= len(m.s) {
			m.at = len(m.s)
			return false
		}
		i = m.attribute(i)
	}
}

// attribute takes the attribute at i, or a "/", and returns where it ends.
func (m *markup) attribute(i int) int {
	start := i
	if m.s[i] == '=' { // is the first letter of a name
		i++
	}
	for i < len(m.s) && !isHTMLSpace(m.s[i]) && m.s[i] != '/' && m.s[i] != '>' && m.s[i] != '=' {
		i++
	}
	a := writtenPair{name: m.s[start:i], end: i}
	i = skipHTMLSpace(m.s, i)
	switch {
	case i == len(m.s):
	case m.s[i] == '/':
		i++
	case m.s[i] == '=':
		i = a.read(m.s, skipHTMLSpace(m.s, i+1))
	}
	if a.name != "" {
		m.attributes = append(m.attributes, a)
	}
	return i
}

// read takes the value that starts at i, and returns where what follows starts.
func (a *writtenPair) read(s string, i int) int {
	if i == len(s) || s[i] == '>' {
		return i
	}
	if quote := s[i]; quote == '"' || quote == '\'' {
		n := strings.IndexByte(s[i+1:], quote)
		if n < 0 {
			return len(s)
		}
		a.end = i + 1 + n
		a.value = s[i+1 : a.end]
		return a.end + 1
	}
	start := i
	for i < len(s) && !isHTMLSpace(s[i]) && s[i] != '>' {
		i++
	}
	a.value, a.end = s[start:i], i
	return i
}

// declaration takes what is behind "<!".
func (m *markup) declaration(i int) tokenKind {
	const doctype = "doctype"
	switch rest := m.s[i:]; {
	case strings.HasPrefix(rest, "--"):
		return m.comment(i + 2)
	case len(rest) >= len(doctype) && sameASCII(rest[:len(doctype)], doctype):
		m.bogus(i + len(doctype))
		return doctypeToken
	}
	return m.bogus(i)
}

// bogus takes what goes on to the next ">" and is passed over.
func (m *markup) bogus(i int) tokenKind {
	m.broken = true
	n := strings.IndexByte(m.s[i:], '>')
	if n < 0 {
		m.piece, m.at = m.s[i:], len(m.s)
	} else {
		m.piece, m.at = m.s[i:i+n], i+n+1
	}
	return commentToken
}

// comment takes what is behind "<!--", up to "-->" or "--!>"; right at its start ">" and "->" end
// it, too (HTML Standard §13.2.5.43-52).
func (m *markup) comment(start int) tokenKind {
	m.broken = true
	for i := start; ; i++ {
		n := strings.IndexByte(m.s[i:], '>')
		if n < 0 {
			break
		}
		i += n
		text := m.s[start:i]
		if inner, ok := cutCommentEnd(text); ok || text == "" || text == "-" {
			m.piece, m.at = inner, i+1
			if !ok {
				m.piece = ""
			}
			return commentToken
		}
	}
	inner, ok := cutCommentEnd(m.s[start:])
	if !ok {
		inner = strings.TrimSuffix(inner, "-")
	}
	m.piece, m.at = inner, len(m.s)
	return commentToken
}

// cutCommentEnd takes away what stands before the ">" that ends a comment.
func cutCommentEnd(s string) (inner string, ok bool) {
	if inner, ok = strings.CutSuffix(s, "--"); ok {
		return inner, true
	}
	return strings.CutSuffix(s, "--!")
}

// rawEnd returns where the text of an element ends in which there is no markup.
func (m *markup) rawEnd() int {
	switch m.raw {
	case atom.Plaintext:
		return len(m.s)
	case atom.Script:
		return scriptEnd(m.s, m.at)
	}
	for i := m.at; ; i += 2 {
		n := strings.Index(m.s[i:], "</")
		if n < 0 {
			return len(m.s)
		}
		if i += n; opensWith(m.s[i+2:], m.raw.String()) {
			return i
		}
	}
}

// opensWith reports whether s starts with the name of a tag.
func opensWith(s, name string) bool {
	if len(s) <= len(name) || !sameASCII(s[:len(name)], name) {
		return false
	}
	c := s[len(name)]
	return isHTMLSpace(c) || c == '/' || c == '>'
}

// scriptEnd returns where the script that begins at i ends: at its end tag, unless that stands
// behind "<!--" and another <script> (HTML Standard §13.2.5.15-31).
func scriptEnd(s string, i int) int {
	const script = "script"
	escaped, double := false, false // behind "<!--", and behind "<script" in that
	for dashes := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '-' && escaped:
			dashes++
			continue
		case c == '>' && dashes >= 2:
			escaped, double = false, false
		case c != '<':
		case strings.HasPrefix(s[i+1:], "/") && opensWith(s[i+2:], script):
			if !double {
				return i
			}
			double = false
			i += len("</script")
		case !escaped:
			if strings.HasPrefix(s[i+1:], "!--") {
				escaped, dashes = true, 2
				i += len("!--")
				continue
			}
		case double:
		case i+1 == len(s) || s[i+1] == '/':
		case !isLatin(s[i+1]):
			escaped = false
		case opensWith(s[i+1:], script):
			double = true
			i += len(script) + 1
		}
		dashes = 0
	}
	return len(s)
}

// text returns what a text or a comment says.
func (m *markup) text() string {
	s := m.piece
	if !m.plain {
		s = convertNewlines(s)
		if m.broken {
			s = strings.ReplaceAll(s, "\x00", "\uFFFD")
		}
	}
	if m.verbatim {
		return s
	}
	return decodeReferences(s, false)
}

// value returns what an attribute's value says.
func (m *markup) value(s string) string {
	if !m.plain {
		s = convertNewlines(strings.ReplaceAll(s, "\x00", "\uFFFD"))
	}
	return decodeReferences(s, true)
}

// convertNewlines makes CR and CRLF LF.
func convertNewlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// longestTag is that of the names that package atom knows.
const longestTag = 25

// atomOf returns the atom of a name, in either case; 0 for one that is none.
func atomOf(name string) atom.Atom {
	var room [longestTag]byte
	if len(name) > longestTag {
		return 0
	}
	return atom.Lookup(appendLower(room[:0], name))
}

// appendLower appends a name in lower case. Only letters of ASCII have one.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// sameASCII reports whether two texts are the same but for the case of letters of ASCII.
func sameASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && (a[i]|0x20 != b[i]|0x20 || !isLatin(a[i])) {
			return false
		}
	}
	return true
}

func skipHTMLSpace(s string, i int) int {
	for i < len(s) && isHTMLSpace(s[i]) {
		i++
	}
	return i
}
