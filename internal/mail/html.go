package mail

import (
	"strings"
	"unicode"

	"golang.org/x/net/html/atom"
)

// A page is what was read of HTML documents.
type page struct {
	visible strings.Builder // what a reader sees
	hidden  strings.Builder // text that no reader sees
	links   linkSet
	forms   []Form
	splits  int // see Extract
	images  int
	effort  effort // that style cost
	blind   bool   // see Extract.Overstyled
}

// readHTML adds to a page what a reader sees of an HTML document, what is hidden in
// it and the addresses that it points to. Inline elements leave no trace, so that
// "vi<b></b>agra" is one word; block elements and breaks end a line, and other white
// space is a single space. It takes time linear in the document, which is read
// again if a style sheet stands behind text; what style sheets cost has a bound of its own.
func readHTML(source string, p *page) {
	r := newReader(source, &sheet{effort: &p.effort})
	r.read()
	if r.late && !r.blind {
		r = newReader(source, r.sheet)
		r.whole = true
		r.read()
	}
	r.finish(p)
}

// An htmlReader goes through a document once. It keeps the open elements as the
// tree builder of browsers does (HTML Standard §13.2.6), as far as it matters to what is
// hidden: bad nesting must neither hide what a reader sees from us, nor make
// hidden text seem to be read.
type htmlReader struct {
	markup  markup
	sheet   *sheet
	whole   bool // sheet has all rules of the document
	late    bool // a rule came behind what it may be about
	begun   bool // something came that rules may be about
	quirks  bool // there is no doctype
	outlook bool // in a comment that Outlook alone reads

	comments int // for Outlook that were read

	open                         []element
	floor                        int // elements of open that may not be closed
	paragraphs, tables, pictures int // of open
	tag                          tag
	blind                        bool // too much style: all text counts as seen

	out    sink // what is seen
	dark   sink // what is not
	within bool // hidden text came in the midst of a word
	splits int
	images int
	links  linkSet
	forms  []Form
	anchor anchor
	form   int    // index in forms of the one that is open, -1 outside
	media  string // of the style sheet that was opened
	base   string
	link   paint // colour of anchors
}

// An element is one that is open.
type element struct {
	atom   atom.Atom
	look   look
	shown  bool // its text is seen
	unseen bool // a script or so: what is in it is no text at all
	styled styled
}

// An anchor is an <a> while its text is gathered.
type anchor struct {
	url   string // "" outside
	start int    // in what is seen
}

// maxOpen bounds the elements that are kept open, as browsers do, and so the search of an
// end tag; what is nested deeper has the style of the last.
const maxOpen = 512

// maxComments bounds the comments for Outlook that are read, since each takes a tokenizer.
const maxComments = 1000

func newReader(source string, s *sheet) *htmlReader {
	r := &htmlReader{markup: newMarkup(source), sheet: s, quirks: true, form: -1}
	r.link = paint{b: 0xee}
	r.open = append(make([]element, 0, 32), element{look: plainLook(), shown: true})
	r.floor = 1
	return r
}

func (r *htmlReader) read() {
	for r.token() {
	}
	if r.outlook {
		return
	}
	r.endAnchor()
	r.out.breakLine()
	r.dark.breakLine()
}

// finish adds what was read to a page.
func (r *htmlReader) finish(p *page) {
	raw := string(r.out.b)
	text, secret := shown(raw)
	p.visible.WriteString(text)
	dark, more := shown(string(r.dark.b))
	for _, s := range []string{dark, secret, more} {
		if strings.IndexFunc(s, isInk) >= 0 {
			line(&p.hidden, s)
		}
	}
	if len(p.links.list) == 0 {
		p.links.list, p.links.seen = r.links.list, r.links.seen
	} else {
		for _, l := range r.links.list {
			p.links.add(l)
		}
	}
	for _, url := range r.sheet.images {
		p.links.add(Link{URL: strings.Clone(r.resolve(url)), Kind: LinkImage})
	}
	for _, s := range r.links.loose(raw) {
		s, _ = shown(s)
		p.links.fromText(s)
	}
	p.splits += r.splits
	p.images += r.images
	p.blind = p.blind || r.blind
	p.forms = append(p.forms, r.forms[:min(len(r.forms), maxForms-len(p.forms))]...)
}

