package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gatepost/internal/mail"
)

// A section is a piece of a message that FETCH asks for (RFC 9051 §6.4.5).
type section struct {
	label   string   // the item's name in the answer
	path    []int    // part numbers
	kind    kind     // which piece of the part
	fields  []string // of fields and fieldsNot
	partial bool
	offset  int64
	length  int64
	seen    bool // sets \Seen
	decoded bool // BINARY (RFC 3516)
	size    bool // BINARY.SIZE
}

type kind uint8

const (
	whole kind = iota // the message, or the part's body
	header
	headerFields
	headerFieldsNot
	bodyText
	mime
)

const (
	maxPath   = 2 * mail.MaxDepth
	maxFields = 200
)

// section reads what follows BODY or BINARY: "[1.2.HEADER]<0.100>".
func (p *parser) section(name string) (s section) {
	inner := p.b
	p.expect('[')
	for isDigit(p.peek()) && p.err == nil {
		n := p.number32()
		if s.path = append(s.path, int(n)); n == 0 || len(s.path) > maxPath {
			p.fail("Bad part number")
		}
		if !p.take('.') {
			break
		}
		if !isDigit(p.peek()) {
			p.sectionKind(&s)
			break
		}
	}
	if len(s.path) == 0 && p.peek() != ']' {
		p.sectionKind(&s)
	}
	p.expect(']')
	if p.err != nil {
		return s
	}
	s.label = name + sectionLabel(inner[:len(inner)-len(p.b)], s)
	p.partial(&s)
	return s
}

// sectionLabel is the section as it was written, but for literals.
func sectionLabel(written []byte, s section) string {
	if s.kind != headerFields && s.kind != headerFieldsNot {
		return strings.ToUpper(string(written))
	}
	open := bytes.IndexByte(written, '(')
	var b []byte
	for i, f := range s.fields {
		if i > 0 {
			b = append(b, ' ')
		}
		if strings.ContainsFunc(f, func(r rune) bool { return !isAtomChar(byte(min(r, 0x7f))) }) {
			f = fmt.Sprintf("%q", f)
		}
		b = append(b, f...)
	}
	return strings.ToUpper(string(written[:open])) + "(" + string(b) + ")]"
}

func (p *parser) sectionKind(s *section) {
	switch word := strings.ToUpper(p.while("a section", func(c byte) bool { return c == '.' || 'A' <= c&^0x20 && c&^0x20 <= 'Z' })); word {
	case "HEADER":
		s.kind = header
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		if s.kind = headerFields; word == "HEADER.FIELDS.NOT" {
			s.kind = headerFieldsNot
		}
		p.space()
		p.list(func() { s.fields = append(s.fields, p.fieldName()) })
		if len(s.fields) == 0 || len(s.fields) > maxFields {
			p.fail("Bad list of field names")
		}
	case "TEXT":
		s.kind = bodyText
	case "MIME":
		if s.kind = mime; len(s.path) == 0 {
			p.fail("MIME needs a part number")
		}
	default:
		p.fail("Unknown section")
	}
}

func (p *parser) fieldName() string {
	name := p.astring()
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' || r == '"' || r == '\\' }
	if p.err == nil && (name == "" || len(name) > 200 || strings.ContainsFunc(name, bad)) {
		p.fail("Bad field name")
	}
	return name
}

// partial reads "<offset.length>".
func (p *parser) partial(s *section) {
	if !p.take('<') {
		return
	}
	s.partial = true
	s.offset = p.number()
	p.expect('.')
	if s.length = p.number(); s.length == 0 {
		p.fail("A partial of no octets")
	}
	p.expect('>')
	s.label += fmt.Sprintf("<%d>", s.offset)
}

