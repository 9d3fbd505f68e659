package mail

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A tag is a start tag with what matters of its attributes.
type tag struct {
	atom atom.Atom
	name string // in lower case

	class, id, style, hidden, dir           setting
	color, text, links, bgcolor, background setting
	href, action, formaction, src, srcset   setting
	poster, data, content, alt, media       setting
	width, height                           setting
	kind, value, placeholder                setting // of an input

	all []html.Attribute // kept where selectors ask
}

// A setting is the value of an attribute, which may be empty.
type setting struct {
	s   string
	set bool // the tag has it
}

// read takes the attributes of a tag; of those of one name the first counts.
func (t *tag) read(m *markup, all bool) {
	*t = tag{atom: m.atom, name: m.atom.String()}
	if t.atom == 0 {
		t.name = lowered(m.name)
	}
	for _, a := range m.attributes {
		if all {
			t.keep(lowered(a.name), m.value(a.value))
		}
		if field := t.field(a.name); field != nil && !field.set {
			*field = setting{m.value(a.value), true}
		}
	}
}

// lowered is the name of a tag or an attribute as it is compared.
func lowered(name string) string {
	return string(appendLower(nil, strings.ReplaceAll(name, "\x00", "\uFFFD")))
}

// keep takes an attribute that selectors may ask for.
func (t *tag) keep(key, value string) {
	const most = 64
	if len(t.all) < most && !slices.ContainsFunc(t.all, func(a html.Attribute) bool { return a.Key == key }) {
		t.all = append(t.all, html.Attribute{Key: key, Val: value})
	}
}

// longestAttribute is that of the names that field knows.
const longestAttribute = len("placeholder")

// field returns where the value of an attribute goes, nil if it does not matter.
func (t *tag) field(name string) *setting {
	var room [longestAttribute]byte
	if len(name) > longestAttribute {
		return nil
	}
	lower := appendLower(room[:0], name)
	switch string(lower) {
	case "class":
		return &t.class
	case "id":
		return &t.id
	case "style":
		return &t.style
	case "hidden":
		return &t.hidden
	case "dir":
		return &t.dir
	case "color":
		return &t.color
	case "text":
		return &t.text
	case "link":
		return &t.links
	case "bgcolor":
		return &t.bgcolor
	case "background":
		return &t.background
	case "alt":
		return &t.alt
	case "media":
		return &t.media
	case "width":
		return &t.width
	case "height":
		return &t.height
	case "type":
		return &t.kind
	case "value":
		return &t.value
	case "placeholder":
		return &t.placeholder
	}
	return t.address(lower)
}

// address is field for attributes that hold addresses, in lower case.
func (t *tag) address(name []byte) *setting {
	switch string(name) {
	case "href", "xlink:href":
		return &t.href
	case "action":
		return &t.action
	case "formaction":
		return &t.formaction
	case "src":
		return &t.src
	case "srcset":
		return &t.srcset
	case "poster":
		return &t.poster
	case "data":
		return &t.data
	case "content":
		return &t.content
	}
	return nil
}

// label returns what is read on an input.
func (t *tag) label() string {
	switch strings.ToLower(t.kind.s) {
	case "hidden", "password", "checkbox", "radio", "image", "file", "color", "range":
		return ""
	}
	return cmp.Or(t.value.s, t.placeholder.s)
}

// element returns what the tag that was read opens, with its style.
func (r *htmlReader) element() element {
	t := &r.tag
	around := r.top()
	if !isPart(t.atom) {
		around = r.parent()
	}
	e := element{atom: t.atom, unseen: around.unseen || isUnseen(t)}
	rules := r.match(&e)
	if len(rules) == 0 && !t.isStyled() {
		e.look, e.shown = around.look, around.shown
		return e
	}
	b := newBox(around.look, isBlock(t.atom) && !isPart(t.atom) && t.atom != atom.Table)
	r.hint(&b)
	inline := t.style.s
	for _, rule := range rules {
		rule.apply(&b, false)
	}
	declarations(inline, func(d declaration) {
		if d.url != "" && strings.HasPrefix(d.property, "background") {
			r.addLink(d.url, LinkImage)
		}
		if !d.important {
			b.set(d)
		}
	})
	for _, rule := range rules {
		rule.apply(&b, true)
	}
	if strings.IndexByte(inline, '!') >= 0 {
		declarations(inline, func(d declaration) {
			if d.important {
				b.set(d)
			}
		})
	}
	e.look = b.result()
	e.shown = e.look.shows()
	return e
}

// isStyled reports whether a tag says by itself how it looks, see hint.
func (t *tag) isStyled() bool {
	switch t.atom {
	case atom.Table, atom.A, atom.Pre, atom.Textarea, atom.Listing, atom.Xmp, atom.Plaintext, atom.Bdo, atom.Button, atom.Input,
		atom.Select, atom.Option, atom.Mark, atom.Body, atom.Font:
		return true
	}
	return t.style.set || t.hidden.set || t.dir.set || t.bgcolor.set || t.background.set
}