// isInk reports whether a character is more than white space.
func isInk(r rune) bool { return !unicode.IsSpace(r) && !isBlind(r) && r != zwj && r != zwnj }

func (r *htmlReader) token() bool {
	switch r.markup.next() {
	case noToken:
		return false
	case textToken:
		r.text(r.markup.text())
	case startTag:
		r.start(false)
	case closedTag: // means something in pictures only
		r.start(true)
	case endTag:
		if a := r.markup.atom; a != atom.Body && a != atom.Html { // what follows still is in them
			r.end(a)
		}
	case commentToken:
		r.comment()
	case doctypeToken:
		r.quirks = false
	}
	return true
}

func (r *htmlReader) top() *element { return &r.open[len(r.open)-1] }

// parent returns the element in which text, and what is no part of a table, stands: beside
// the table, if it is in one but in no cell (HTML Standard §13.2.6.1, foster parenting).
func (r *htmlReader) parent() *element { return &r.open[r.place()] }

// place returns the index of parent.
func (r *htmlReader) place() int {
	for i := len(r.open) - 1; i >= r.floor; i-- {
		switch r.open[i].atom {
		case atom.Table, atom.Tbody, atom.Thead, atom.Tfoot, atom.Tr, atom.Colgroup:
		default:
			return i
		}
	}
	return r.floor - 1
}

func (r *htmlReader) text(s string) {
	if s == "" {
		return
	}
	switch e := r.top(); {
	case e.unseen:
		if e.atom == atom.Style {
			r.style(s)
		}
	default:
		r.write(s, r.parent())
	}
}

// write writes text in an element.
func (r *htmlReader) write(s string, e *element) {
	if e.look.rtl && e.look.override {
		b := []byte(s)
		mirror(b)
		s = string(b)
	}
	if e.shown || r.blind {
		if r.within && isLatin(s[0]) {
			r.splits++
		}
		r.within = false
		r.out.text(s, e.look.pre)
		r.dark.space = true
	} else {
		n := len(r.dark.b)
		r.dark.text(s, e.look.pre)
		r.within = len(r.dark.b) > n && !r.out.space && r.out.line && isLatin(r.out.b[len(r.out.b)-1])
	}
	r.begun = r.begun || r.out.line || r.dark.line
}

