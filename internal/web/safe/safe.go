package safe

import (
	"context"
	"fmt"
	"strings"

	"gatepost/internal/mail"
)

// Bounds of what is shown of one message. What is beyond is left out, and View.Cut says so.
const (
	MaxSource   = 512 << 10 // octets of text and HTML source, all parts together
	MaxSections = 100       // texts and HTML parts
	MaxNested   = 5         // messages within messages
	MaxElements = 20_000    // of HTML
	MaxDepth    = 250       // of HTML elements open at once; x/net/html refuses 512
	MaxImages   = 50        // images shown
	MaxImage    = 1 << 20   // octets of one image
	MaxImageSum = 2 << 20   // octets of all images shown
	MaxPixels   = 16 << 20  // width times height of one image
	MaxListed   = 200       // parts that List returns
	maxOutput   = 2 << 20   // octets written, but for images
)

// Options say how a message is shown.
type Options struct {
	Lang  string // of Words, as an HTML lang attribute: "en"
	Words Words
	Plain bool // of alternatives the plain text, not the HTML
}

// Words are what is written between the message's own.
type Words struct {
	Image   string // an image that is not loaded, "image not loaded"
	Content string // what else is not loaded: "content not loaded"
	Link    string // in front of where a link leads, "leads to"
	Form    string // in front of where a form sends what is written into it, "form, sends to"
	Message string // above a message that is attached: "Attached message"
	From    string // "From"
	To      string // "To"
	Date    string // "Date"
	Subject string // "Subject"
	Cut     string // where something is left out: "The rest is not shown."
	Empty   string // where there is nothing to show: "This message has no text."
	Title   string // of the document
}

// A View is a message as it may be shown.
type View struct {
	Document []byte // a whole HTML document in UTF-8, to be served under Policy
	HTML     bool   // it was made of HTML
	Other    bool   // there is another version: see Options.Plain
	Remote   int    // images and other contents that are not loaded
	Links    int    // links and forms
	Cut      bool   // not all is shown
}

// Render returns what may be shown of a message. It fails where the content can't be
// read, and soon after ctx ends. While it runs it takes some ten times the octets of the
// document, 50 MiB at most: how many run at once is the caller's to bound.
func Render(ctx context.Context, m *mail.Message, o Options) (View, error) {
	r := &renderer{message: m, options: o, left: MaxSource, images: newImages(m, ctx.Err)}
	r.part(m.Root(), 0)
	if err := m.Err(); err != nil {
		return View{}, fmt.Errorf("safe: render: %w", err)
	}
	if r.sections == 0 {
		r.out.WriteString(`<p class="note">` + escape(o.Words.Empty) + `</p>`)
	}
	if r.view.Cut {
		r.out.WriteString(`<p class="note">` + escape(o.Words.Cut) + `</p>`)
	}
	body, ok := r.sanitised()
	if err := ctx.Err(); err != nil {
		return View{}, fmt.Errorf("safe: render: %w", err)
	}
	if !ok { // nobody knows of such a message; it is shown as text if there is one
		body, _ = settle(gate().Sanitize(plain(m.Extract().Body())))
		r.view.HTML = false
	}
	r.view.Document = document(o, body)
	return r.view, nil
}

// sanitised passes what was written through the gate. It is false where that does not
// settle, or nobody waits for it any more.
func (r *renderer) sanitised() (string, bool) {
	if r.images.over() != nil {
		return "", false
	}
	fragment := gate().Sanitize(r.out.String())
	r.out.Reset() // as large as all that follows
	if r.images.over() != nil {
		return "", false
	}
	return settle(fragment)
}

// A renderer goes through a message's parts and writes what is shown of them.
type renderer struct {
	message  *mail.Message
	options  Options
	out      strings.Builder
	view     View
	left     int64 // of MaxSource
	sections int
	nested   int
	images   *images
}