// apply applies the declarations of a rule that are important, or those that are not.
func (rule *cssRule) apply(b *box, important bool) {
	for _, d := range rule.declarations {
		if d.important == important {
			b.apply(d, rule.maybe)
		}
	}
}

// match returns the rules of the sheets for an element.
func (r *htmlReader) match(e *element) []*cssRule {
	if len(r.sheet.rules) == 0 || r.outlook || r.blind {
		return nil
	}
	who := r.sheet.styled(r.tag.name, r.tag.id.s, r.tag.class.s, r.tag.all)
	if r.sheet.deep {
		e.styled = who
	}
	rules, ok := r.sheet.find(who, func(i int) (styled, bool) {
		if i = len(r.open) - 1 - i; i < 1 {
			return styled{}, false
		}
		return r.open[i].styled, true
	})
	if !ok || r.sheet.over {
		r.blind = true
	}
	return rules
}

// hint takes the style that is in attributes (HTML Standard §15).
func (r *htmlReader) hint(b *box) {
	t := &r.tag
	b.off = t.hidden.set
	switch t.atom {
	case atom.Table:
		if now := b.result(); r.quirks && !now.shows() { // it begins anew
			b.size, b.ink = mediumSize, r.open[0].look.ink
		}
	case atom.A:
		if t.href.set {
			b.ink = r.link
		}
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp, atom.Plaintext:
		b.pre = true
	case atom.Bdo:
		b.override = true
	case atom.Button, atom.Input, atom.Select, atom.Option, atom.Mark:
		b.ink.kind = varied
	case atom.Body:
		r.link = legacy(t.links, r.link)
		b.ink = legacy(t.text, b.ink)
	case atom.Font:
		b.ink = legacy(t.color, b.ink)
	}
	if t.dir.set {
		b.rtl = strings.EqualFold(t.dir.s, "rtl")
	}
	b.paper = legacy(t.bgcolor, b.paper)
	if t.background.s != "" {
		b.paper.kind = varied
	}
}

func legacy(value setting, now paint) paint {
	if value.s == "" {
		return now
	}
	if p, ok := parseLegacy(value.s); ok {
		return p
	}
	return now
}

// point takes what the tag points to and loads.
func (r *htmlReader) point(e *element) {
	t := &r.tag
	switch t.atom {
	case atom.A:
		r.anchor = anchor{url: r.resolve(t.href.s), start: len(r.out.b)}
	case atom.Area:
		r.addLink(t.href.s, LinkArea)
	case atom.Base:
		r.setBase(t.href.s)
	case atom.Form:
		r.openForm()
	case atom.Input:
		if r.form >= 0 && strings.EqualFold(t.kind.s, "password") {
			r.forms[r.form].Password = true
		}
	case atom.Meta:
		r.refresh(t.content.s)
	case atom.Img, atom.Image:
		if t.src.s != "" && !e.look.gone && !e.look.veiled && !t.isPixel() {
			r.images++
		}
	case atom.Style:
		r.media = t.media.s
	default:
		kind := LinkOther
		if strings.HasPrefix(t.name, "v:") { // Outlook's drawings are its buttons
			kind = LinkAnchor
		}
		r.addLink(t.href.s, kind)
	}
	r.load()
}

// isPixel reports whether a picture is too small to be seen.
func (t *tag) isPixel() bool {
	for _, v := range [...]setting{t.width, t.height} {
		if s := strings.TrimSuffix(strings.TrimSpace(v.s), "px"); s == "0" || s == "1" {
			return true
		}
	}
	return false
}

// load takes what the tag loads.
func (r *htmlReader) load() {
	t := &r.tag
	kind := LinkImage
	switch t.atom {
	case atom.Script, atom.Iframe, atom.Frame, atom.Embed, atom.Object:
		kind = LinkOther
	}
	for _, v := range [...]string{t.src.s, t.background.s, t.poster.s, t.data.s} {
		r.addLink(v, kind)
	}
	if t.srcset.s != "" {
		r.sources(t.srcset.s)
	}
	if t.formaction.s != "" {
		r.addLink(t.formaction.s, LinkForm)
	}
}

// sources takes the addresses of "a.png 1x, b.png 2x".
func (r *htmlReader) sources(list string) {
	for one := range strings.SplitSeq(list, ", ") {
		if f := strings.Fields(one); len(f) > 0 {
			r.addLink(strings.TrimRight(f[0], ","), LinkImage)
		}
	}
}

func (r *htmlReader) openForm() {
	action := r.tag.action.s
	r.addLink(action, LinkForm)
	if r.form = -1; len(r.forms) < maxForms {
		r.form = len(r.forms)
		r.forms = append(r.forms, Form{Action: r.resolve(action)})
	}
}

func (r *htmlReader) addLink(url string, kind LinkKind) {
	if url != "" {
		r.links.add(Link{URL: r.resolve(url), Kind: kind})
	}
}

