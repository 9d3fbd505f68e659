package mail

import "strings"

// A look is what of an element's style decides whether a reader sees its text, as it is
// handed down to the elements in it.
type look struct {
	gone     bool    // nothing in it is shown, whatever that says of itself
	veiled   bool    // visibility: hidden
	pre      bool    // white space stands as written
	rtl      bool    // the direction is right to left,
	override bool    // and Latin letters stand so too
	opacity  float32 // of it and all around it
	size     float32 // of the font, in px
	ink      paint
	paper    paint // what is behind the text
}

const (
	mediumSize = 16   // px, of a font that nobody sized
	leastSize  = 2    // px, of a font that can be read
	faint      = 0.06 // share of colour that nobody sees
	far        = 1000 // px off the page
)

// plainLook is that of a page without styles: black on white.
func plainLook() look {
	return look{opacity: 1, size: mediumSize, paper: paint{r: 255, g: 255, b: 255}}
}

// shows reports whether text with this look is seen.
func (l *look) shows() bool {
	return !l.gone && !l.veiled && l.size >= leastSize && !l.ink.lost(l.paper)
}

// An extent is a length that was set, or not.
type extent struct {
	px  float32
	set bool
}

func (e extent) tiny() bool { return e.set && e.px <= 1 }

// A box is one element while its style is put together. Whoever says least wins: what
// we are not sure of leaves the text to be seen.
type box struct {
	look
	outer look // that it stands in

	off      bool    // display: none
	clear    float32 // its own opacity
	animated bool    // what it is at first may not last
	block    bool    // it has a width and a height
	clips    bool    // overflow other than visible
	padded   bool
	cut      bool // clip-path leaves nothing
	clipped  bool // clip leaves nothing
	scaled   bool // to nothing
	absolute bool
	placed   bool // absolute or relative
	nowrap   bool
	indent   extent

	width, height, maxWidth, maxHeight, minWidth, minHeight, left, top extent
}

func newBox(outer look, block bool) box {
	return box{look: outer, outer: outer, clear: 1, block: block}
}

// result returns the look that the element hands down.
func (b *box) result() look {
	l := b.look
	l.opacity = b.outer.opacity
	if !b.animated {
		l.opacity *= b.clear
	}
	l.gone = b.outer.gone || b.off || l.opacity < faint || b.cut || b.clipped && b.absolute ||
		b.scaled && (b.block || b.absolute) || b.clips && b.shrunk() || b.away()
	if b.absolute { // it may lie on anything
		l.paper.kind = varied
	}
	return l
}

// shrunk reports whether the box has no room for text.
func (b *box) shrunk() bool {
	if !b.block && !b.absolute || b.padded {
		return false
	}
	flat := (b.height.tiny() || b.maxHeight.tiny()) && (!b.minHeight.set || b.minHeight.tiny())
	thin := (b.width.tiny() || b.maxWidth.tiny()) && (!b.minWidth.set || b.minWidth.tiny())
	return flat || thin
}

// away reports whether the box is off the page.
func (b *box) away() bool {
	if b.nowrap && b.block && b.indent.set && b.indent.px <= -far {
		return true
	}
	return b.placed && (b.left.set && b.left.px <= -far || b.top.set && b.top.px <= -far)
}

// apply takes a declaration. What holds only for some readers (maybe) is taken where
// it does not hide what was shown.
func (b *box) apply(d declaration, maybe bool) {
	if !maybe {
		b.set(d)
		return
	}
	n := *b
	n.set(d)
	if n.ink != b.ink || n.paper != b.paper {
		n.ink, n.paper.kind = b.ink, varied
	}
	now, then := b.result(), n.result()
	if !now.shows() || then.shows() {
		*b = n
	}
}

func (b *box) set(d declaration) {
	v := d.value
	switch d.property {
	case "display":
		b.display(v)
	case "visibility":
		b.visibility(v)
	case "content-visibility":
		b.cut = v == "hidden"
	case "opacity":
		b.setOpacity(v)
	case "font-size", "font":
		b.font(d.property, v)
	case "white-space":
		b.pre, b.nowrap = strings.HasPrefix(v, "pre") || v == "break-spaces", v == "nowrap" || v == "pre"
	case "unicode-bidi":
		b.override = strings.HasSuffix(v, "-override")
	case "direction":
		b.rtl = v == "rtl"
	case "position":
		b.absolute = v == "absolute" || v == "fixed"
		b.placed = b.absolute || v == "relative" || v == "sticky"
	case "float":
		b.block = b.block || v != "none"
	case "overflow", "overflow-x", "overflow-y":
		b.clips = v != "visible"
	case "clip":
		b.clipped = strings.HasPrefix(v, "rect(") && isNothing(v)
	case "clip-path":
		b.cut = strings.HasPrefix(v, "inset(50%") || strings.HasPrefix(v, "inset(100%") || strings.HasPrefix(v, "circle(0")
	case "transform":
		b.scaled = strings.Contains(v, "scale(0)") || strings.Contains(v, "scale(0,")
	case "animation", "animation-name", "transition":
		b.animated = v != "none"
	default:
		b.setPaint(d.property, v)
		b.setExtent(d.property, v)
	}
}