// part writes what is shown of a part.
func (r *renderer) part(p *mail.Part, depth int) {
	switch {
	case r.images.over() != nil: // Render says why
	case depth > mail.MaxDepth:
		r.view.Cut = true
	case p.IsMultipart() && len(p.Parts) > 0:
		r.multipart(p, depth)
	case p.IsMessage() && len(p.Parts) > 0:
		r.attached(p, depth)
	case isShown(p):
		r.section(p)
	}
}

func (r *renderer) multipart(p *mail.Part, depth int) {
	if p.Subtype != "alternative" {
		for _, child := range p.Parts {
			r.part(child, depth+1)
		}
		return
	}
	if chosen := r.choose(p.Parts); chosen != nil {
		r.part(chosen, depth+1)
	}
}

// choose takes one of several alternatives: the last that can be shown, which its author
// likes best (RFC 2046 §5.1.4), or the first, plainest, where that is wanted.
func (r *renderer) choose(parts []*mail.Part) (chosen *mail.Part) {
	for _, p := range parts {
		if !anyShown(p) {
			continue
		}
		if chosen != nil {
			r.view.Other = true
			if r.options.Plain {
				return chosen
			}
		}
		chosen = p
	}
	return chosen
}

// anyShown reports whether there is something to show in a part.
func anyShown(p *mail.Part) bool {
	for q := range p.All() {
		if isShown(q) {
			return true
		}
	}
	return false
}

// isShown reports whether a part is text that is shown, not a file that is listed. A
// multipart that is broken is what a mail program makes of it: text.
func isShown(p *mail.Part) bool {
	switch {
	case p.Disposition == "attachment":
		return false
	case p.IsMultipart():
		return len(p.Parts) == 0 && p.End > p.Body
	case p.Type == "message":
		return p.Subtype == "delivery-status" || p.Subtype == "disposition-notification" || p.Subtype == "feedback-report"
	case p.Type != "text":
		return false
	}
	switch p.Subtype {
	case "html", "plain", "enriched", "richtext", "rfc822-headers", "markdown", "x-amp-html":
		return true
	}
	return false
}

// attached writes a message within the message, with what a reader goes by of its header.
func (r *renderer) attached(p *mail.Part, depth int) {
	if r.nested >= MaxNested || r.sections >= MaxSections {
		r.view.Cut = true
		return
	}
	r.nested++
	inner, w := p.Parts[0], r.options.Words
	r.out.WriteString(`<div class="message"><p class="note">` + escape(w.Message) + `</p><table>`)
	for _, field := range [...]struct{ name, word string }{{"From", w.From}, {"To", w.To}, {"Date", w.Date}, {"Subject", w.Subject}} {
		if value := inner.Header.Text(field.name); value != "" {
			r.out.WriteString(`<tr><th>` + escape(field.word) + `</th><td><bdi>` + escape(Line(clip(value, 998))) + `</bdi></td></tr>`)
		}
	}
	r.out.WriteString(`</table>`)
	r.part(inner, depth+1)
	r.out.WriteString(`</div>`)
	r.nested--
	r.sections++
}

// section writes one text.
func (r *renderer) section(p *mail.Part) {
	if r.sections >= MaxSections || r.left <= 0 {
		r.view.Cut = true
		return
	}
	source, whole := r.message.Text(p, r.left)
	r.left -= int64(len(source))
	r.view.Cut = r.view.Cut || !whole
	if strings.TrimSpace(source) == "" {
		return
	}
	if r.sections > 0 {
		r.out.WriteString(`<hr>`)
	}
	r.sections++
	if p.Subtype != "html" && p.Subtype != "x-amp-html" {
		r.out.WriteString(plain(source))
		return
	}
	c := newCleaner(r.options.Words, r.images)
	r.out.WriteString(c.clean(source))
	r.view.HTML = true
	r.view.Remote += c.remote
	r.view.Links += c.links
	r.view.Cut = r.view.Cut || c.cut
}
