package mail

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A page is what was read of HTML documents.
type page struct {
	visible strings.Builder // what a reader sees
	hidden  strings.Builder // text that no reader sees
	links   linkSet
	forms   []Form
}

// readHTML adds to a page what a reader sees of an HTML document, what is hidden in
// it and the addresses that it points to. Inline elements leave no trace, so that
// "vi<b></b>agra" is one word; block elements and breaks end a line.
func readHTML(source string, p *page) {
	r := htmlReader{z: html.NewTokenizer(strings.NewReader(source)), page: p, hidden: -1, form: -1}
	for r.token() {
	}
	r.endAnchor()
	r.breakLine()
	if r.dark {
		p.hidden.WriteByte('\n')
	}
}

// An htmlReader goes through a document once. It keeps the open elements, so that
// a hidden one that nobody closes hides no more than in a browser: what a rule
// is to find must not be hideable by bad nesting.
type htmlReader struct {
	z *html.Tokenizer
	*page
	open   []atom.Atom
	hidden int    // how many elements were open when the hidden one opened, -1 outside
	unseen bool   // what is hidden is a script or a style, no text
	inline bool   // the line that is being written is not empty
	dark   bool   // something hidden was written
	anchor anchor // the one that is open
	form   int    // index in forms of the one that is open, -1 outside
}

// An anchor is an <a> while its text is gathered.
type anchor struct {
	url   string // "" outside
	text  []byte
	start int // in the visible text
}

// maxOpen bounds the elements that are kept open, and so the search of an end tag;
// what is nested deeper is not hidden.
const maxOpen = 100

func (r *htmlReader) token() bool {
	switch r.z.Next() {
	case html.ErrorToken:
		return false
	case html.TextToken:
		switch {
		case r.hidden < 0:
			r.text(r.z.Text())
		case !r.unseen:
			r.conceal(r.z.Text())
		}
	case html.StartTagToken, html.SelfClosingTagToken: // HTML knows no self-closing
		r.start()
	case html.EndTagToken:
		name, _ := r.z.TagName()
		r.end(atom.Lookup(name))
	}
	return true
}

func (r *htmlReader) text(b []byte) {
	if len(b) == 0 {
		return
	}
	r.visible.Write(b)
	r.inline = b[len(b)-1] != '\n'
	if r.anchor.url != "" && len(r.anchor.text) < MaxLinkText {
		r.anchor.text = append(r.anchor.text, b[:min(len(b), MaxLinkText)]...)
	}
}

// conceal writes text that no reader sees.
func (r *htmlReader) conceal(b []byte) {
	if len(b) > 0 {
		r.page.hidden.Write(b)
		r.dark = true
	}
}

func (r *htmlReader) breakLine() {
	if r.inline {
		r.visible.WriteByte('\n')
		r.inline = false
	}
}

func (r *htmlReader) start() {
	name, more := r.z.TagName()
	tag := atom.Lookup(name)
	hidden, alt := r.attributes(tag, more)
	if tag == atom.Noscript || tag == atom.Noembed || tag == atom.Noframes {
		r.z.NextIsNotRawText() // mail runs no scripts: what stands there is shown
	}
	r.imply(tag)
	if r.hidden < 0 && isBlock(tag) {
		r.breakLine()
	}
	if r.hidden < 0 && !hidden && alt != "" {
		r.text([]byte(" " + alt + " "))
	}
	if isVoid(tag) || len(r.open) == maxOpen {
		return
	}
	if r.hidden < 0 && (hidden || isUnseen(tag)) {
		r.hidden, r.unseen = len(r.open), isUnseen(tag)
	}
	r.open = append(r.open, tag)
}

// imply closes the elements that a start tag closes without an end tag of their own.
func (r *htmlReader) imply(tag atom.Atom) {
	if len(r.open) == 0 {
		return
	}
	switch top := r.open[len(r.open)-1]; top {
	case atom.P:
		if isBlock(tag) && tag != atom.Br {
			r.end(top)
		}
	case atom.Li, atom.Td, atom.Th, atom.Tr, atom.Dt, atom.Dd, atom.Option:
		if tag == top {
			r.end(top)
		}
	}
}

// end closes an element, and all that was opened in it.
func (r *htmlReader) end(tag atom.Atom) {
	switch tag {
	case atom.A:
		r.endAnchor()
	case atom.Form:
		r.form = -1
	}
	for i := len(r.open) - 1; i >= 0; i-- {
		if r.open[i] != tag {
			continue
		}
		r.open = r.open[:i]
		if i <= r.hidden {
			r.hidden = -1
		}
		break
	}
	if r.hidden < 0 && isBlock(tag) {
		r.breakLine()
	}
}

