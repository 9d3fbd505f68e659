package mail

import (
	"strings"
	"sync"
)

// MaxExtract bounds the decoded text, plain and HTML source together, that an
// Extract is made of, in octets. MaxFilenames bounds its list; see MaxURLs too.
const (
	MaxExtract   = 1 << 20
	MaxFilenames = MaxParts
)

// An Extract is what there is to read in a message, in UTF-8 and with lines ended
// by LF: what rules, statistics and searches look at, so that each part is
// decoded once for all of them. Parts follow one another in the order of the message, attached
// messages included; header fields are not in it (see Header.Texts).
type Extract struct {
	Subject   string   // decoded
	Text      string   // all text parts that are not HTML
	HTML      string   // the source of the HTML parts
	Visible   string   // what a reader sees of the HTML parts: no tags, scripts, styles or hidden elements
	Hidden    string   // text of the HTML parts that no reader sees; no scripts, styles and titles
	Splits    int      // how often hidden text stands within a word that a reader sees
	Images    int      // pictures that HTML shows; those of a pixel, which watch readers, don't count
	Forms     []Form   // of the HTML parts, 100 at most
	Filenames []string // of all parts that have one, decoded
	Cut       bool     // there is more than fits
	// There is more style than is looked at: text that it hides counts as seen.
	Overstyled bool

	links     linkSet // of the HTML; then those of the text too
	linksOnce sync.Once
	urls      []string
	urlsOnce  sync.Once
}

// Body returns all text that a reader of the message may see, of plain and HTML parts.
func (e *Extract) Body() string {
	switch {
	case e.Text == "":
		return e.Visible
	case e.Visible == "":
		return e.Text
	}
	return e.Text + "\n" + e.Visible
}

// An extractor gathers an Extract part by part.
type extractor struct {
	m          *Message
	room       int64 // what is left of MaxExtract
	text, html []string
	page       page
	e          *Extract
}

func extract(m *Message) *Extract {
	x := &extractor{m: m, room: MaxExtract, e: &Extract{Subject: m.Header().Text("Subject")}}
	for p := range m.Root().All() {
		x.part(p)
	}
	x.e.Text, x.e.HTML = strings.Join(x.text, ""), strings.Join(x.html, "")
	x.e.Visible, x.e.Hidden = x.page.visible.String(), x.page.hidden.String()
	x.e.Splits, x.e.Images = x.page.splits, x.page.images
	x.e.Overstyled = x.page.blind
	x.e.Forms, x.e.links = x.page.forms, x.page.links
	if m.Root().Flags.Has(TooDeep | TooMany) {
		x.e.Cut = true
	}
	return x.e
}

func (x *extractor) part(p *Part) {
	if p.Filename != "" && len(x.e.Filenames) < MaxFilenames {
		x.e.Filenames = append(x.e.Filenames, p.Filename)
	}
	if !p.isHTML() && p.Type != "text" && !p.broken() {
		return
	}
	text, whole := x.m.Text(p, x.room)
	x.room -= int64(len(text))
	if !whole {
		x.e.Cut = true
	}
	if p.isHTML() {
		x.html = closed(x.html, text)
		readHTML(text, &x.page)
		return
	}
	text, secret := shown(text)
	x.text = closed(x.text, text)
	line(&x.page.hidden, secret)
}

func (p *Part) isHTML() bool { return p.Is("text/html") || p.Is("application/xhtml+xml") }

// broken reports whether the part is a multipart without parts, whose body some
// readers show as it is.
func (p *Part) broken() bool { return p.IsMultipart() && len(p.Parts) == 0 }

// closed adds text to the pieces of a text, and a line end, unless it has one.
func closed(pieces []string, text string) []string {
	switch {
	case text == "":
		return pieces
	case strings.HasSuffix(text, "\n"):
		return append(pieces, text)
	}
	return append(pieces, text, "\n")
}

// line writes text and a line end, unless it has one.
func line(b *strings.Builder, text string) {
	b.WriteString(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
}
