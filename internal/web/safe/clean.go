package safe

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A cleaner reads HTML token by token and writes a document anew, of which it holds the
// open elements: what it writes is nested as the standard wants it, so that no parser has
// anything to repair. Time and memory grow with the length of the source only; html.Parse
// would repeat open formatting elements in every paragraph, a thousandfold if asked to.
type cleaner struct {
	words    Words
	images   *images
	out      strings.Builder
	open     []element
	elements int
	skip     bool // the next text is no text: the content of a script
	cut      bool
	remote   int
	links    int
}

// An element is one that is open. A link is written as its text; where it leads follows
// at its end.
type element struct {
	tag    atom.Atom // as written
	source atom.Atom // as it came
	target string    // of a link
	from   int       // where its text begins in out
}

func newCleaner(w Words, i *images) *cleaner { return &cleaner{words: w, images: i} }

// clean returns a document as a fragment that may stand in a div.
func (c *cleaner) clean(source string) string {
	z := html.NewTokenizer(strings.NewReader(source))
	for c.token(z) {
	}
	c.closeTo(0)
	return c.out.String()
}

func (c *cleaner) token(z *html.Tokenizer) bool {
	kind := z.Next()
	if c.images.over() != nil {
		return false
	}
	if c.elements >= MaxElements || c.out.Len()-c.images.written > maxOutput {
		c.cut = true
		return false
	}
	switch kind {
	case html.ErrorToken:
		return false
	case html.TextToken:
		if !c.skip {
			c.text(string(z.Text()))
		}
	case html.StartTagToken, html.SelfClosingTagToken: // HTML knows no self-closing
		c.elements++
		name, more := z.TagName()
		tag := atom.Lookup(name)
		if tag == atom.Noscript {
			z.NextIsNotRawText() // mail runs no scripts: what stands there is shown
		}
		c.start(tag, attributes(z, more))
		c.skip = isUnshown(tag)
		return true
	case html.EndTagToken:
		name, _ := z.TagName()
		c.end(atom.Lookup(name))
	}
	c.skip = false
	return true
}

// isUnshown reports whether the text right in such an element is never shown. The
// tokenizer gives it as one.
func isUnshown(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Iframe, atom.Noembed, atom.Noframes:
		return true
	}
	return false
}

// maxAttributes bounds how many attributes of a tag are looked at, and maxValue how long
// one may be; the source of an image alone may be longer.
const (
	maxAttributes = 64
	maxValue      = 4 << 10
)

// attributes reads those that anybody here asks for; of equal ones the first counts.
func attributes(z *html.Tokenizer, more bool) map[string]string {
	var found map[string]string
	for n := 0; more && n < maxAttributes; n++ {
		var key, value []byte
		key, value, more = z.TagAttr()
		name := string(key)
		switch name {
		case "href", "src", "alt", "action", "data", "dir", "lang", "colspan", "rowspan", "align", "start", "width", "height":
		default:
			continue
		}
		if _, twice := found[name]; twice || len(value) > maxValue && name != "src" {
			continue
		}
		if found == nil {
			found = make(map[string]string)
		}
		found[name] = string(value)
	}
	return found
}

func (c *cleaner) text(s string) {
	if strings.TrimSpace(s) == "" {
		if s != "" && !c.inTable() {
			c.out.WriteString(" ")
		}
		return
	}
	c.cell()
	c.out.WriteString(escape(visible(strings.ReplaceAll(s, "\r", "\n"), true)))
}

// start begins an element, or writes what stands for one that is none here.
func (c *cleaner) start(tag atom.Atom, a map[string]string) {
	switch tag {
	case atom.Br, atom.Hr, atom.Wbr:
		c.void(tag)
	case atom.Img:
		c.image(a)
	case atom.Iframe, atom.Embed, atom.Object, atom.Video, atom.Audio:
		c.content(a)
	case atom.Form:
		if a["action"] != "" {
			c.links++
			c.cell()
			c.out.WriteString(target(c.words.Form, a["action"], "") + " ")
		}
	case atom.Table, atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr, atom.Td, atom.Th:
		c.table(tag, a)
	default:
		if kept := keptAs(tag); kept != 0 {
			c.imply(kept)
			c.push(c.fitting(kept), tag, a)
		}
	}
}