// findPart follows part numbers from the message's root (RFC 9051 §6.4.5.1); nil
// where there is no such part. The only part of what is no multipart is 1.
func findPart(root *mail.Part, path []int) *mail.Part {
	at, entire := root, true // at is a whole message, not a part of one
	for _, n := range path {
		if !entire && len(at.Parts) > 0 && at.IsMessage() {
			at, entire = at.Parts[0], true
		}
		switch {
		case at.IsMultipart() && n <= len(at.Parts):
			at, entire = at.Parts[n-1], false
		case entire && n == 1 && (!at.IsMultipart() || len(at.Parts) == 0):
			entire = false
		default:
			return nil
		}
	}
	return at
}

// Octets are a piece of a message: of its content, or in memory.
type octets struct {
	r      io.ReaderAt
	off, n int64
}

func inMemory(b []byte) *octets { return &octets{r: bytes.NewReader(b), n: int64(len(b))} }

func between(m *mail.Message, start, end int64) *octets {
	return &octets{r: m, off: start, n: max(0, end-start)}
}

// cut applies the partial.
func (o *octets) cut(s section) *octets {
	if o == nil || !s.partial {
		return o
	}
	skip := min(s.offset, o.n)
	return &octets{o.r, o.off + skip, min(s.length, o.n-skip)}
}

// find returns the octets of a section, of which room at most are decoded in memory;
// nil where the message has no such part.
func (s section) find(m *mail.Message, room int64) (*octets, error) {
	switch {
	case len(s.path) == 0 && s.kind == whole:
		return between(m, 0, m.Size()), nil // whatever its header says
	case len(s.path) == 0:
		return s.ofMessage(m, m.Header(), 0, m.Size()), nil
	}
	p := findPart(m.Root(), s.path)
	switch {
	case p == nil:
		return nil, nil
	case s.decoded:
		return s.decode(m, p, room)
	case s.kind == whole:
		return between(m, p.Body, p.End), nil
	case s.kind == mime:
		return between(m, p.Start, p.Body), nil
	case !p.IsMessage() || len(p.Parts) == 0:
		return nil, nil
	}
	in := p.Parts[0]
	return s.ofMessage(m, in.Header, in.Start, in.End), nil
}

// ofMessage is for sections of a whole message, which h heads.
func (s section) ofMessage(m *mail.Message, h *mail.Header, start, end int64) *octets {
	body := start + h.Size
	switch s.kind {
	case header:
		return between(m, start, body)
	case bodyText:
		return between(m, body, end)
	case headerFields, headerFieldsNot:
		return inMemory(selectFields(h, s.fields, s.kind == headerFields))
	}
	return between(m, start, end)
}

// selectFields returns the named fields, or all others, and the empty line.
func selectFields(h *mail.Header, names []string, named bool) (b []byte) {
	for _, f := range h.Fields {
		is := false
		for _, n := range names {
			is = is || len(n) == len(f.Name) && strings.EqualFold(n, f.Name)
		}
		if is == named {
			b = append(b, f.Raw...)
		}
	}
	return append(b, "\r\n"...)
}

// errUnknownEncoding: RFC 3516 §4.3's UNKNOWN-CTE.
var errUnknownEncoding = no("UNKNOWN-CTE", "The part's transfer encoding is unknown")

// maxDecoded bounds what is decoded in memory of one message for one FETCH.
const maxDecoded = 64 << 20

// decode undoes the transfer encoding. The length must be known before the first
// octet is sent, so it is held in memory, but where only the size is asked for.
func (s section) decode(m *mail.Message, p *mail.Part, room int64) (*octets, error) {
	if p.Flags.Has(mail.BadEncoding) {
		return nil, errUnknownEncoding
	}
	var b bytes.Buffer
	to, in := io.Writer(&b), io.LimitReader(m.Decoded(p), room+1)
	if s.size {
		to, in = io.Discard, m.Decoded(p)
	}
	n, err := io.Copy(to, in)
	switch {
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("imap: decode part: %w", err)
	case s.size:
		return &octets{n: n}, nil
	case n > room:
		return nil, no("LIMIT", "Too much to decode")
	}
	return inMemory(b.Bytes()), nil
}