// attributes collects the addresses in a tag and returns whether it hides its
// element, and the text that stands for an image.
func (r *htmlReader) attributes(tag atom.Atom, more bool) (hidden bool, alt string) {
	var href, kind string
	for more {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		switch string(key) {
		case "href":
			href = string(value)
		case "action":
			r.links.add(Link{URL: string(value), Kind: LinkForm})
			href = string(value)
		case "formaction":
			r.links.add(Link{URL: string(value), Kind: LinkForm})
		case "src", "background", "poster", "data", "srcset":
			r.links.add(Link{URL: string(value), Kind: loads(tag)})
		case "content":
			if tag == atom.Meta {
				r.refresh(string(value))
			}
		case "alt":
			alt = string(value)
		case "type":
			kind = string(value)
		case "hidden":
			hidden = true
		case "style":
			hidden = hidden || hides(value)
		}
	}
	r.point(tag, href, kind)
	return hidden, alt
}

// loads returns the kind of an address that such an element loads.
func loads(tag atom.Atom) LinkKind {
	switch tag {
	case atom.Script, atom.Iframe, atom.Frame, atom.Embed, atom.Object:
		return LinkOther
	}
	return LinkImage
}

// point takes what a tag points to.
func (r *htmlReader) point(tag atom.Atom, href, kind string) {
	switch tag {
	case atom.A:
		r.endAnchor()
		r.anchor = anchor{url: linkURL(href), text: r.anchor.text[:0], start: r.visible.Len()}
	case atom.Area:
		r.links.add(Link{URL: href, Kind: LinkArea})
	case atom.Form:
		if r.form = -1; len(r.forms) < maxForms {
			r.form = len(r.forms)
			r.forms = append(r.forms, Form{Action: linkURL(href)})
		}
	case atom.Input:
		if r.form >= 0 && strings.EqualFold(kind, "password") {
			r.forms[r.form].Password = true
		}
	default:
		r.links.add(Link{URL: href, Kind: LinkOther})
	}
}

// endAnchor takes the anchor that is open, if one is, with the text in it.
func (r *htmlReader) endAnchor() {
	if r.anchor.url == "" {
		return
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(r.anchor.text), "")), " ")
	r.links.add(Link{URL: r.anchor.url, Text: text, Kind: LinkAnchor})
	r.links.anchor(r.anchor.start, r.visible.Len())
	r.anchor.url = ""
}

// refresh takes the address of <meta http-equiv=refresh content="0; url=…">.
func (r *htmlReader) refresh(content string) {
	if i := indexFold(content, "url="); i >= 0 {
		r.links.add(Link{URL: strings.Trim(content[i+4:], ` '"`), Kind: LinkRefresh})
	}
}

// hides reports whether a style attribute makes its element, with all that is in
// it, invisible. A font of size 0 does not: newsletters set it around text that has a size of its own.
func hides(style []byte) bool {
	var none, clear bool
	for declaration := range bytes.SplitSeq(bytes.ToLower(style), []byte{';'}) {
		property, value, _ := bytes.Cut(declaration, []byte{':'})
		value, _, _ = bytes.Cut(value, []byte{'!'}) // !important
		v := string(bytes.TrimSpace(value))
		switch string(bytes.TrimSpace(property)) {
		case "display":
			none = v == "none"
		case "opacity":
			clear = v != "" && strings.Trim(v, "0.") == ""
		}
	}
	return none || clear
}

// isUnseen reports whether the text in such an element is never shown.
func isUnseen(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Iframe:
		return true
	}
	return false
}

// isVoid reports whether such an element never has an end tag.
func isVoid(tag atom.Atom) bool {
	switch tag {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link, atom.Meta,
		atom.Param, atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// isBlock reports whether such an element stands on lines of its own.
func isBlock(tag atom.Atom) bool {
	switch tag {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Br, atom.Caption, atom.Center, atom.Dd,
		atom.Div, atom.Dl, atom.Dt, atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Head,
		atom.Header, atom.Hr, atom.Html, atom.Legend, atom.Li, atom.Main, atom.Nav, atom.Ol, atom.Option, atom.P, atom.Pre,
		atom.Section, atom.Table, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr, atom.Ul:
		return true
	}
	return false
}
