package mail

import (
	"iter"
	"strings"
)

// A Part is one MIME entity (RFC 2045 §2.4), the whole message being the root.
// It holds offsets into the message's content, never copies.
//
// What a hostile message can do is bounded by MaxDepth and MaxParts: what lies
// beyond is left in its parent's body and the root is marked.
type Part struct {
	Header      *Header           // the entity's own; of the root the message's
	Type        string            // lower case, "text"; the default of RFC 2045 §5.2 where absent or unreadable
	Subtype     string            // lower case, "plain"
	Params      map[string]string // Content-Type's, names in lower case, RFC 2231 joined and decoded
	ID          string            // Content-ID as written
	Description string            // Content-Description as written
	Encoding    string            // lower case: "7bit", "8bit", "binary", "quoted-printable", "base64", or what was written
	Disposition string            // lower case, "" where absent (RFC 2183)
	DispParams  map[string]string // Content-Disposition's
	Filename    string            // from either field, decoded, "" where none
	Start       int64             // first octet of the entity's header
	Body        int64             // first octet of its body
	End         int64             // one past its last octet, without the CRLF that belongs to the boundary
	Lines       int               // line ends in the body
	Parts       []*Part           // of a multipart; of message/rfc822 the one message inside
	Flags       Flaws
}

// Bounds of the walk (see Part).
const (
	MaxDepth = 50
	MaxParts = 1000
)

// maxHeaders bounds the headers of all parts of a message together, since a
// parsed field takes far more memory than the three octets it can be written in.
const maxHeaders = 2 << 20

// Flaws are what is wrong with a part; each is also something a filter may weigh.
type Flaws uint16

// Flaws.
const (
	NoCloseBoundary Flaws = 1 << iota // the multipart is not closed
	NoBoundary                        // multipart without a usable boundary parameter
	BadEncoding                       // Content-Transfer-Encoding unknown
	TooDeep                           // MaxDepth reached
	TooMany                           // MaxParts reached
	HeaderCut                         // see Header.Cut
	BadType                           // Content-Type can't be read
)

// Has reports whether any of the flaws in g is among f.
func (f Flaws) Has(g Flaws) bool { return f&g != 0 }

// IsMultipart reports whether the part was declared a multipart; a broken one
// may have no Parts all the same.
func (p *Part) IsMultipart() bool { return p.Type == "multipart" }

// IsMessage reports whether the part was declared to hold a whole message
// (RFC 2046 §5.2.1, RFC 6532 §3.7).
func (p *Part) IsMessage() bool {
	return p.Type == "message" && (p.Subtype == "rfc822" || p.Subtype == "global")
}

// Is reports whether the part's type is that, given in lower case: "text/html".
func (p *Part) Is(mediaType string) bool {
	t, sub, _ := strings.Cut(mediaType, "/")
	return p.Type == t && p.Subtype == sub
}

// All goes through the part and all parts within it, in the order of the content.
func (p *Part) All() iter.Seq[*Part] {
	return func(yield func(*Part) bool) { p.visit(yield) }
}

func (p *Part) visit(yield func(*Part) bool) bool {
	if !yield(p) {
		return false
	}
	for _, child := range p.Parts {
		if !child.visit(yield) {
			return false
		}
	}
	return true
}