// push opens an element; one too deep, or that may not stand here, is left out.
func (c *cleaner) push(tag, source atom.Atom, a map[string]string) {
	if len(c.open) >= MaxDepth || tag == atom.Table && len(c.open) > MaxDepth-4 { // a table has room for a cell
		c.cut = true
		return
	}
	if !isTable(tag) || tag == atom.Table {
		c.cell()
	}
	e := element{tag: tag, source: source}
	if tag == atom.A {
		if e.target = a["href"]; e.target == "" {
			return
		}
		c.links++
		c.out.WriteString(`<span class="link">`)
		e.from = c.out.Len()
	} else {
		c.out.WriteString("<" + tag.String() + kept(tag, a) + ">")
	}
	c.open = append(c.open, e)
}

// closeTo closes elements until n are open.
func (c *cleaner) closeTo(n int) {
	for len(c.open) > n {
		e := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		if e.tag == atom.A {
			text := c.out.String()[e.from:]
			c.out.WriteString("</span>" + target(c.words.Link, e.target, text))
			continue
		}
		c.out.WriteString("</" + e.tag.String() + ">")
	}
}

// end closes the innermost open element of that name and what was opened in it. An end
// tag reaches not out of a table's cell; one of an inline element, but for a link, not out
// of a block.
func (c *cleaner) end(tag atom.Atom) {
	if isTable(tag) {
		if i := c.find(tag, atom.Table); i >= 0 {
			c.closeTo(i)
		}
		return
	}
	if keptAs(tag) == 0 {
		return
	}
	inline := tag != atom.A && !isBlock(keptAs(tag))
	for i := len(c.open) - 1; i >= 0; i-- {
		switch at := c.open[i]; {
		case at.source == tag:
			c.closeTo(i)
			return
		case isTable(at.tag), inline && isBlock(at.tag):
			return
		}
	}
}

// find returns where the innermost open element of that name is, unless one named
// boundary is within it: then, and where there is none, -1.
func (c *cleaner) find(tag, boundary atom.Atom) int {
	for i := len(c.open) - 1; i >= 0; i-- {
		switch c.open[i].tag {
		case tag:
			return i
		case boundary:
			return -1
		}
	}
	return -1
}

func (c *cleaner) top() atom.Atom {
	if len(c.open) == 0 {
		return 0
	}
	return c.open[len(c.open)-1].tag
}

func (c *cleaner) void(tag atom.Atom) {
	if tag == atom.Hr {
		c.imply(tag)
	}
	c.cell()
	c.out.WriteString("<" + tag.String() + "/>")
}

// image writes an image that is in the message, or what stands for one.
func (c *cleaner) image(a map[string]string) {
	c.cell()
	if uri := c.images.uri(a["src"]); uri != "" {
		c.out.WriteString(`<img alt="` + escape(Line(a["alt"])) + `"` + number("width", a["width"], maxSide) + number("height", a["height"], maxSide) + ` src="` + uri + `"/>`)
		return
	}
	c.remote++
	c.box(c.words.Image, a["alt"], a["src"])
}

// content writes what stands for something else that would be loaded.
func (c *cleaner) content(a map[string]string) {
	source := a["src"]
	if source == "" {
		source = a["data"]
	}
	c.cell()
	c.remote++
	c.box(c.words.Content, "", source)
}

// box writes the mark of what is not loaded: what it is, its text, the host it is at.
func (c *cleaner) box(what, text, source string) {
	c.out.WriteString(`<span class="box">` + escape(what))
	if text = strings.TrimSpace(Line(text)); text != "" {
		c.out.WriteString(`: <bdi>` + escape(clip(text, 300)) + `</bdi>`)
	}
	if _, host, _ := parts(source); host != "" {
		c.out.WriteString(` <bdi class="to">` + escape(clip(host, 255)) + `</bdi>`)
	}
	c.out.WriteString(`</span>`)
}
