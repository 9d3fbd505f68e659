package mail

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// readHTML writes the text that a reader sees of an HTML document, and adds the
// addresses that it points to. Inline elements leave no trace, so that
// "vi<b></b>agra" is one word; block elements and breaks end a line.
func readHTML(source string, visible *strings.Builder, urls *urlSet) {
	z := html.NewTokenizer(strings.NewReader(source))
	r := htmlReader{z: z, out: visible, urls: urls, hidden: -1}
	for r.token() {
	}
	r.breakLine()
}

// An htmlReader goes through a document once. It keeps the open elements, so that
// a hidden one that nobody closes hides no more than in a browser: what a rule
// is to find must not be hideable by bad nesting.
type htmlReader struct {
	z      *html.Tokenizer
	out    *strings.Builder
	urls   *urlSet
	open   []atom.Atom
	hidden int  // how many elements were open when the hidden one opened, -1 outside
	inline bool // the line that is being written is not empty
}

// maxOpen bounds the elements that are kept open, and so the search of an end tag;
// what is nested deeper is not hidden.
const maxOpen = 100

func (r *htmlReader) token() bool {
	switch r.z.Next() {
	case html.ErrorToken:
		return false
	case html.TextToken:
		if r.hidden < 0 {
			r.text(r.z.Text())
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
	if len(b) > 0 {
		r.out.Write(b)
		r.inline = b[len(b)-1] != '\n'
	}
}

func (r *htmlReader) breakLine() {
	if r.inline {
		r.out.WriteByte('\n')
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
		r.hidden = len(r.open)
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
	for more {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		switch string(key) {
		case "href", "src", "action", "formaction", "background", "poster", "data", "srcset":
			r.urls.add(strings.TrimSpace(string(value)))
		case "content":
			if tag == atom.Meta {
				r.refresh(string(value))
			}
		case "alt":
			alt = string(value)
		case "hidden":
			hidden = true
		case "style":
			hidden = hidden || hides(value)
		}
	}
	return hidden, alt
}

// refresh takes the address of <meta http-equiv=refresh content="0; url=…">.
func (r *htmlReader) refresh(content string) {
	if i := indexFold(content, "url="); i >= 0 {
		r.urls.add(strings.Trim(content[i+4:], ` '"`))
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
