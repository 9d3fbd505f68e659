package mail

import (
	"strings"
	"sync"
)

// MaxExtract bounds the decoded text, plain and HTML together, that an Extract is made of, in
// octets. Of HTML what no reader sees does not count: comments, scripts, styles, pictures in
// their address. Of a part that is too long the start and the end are read. As much again bounds the
// HTML source that an Extract holds. MaxFilenames bounds its list; see MaxURLs too.
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
	HTML      string   // the source of the HTML parts, the first MaxExtract octets
	Visible   string   // what a reader sees of the HTML parts: no tags, scripts, styles or hidden elements
	Hidden    string   // text of the HTML parts that no reader sees; no scripts, styles and titles
	Splits    int      // how often hidden text stands within a word that a reader sees
	Images    int      // pictures that HTML shows; those of a pixel, which watch readers, don't count
	Forms     []Form   // of the HTML parts, 100 at most
	Filenames []string // of all parts that have one, decoded
	Cut       bool     // there is more text than fits
	// There is more than fits, and hardly any of what was read is text that a reader sees. What
	// ends the HTML does not count: whether it is hidden is not known.
	Buried bool
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
	source     int64 // and for the source of HTML
	reading    int64 // what may be read beyond
	left       int   // parts to come
	unsure     int   // octets seen that may be hidden
	text, html []string
	page       page
	e          *Extract
}

// littleText is so much of MaxExtract that the rest must be something else than text, put in the
// way of who looks for that.
const littleText = MaxExtract / 64

// What HTML takes of MaxExtract does not matter where it is short, and where all of the message
// is so small that none of its text can come near any bound, since no charset makes more than
// three octets of one.
const (
	short = 8 << 10
	roomy = MaxExtract / 16
)

func extract(m *Message) *Extract {
	x := &extractor{m: m, room: MaxExtract, source: MaxExtract, reading: maxReading, e: &Extract{Subject: m.Header().Text("Subject")}}
	for p := range m.Root().All() {
		if p.isText() {
			x.left++
		}
	}
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
	x.e.Buried = x.e.Cut && len(x.e.Text)+len(x.e.Visible)-x.unsure < littleText
	return x.e
}

func (x *extractor) part(p *Part) {
	if p.Filename != "" && len(x.e.Filenames) < MaxFilenames {
		x.e.Filenames = append(x.e.Filenames, p.Filename)
	}
	if !p.isText() {
		return
	}
	x.left--
	if p.isHTML() {
		x.document(p)
		return
	}
	limit := x.limit()
	text, whole := x.m.Text(p, limit)
	end := ""
	if !whole {
		text, end = x.ends(p, limit)
	}
	x.room -= int64(len(text) + len(end))
	for _, s := range []string{text, end} {
		s, secret := shown(s)
		x.text = closed(x.text, s)
		line(&x.page.hidden, secret)
	}
}

// limit is what may be read of a part: not all that is left, while there are others.
func (x *extractor) limit() int64 {
	const share = 32 << 10
	return max(x.room-min(x.room/2, share*int64(x.left)), 0)
}

// document reads a part of HTML.
func (x *extractor) document(p *Part) {
	text, whole := x.m.Text(p, x.source)
	x.source -= int64(len(text))
	x.html = closed(x.html, text)
	n, limit := int64(len(text)), x.limit()
	if whole && n > short && x.m.size > roomy {
		n = squeezedLen(text)
	}
	if whole && n <= limit {
		x.room -= n
		readHTML(text, &x.page)
		return
	}
	start, end := x.ends(p, limit)
	x.room -= int64(len(start) + len(end))
	readHTML(start, &x.page)
	if end != "" {
		n := x.page.visible.Len()
		readHTML(end, &x.page)
		x.unsure += x.page.visible.Len() - n
	}
}

// isText reports whether the part is read.
func (p *Part) isText() bool { return p.isHTML() || p.Type == "text" || p.broken() }

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
