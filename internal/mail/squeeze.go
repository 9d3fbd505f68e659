package mail

import (
	"bytes"
	"slices"
)

// A squeezer leaves out of HTML, piece by piece, what no reader sees and what can have any
// length: comments, scripts, style sheets beyond maxSheets and what exceeds maxAttribute of an
// attribute's value, as pictures that stand in their address. Where it is in doubt it
// leaves what is there: what it dropped wrongly nobody would look at. Comments for Outlook, which
// shows them, stay.
type squeezer struct {
	out    []byte
	step   func(s *squeezer, c byte)
	held   []byte // of out's next octets, while it is not clear what they are
	name   []byte // of the tag that is read
	last   byte   // of it
	end    bool   // it is an end tag
	place  place
	quote  byte
	value  int    // octets of the value so far
	raw    string // the element whose text is no HTML, "" outside
	sheets int    // octets of style sheets
	dashes int    // of a comment, before the next octet
	bang   bool   // "--!" is before it
	fresh  bool   // the comment has but begun
}

// Bounds of what a squeezer leaves: of style sheets together, and of one value.
const (
	maxSheets    = 128 << 10
	maxAttribute = 4 << 10
)

func newSqueezer() *squeezer { return &squeezer{step: (*squeezer).text} }

// squeeze takes a piece and returns what is left of it, until the next call.
func (s *squeezer) squeeze(b []byte) []byte {
	s.out = s.out[:0]
	for len(b) > 0 {
		s.step(s, b[0])
		b = b[1:]
	}
	return s.out
}

// rest returns what was held back, at the end.
func (s *squeezer) rest() []byte { return s.held }

func (s *squeezer) text(c byte) {
	if c == '<' {
		s.held, s.step = append(s.held[:0], c), (*squeezer).opened
		return
	}
	s.keep(c)
}

// keep leaves an octet of text, unless it is a script's, or too much.
func (s *squeezer) keep(c byte) {
	switch s.raw {
	case "script", "iframe":
		return
	case "style":
		if s.sheets++; s.sheets > maxSheets {
			return
		}
	}
	s.out = append(s.out, c)
}

// release leaves what was held, and goes on with the octet that decided it.
func (s *squeezer) release(step func(*squeezer, byte), c byte) {
	s.out = append(s.out, s.held...)
	s.held, s.step = s.held[:0], step
	step(s, c)
}

// opened is behind "<".
func (s *squeezer) opened(c byte) {
	const comment, outlook = "<!--", "<!--[if"
	switch n := len(s.held); {
	case s.raw != "":
		s.ending(c)
	case n == 1 && (isLatin(c) || c == '/' || c == '?'):
		s.tag(c)
	case n < len(outlook) && (c|0x20 == outlook[n] || c == outlook[n]):
		if s.held = append(s.held, c); len(s.held) == len(outlook) {
			s.out = append(s.out, s.held...)
			s.held, s.step = s.held[:0], (*squeezer).text
		}
	case n >= len(comment):
		s.dashes, s.bang, s.fresh, s.step = 0, false, true, (*squeezer).comment
		for _, h := range append(s.held[len(comment):], c) {
			s.step(s, h)
		}
		s.held = s.held[:0]
	case n > 1: // "<!doctype>"
		s.tag(c)
	default:
		s.release((*squeezer).text, c)
	}
}

// ending is behind "<" in text that is no HTML, which only its end tag ends.
func (s *squeezer) ending(c byte) {
	n := len(s.held)
	switch want := "</" + s.raw; {
	case n < len(want) && c|0x20 == want[n]|0x20:
		s.held = append(s.held, c)
	case n == len(want) && (isHTMLSpace(c) || c == '/' || c == '>'):
		s.raw, s.end, s.place = "", true, beforeAttribute
		s.release((*squeezer).inTag, c)
	default:
		held := s.held
		for _, h := range held {
			s.keep(h)
		}
		s.held, s.step = held[:0], (*squeezer).text
		s.text(c)
	}
}

// tag begins a tag, or what is passed over like one up to ">" ("<?", "<!", "</" before no letter:
// HTML Standard §13.2.5.41).
func (s *squeezer) tag(c byte) {
	s.name, s.last, s.end, s.place = s.name[:0], '<', c == '/', inName
	if !s.end && !isLatin(c) || len(s.held) > 1 {
		s.place = inBogus
	}
	s.release((*squeezer).inTag, c)
}

// A place is one in a tag.
type place uint8

const (
	inName place = iota
	inBogus
	beforeAttribute
	inAttribute
	afterAttribute
	beforeValue
	inValue
	inQuoted
)

// longestRaw is that of the elements of isRaw.
const longestRaw = len("plaintext")

func (s *squeezer) inTag(c byte) {
	if s.place != inQuoted && c == '>' {
		s.out = append(s.out, c)
		s.step = (*squeezer).text
		if s.place != inBogus && !s.end && isRaw(s.name) {
			s.raw = string(s.name)
		}
		return
	}
	if s.move(c); s.place != inValue && s.place != inQuoted {
		s.value = 0
	} else if s.value++; s.value > maxAttribute {
		return
	}
	s.out = append(s.out, c)
}

// move finds where in a tag the next octet is (HTML Standard §13.2.5.8, §13.2.5.32-39).
func (s *squeezer) move(c byte) {
	space := isHTMLSpace(c)
	switch s.place {
	case inName:
		s.tagName(c)
	case beforeAttribute:
		if !space && c != '/' {
			s.place = inAttribute
		}
	case inAttribute, afterAttribute:
		switch {
		case space:
			s.place = afterAttribute
		case c == '/':
			s.place = beforeAttribute
		case c == '=':
			s.place = beforeValue
		default:
			s.place = inAttribute
		}
	case beforeValue:
		switch {
		case c == '"', c == '\'':
			s.quote, s.place = c, inQuoted
		case !space:
			s.place = inValue
		}
	case inValue:
		if space {
			s.place = beforeAttribute
		}
	case inQuoted:
		if c == s.quote {
			s.place = beforeAttribute
		}
	}
}

func (s *squeezer) tagName(c byte) {
	switch first := len(s.name) == 0; {
	case first && c == '/' && s.last == '<':
	case first && !isLatin(c):
		s.place = inBogus
	case isHTMLSpace(c), c == '/':
		s.place = beforeAttribute
	case len(s.name) <= longestRaw:
		s.name = append(s.name, c|0x20)
	}
	s.last = c
}

// comment is in a comment, which "-->" and "--!>" end, and ">" at its start (HTML Standard
// §13.2.5.43-51).
func (s *squeezer) comment(c byte) {
	bang := s.bang
	s.bang = false
	switch {
	case c == '>' && (bang || s.fresh || s.dashes >= 2):
		s.step = (*squeezer).text
	case c == '-' && !bang:
		s.dashes++
		s.fresh = s.fresh && s.dashes < 2
		return
	case c == '-':
		s.dashes = 1
		return
	case c == '!' && s.dashes >= 2:
		s.bang = true
	}
	s.dashes, s.fresh = 0, false
}

// isRaw reports whether what is in such an element is no HTML.
func isRaw(name []byte) bool {
	return slices.ContainsFunc([]string{"style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext"},
		func(raw string) bool { return bytes.Equal(name, []byte(raw)) })
}