// endAnchor takes the anchor that is open, if one is, with the text in it.
func (r *htmlReader) endAnchor() {
	if r.anchor.url == "" {
		return
	}
	start, end := min(r.anchor.start, len(r.out.b)), len(r.out.b)
	text, _ := shown(strings.ToValidUTF8(string(r.out.b[start:min(end, start+2*MaxLinkText)]), ""))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > MaxLinkText {
		text = strings.ToValidUTF8(text[:MaxLinkText], "")
	}
	r.links.add(Link{URL: r.anchor.url, Text: text, Kind: LinkAnchor})
	r.links.anchor(start, end)
	r.anchor.url = ""
}

// refresh takes the address of <meta http-equiv=refresh content="0; url=…">.
func (r *htmlReader) refresh(content string) {
	if i := indexFold(content, "url="); i >= 0 {
		r.addLink(strings.Trim(content[i+4:], ` '"`), LinkRefresh)
	}
}

// setBase takes the address that relative ones are relative to: the first that is
// whole.
func (r *htmlReader) setBase(href string) {
	r.addLink(href, LinkOther)
	if href = linkURL(href); r.base == "" && len(href) <= maxBase && strings.Contains(href, "://") {
		r.base = href
	}
}

// maxBase bounds the base, which each relative address is put behind.
const maxBase = 200

// resolve puts a relative address behind the document's base, if it has one.
func (r *htmlReader) resolve(url string) string {
	url = linkURL(url)
	if r.base == "" || url == "" || url[0] == '#' || hasScheme(url) {
		return url
	}
	scheme, rest, _ := strings.Cut(r.base, "://")
	host, path, _ := strings.Cut(rest, "/")
	switch {
	case strings.HasPrefix(url, "//"):
		return scheme + ":" + url
	case url[0] == '/':
		return scheme + "://" + host + url
	}
	path, _, _ = strings.Cut(path, "?")
	return scheme + "://" + host + "/" + path[:strings.LastIndexByte(path, '/')+1] + url
}

// hasScheme reports whether an address starts with "mailto:" or the like (RFC 3986 §3.1).
func hasScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			return i > 0
		case !isAlnum(c) && c != '+' && c != '-' && c != '.':
			return false
		}
	}
	return false
}

// isUnseen reports whether what is in such an element is no text to be shown.
func isUnseen(t *tag) bool {
	switch t.atom {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Iframe:
		return true
	}
	return t.name == "xml" // settings of Office
}

// isVoid reports whether such an element never has an end tag.
func isVoid(tag atom.Atom) bool {
	switch tag {
	case atom.Area, atom.Base, atom.Basefont, atom.Bgsound, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Image,
		atom.Input, atom.Link, atom.Meta, atom.Param, atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// isBlock reports whether such an element stands on lines of its own.
func isBlock(tag atom.Atom) bool {
	switch tag {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Br, atom.Caption, atom.Center, atom.Dd,
		atom.Div, atom.Dl, atom.Dt, atom.Fieldset, atom.Figure, atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4,
		atom.H5, atom.H6, atom.Head, atom.Header, atom.Hr, atom.Html, atom.Legend, atom.Li, atom.Main, atom.Nav, atom.Ol,
		atom.Option, atom.P, atom.Pre, atom.Section, atom.Table, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead,
		atom.Tr, atom.Ul:
		return true
	}
	return false
}

// isPart reports whether such an element is part of a table.
func isPart(tag atom.Atom) bool {
	switch tag {
	case atom.Caption, atom.Colgroup, atom.Col, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr:
		return true
	}
	return false
}

// isBarrier reports whether an end tag in such an element closes nothing outside of it.
func isBarrier(tag atom.Atom) bool {
	switch tag {
	case atom.Applet, atom.Caption, atom.Marquee, atom.Object, atom.Table, atom.Td, atom.Template, atom.Th:
		return true
	}
	return false
}

// isHeadPart reports whether such an element stands before all that is styled.
func isHeadPart(tag atom.Atom) bool {
	switch tag {
	case atom.Html, atom.Head, atom.Meta, atom.Title, atom.Link, atom.Style, atom.Base, atom.Script:
		return true
	}
	return false
}

// leavesPicture reports whether such an element ends a drawing or a formula that it is met
// in (HTML Standard §13.2.6.5).
func leavesPicture(tag atom.Atom) bool {
	switch tag {
	case atom.A, atom.B, atom.Big, atom.Br, atom.Code, atom.Em, atom.Embed, atom.Font, atom.I, atom.Img, atom.Input, atom.Meta,
		atom.Nobr, atom.Ruby, atom.S, atom.Small, atom.Span, atom.Strike, atom.Strong, atom.Sub, atom.Sup, atom.Tt, atom.U,
		atom.Var:
		return tag != atom.A // which a drawing has too
	}
	return isBlock(tag)
}