func (b *box) display(v string) {
	b.off = v == "none"
	switch v {
	case "block", "inline-block", "flex", "inline-flex", "grid", "inline-grid", "list-item", "flow-root":
		b.block = true
	case "inline", "contents", "table", "table-row", "table-cell":
		b.block = false
	}
}

func (b *box) visibility(v string) {
	switch v {
	case "hidden", "collapse":
		b.veiled = true
	case "visible", "initial":
		b.veiled = false
	case "inherit", "unset":
		b.veiled = b.outer.veiled
	}
}

func (b *box) setOpacity(v string) {
	number, isShare := strings.CutSuffix(v, "%")
	if n, ok := parseLength(number+"px", 1); ok {
		if b.clear = min(max(n, 0), 1); isShare {
			b.clear = min(max(n/100, 0), 1)
		}
	}
}

// font takes a size; of the short form "bold 12px/1.5 Arial" its first length is that.
func (b *box) font(property, v string) {
	if property == "font-size" {
		b.setSize(v)
		return
	}
	for word := range strings.FieldsSeq(v) {
		word, _, _ = strings.Cut(word, "/")
		if b.setSize(word) {
			return
		}
	}
}

func (b *box) setSize(v string) bool {
	if number, ok := strings.CutSuffix(v, "%"); ok {
		n, ok := parseLength(number+"em", b.outer.size)
		b.size = n / 100
		return ok
	}
	switch v {
	case "inherit", "unset", "larger", "smaller":
		b.size = b.outer.size
		return true
	case "xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "initial":
		b.size = mediumSize
		return true
	}
	n, ok := parseLength(v, b.outer.size)
	if ok && n >= 0 {
		b.size = n
	}
	return ok
}

// setPaint takes a colour.
func (b *box) setPaint(property, v string) {
	switch property {
	case "color":
		b.ink = pick(v, b.ink, b.outer.ink, paint{})
	case "background-color":
		b.paper = behind(pick(v, b.paper, b.outer.paper, b.outer.paper), b.outer.paper)
	case "background", "background-image":
		b.background(v)
	case "text-shadow", "-webkit-text-stroke", "-webkit-text-fill-color":
		b.ink.kind = varied
	case "box-shadow", "filter", "mix-blend-mode", "backdrop-filter":
		b.paper.kind = varied
	}
}

// pick returns the colour that a value names, given the one before it, that of the
// element around and the one to start with.
func pick(v string, now, outer, initial paint) paint {
	switch v {
	case "inherit", "unset", "currentcolor":
		return outer
	case "initial":
		return initial
	}
	if p, ok := parsePaint(v); ok {
		return p
	}
	return now
}

// behind returns what is seen of a paper on another.
func behind(p, outer paint) paint {
	if p.kind == none {
		return outer
	}
	return p
}

func (b *box) background(v string) {
	if strings.Contains(v, "url(") || strings.Contains(v, "gradient") || strings.Contains(v, "image") || strings.Contains(v, "var(") {
		b.paper.kind = varied
		return
	}
	for word := range strings.FieldsSeq(strings.ReplaceAll(v, ", ", ",")) {
		switch word {
		case "none", "inherit", "initial", "unset":
			b.paper = b.outer.paper
			return
		}
		if p, ok := parsePaint(word); ok {
			b.paper = behind(p, b.outer.paper)
			return
		}
	}
}

// setExtent takes a length.
func (b *box) setExtent(property, v string) {
	switch property {
	case "width":
		b.width = b.extent(v)
	case "height":
		b.height = b.extent(v)
	case "max-width":
		b.maxWidth = b.extent(v)
	case "max-height":
		b.maxHeight = b.extent(v)
	case "min-width":
		b.minWidth = b.extent(v)
	case "min-height":
		b.minHeight = b.extent(v)
	case "left":
		b.left = b.extent(v)
	case "top":
		b.top = b.extent(v)
	case "text-indent":
		b.indent = b.extent(v)
	case "padding", "padding-top", "padding-bottom", "padding-left", "padding-right":
		b.padded = b.padded || strings.ContainsAny(v, "123456789")
	case "margin", "margin-top", "margin-bottom", "margin-left", "margin-right":
		if strings.Contains(v, "-") { // it may lie on its neighbour
			b.paper.kind = varied
		}
	}
}

func (b *box) extent(v string) extent {
	px, ok := parseLength(v, b.size)
	return extent{px, ok}
}

// isNothing reports whether all sides of "rect(0, 0, 0, 0)" are 0, or 1 px.
func isNothing(v string) bool {
	inner := strings.TrimSuffix(strings.TrimPrefix(v, "rect("), ")")
	sides := strings.FieldsFunc(inner, func(r rune) bool { return r == ' ' || r == ',' })
	if len(sides) > 4 {
		return false
	}
	for _, side := range sides {
		if px, ok := parseLength(side, mediumSize); !ok || px > 1 {
			return false
		}
	}
	return true
}