// isLatin reports whether an octet is a letter of ASCII.
func isLatin(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// style reads a style sheet, unless all were read before. Those of Outlook alone say
// nothing to others.
func (r *htmlReader) style(css string) {
	if r.outlook || r.whole {
		return
	}
	n := len(r.sheet.rules)
	r.sheet.add(css, r.media)
	r.late = r.late || r.begun && len(r.sheet.rules) > n
}

// comment reads "<!--[if mso]>…<![endif]-->", which Outlook shows and nobody else. What is
// opened in it does not reach beyond it.
func (r *htmlReader) comment() {
	if piece := r.markup.piece; !strings.HasPrefix(piece, "[if") && strings.IndexByte(piece, '&') < 0 {
		return
	}
	condition, inner, ok := strings.Cut(r.markup.text(), "]>")
	if !ok || r.outlook || r.comments == maxComments || !strings.HasPrefix(condition, "[if") ||
		!strings.Contains(condition, "mso") || strings.IndexByte(condition, '!') >= 0 {
		return
	}
	if i := strings.LastIndex(inner, "<![endif]"); i >= 0 {
		inner = inner[:i]
	}
	r.comments++
	around, floor, anchored, n := r.markup, r.floor, r.anchor, len(r.open)
	r.markup, r.floor, r.anchor, r.outlook = newMarkup(inner), n, anchor{}, true
	r.read()
	r.endAnchor()
	r.truncate(n)
	r.markup, r.floor, r.anchor, r.outlook = around, floor, anchored, false
}

func (r *htmlReader) start(closed bool) {
	r.tag.read(&r.markup, r.sheet.attributes)
	t := &r.tag
	if t.atom == atom.Noscript || t.atom == atom.Noembed || t.atom == atom.Noframes {
		r.markup.raw = 0 // mail runs no scripts: what stands there is shown
	}
	r.imply(t.atom)
	r.begun = r.begun || !isHeadPart(t.atom)
	if isPart(t.atom) && r.tables == 0 {
		return // browsers drop it, with what it says of itself
	}
	e := r.element()
	if isBlock(t.atom) {
		r.breakLine(&e)
	}
	r.point(&e)
	r.replaced(&e)
	switch {
	case isVoid(t.atom) || len(r.open) == maxOpen || t.atom == atom.Head:
	case closed && (t.atom == atom.Svg || t.atom == atom.Math || r.pictures > 0):
	default:
		r.open = append(r.open, e)
		r.count(t.atom, 1)
	}
}

// replaced writes the text that stands in an element without being in it: of a picture,
// of a button.
func (r *htmlReader) replaced(e *element) {
	text := r.tag.alt.s
	if e.atom == atom.Input {
		text = r.tag.label()
	}
	if text == "" {
		return
	}
	sink := &r.out
	if (e.look.gone || e.look.veiled) && !r.blind { // a picture is seen whatever the colour of text
		sink = &r.dark
	}
	sink.space = true
	sink.text(text, false)
	sink.space = true
}

func (r *htmlReader) breakLine(e *element) {
	if e.shown {
		r.out.breakLine()
	} else {
		r.dark.breakLine()
	}
}

// imply closes the elements that a start tag closes without an end tag of their own.
func (r *htmlReader) imply(tag atom.Atom) {
	switch tag {
	case atom.Td, atom.Th:
		r.closeTo(atom.Tr, atom.Table)
	case atom.Tr:
		r.closeTo(atom.Tbody, atom.Table)
	case atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption, atom.Colgroup:
		r.closeTo(atom.Table, atom.Table)
	case atom.Li:
		r.endIn(tag, atom.Ul, atom.Ol)
	case atom.Dt, atom.Dd:
		r.endIn(atom.Dt, atom.Dl, atom.Dl)
		r.endIn(atom.Dd, atom.Dl, atom.Dl)
	case atom.Option, atom.Optgroup:
		r.endIn(atom.Option, atom.Select, atom.Select)
	case atom.Input, atom.Textarea:
		r.end(atom.Select)
	case atom.A, atom.Button:
		r.end(tag)
	case atom.Table:
		r.truncate(r.place() + 1) // one that stands in another, but in no cell, ends that
	}
	if r.paragraphs > 0 && isBlock(tag) && tag != atom.Br && !isPart(tag) {
		r.end(atom.P)
	}
	if r.pictures > 0 && leavesPicture(tag) {
		r.end(atom.Svg)
		r.end(atom.Math)
	}
}

// closeTo closes what is open in the innermost of two kinds of elements, if one is.
func (r *htmlReader) closeTo(a, b atom.Atom) {
	for i := len(r.open) - 1; i >= r.floor; i-- {
		if o := r.open[i].atom; o == a || o == b || a == atom.Tbody && (o == atom.Thead || o == atom.Tfoot) {
			r.truncate(i + 1)
			return
		}
	}
}

// endIn closes an element that stands in the innermost of two kinds of elements.
func (r *htmlReader) endIn(tag, a, b atom.Atom) {
	for i := len(r.open) - 1; i >= r.floor; i-- {
		switch o := r.open[i].atom; {
		case o == tag:
			r.end(tag)
			return
		case o == a || o == b || isBarrier(o):
			return
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
	inCell := isPart(tag) || tag == atom.Table
	for i := len(r.open) - 1; i >= r.floor; i-- {
		switch o := r.open[i].atom; {
		case o == tag:
			if isBlock(tag) {
				r.breakLine(&r.open[i])
			}
			r.truncate(i)
			return
		case o == atom.Table && tag != atom.Table, isBarrier(o) && !inCell: // what is outside stays open
			i = 0
		}
	}
	if isBlock(tag) {
		r.breakLine(r.top())
	}
}

// truncate closes all but n elements.
func (r *htmlReader) truncate(n int) {
	for _, e := range r.open[n:] {
		r.count(e.atom, -1)
	}
	r.open = r.open[:n]
}

// count keeps how many paragraphs, tables and pictures are open, not to search for them.
func (r *htmlReader) count(tag atom.Atom, n int) {
	switch tag {
	case atom.P:
		r.paragraphs += n
	case atom.Table:
		r.tables += n
	case atom.Svg, atom.Math:
		r.pictures += n
	}
}
