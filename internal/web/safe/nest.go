package safe

import (
	"strconv"
	"strings"

	"golang.org/x/net/html/atom"
)

// keptAs returns as what an element is written, 0 where only its content is.
func keptAs(tag atom.Atom) atom.Atom {
	switch tag {
	case atom.P, atom.Div, atom.Blockquote, atom.Pre, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6,
		atom.Ul, atom.Ol, atom.Li, atom.Dl, atom.Dt, atom.Dd,
		atom.A, atom.B, atom.Strong, atom.I, atom.Em, atom.U, atom.S, atom.Del, atom.Ins, atom.Sub, atom.Sup, atom.Small,
		atom.Code, atom.Kbd, atom.Samp, atom.Q, atom.Cite, atom.Span, atom.Bdi:
		return tag
	case atom.Center, atom.Address, atom.Article, atom.Section, atom.Header, atom.Footer, atom.Main, atom.Nav, atom.Aside,
		atom.Figure, atom.Figcaption, atom.Fieldset, atom.Legend, atom.Details, atom.Summary, atom.Caption:
		return atom.Div
	case atom.Menu, atom.Dir:
		return atom.Ul
	case atom.Xmp, atom.Plaintext, atom.Listing:
		return atom.Pre
	case atom.Strike:
		return atom.S
	case atom.Tt:
		return atom.Code
	}
	return 0
}

// isBlock reports whether an element that is written stands on lines of its own.
func isBlock(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Div, atom.Blockquote, atom.Pre, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6,
		atom.Ul, atom.Ol, atom.Li, atom.Dl, atom.Dt, atom.Dd, atom.Hr, atom.Table:
		return true
	}
	return false
}

func isHeading(tag atom.Atom) bool {
	switch tag {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return true
	}
	return false
}

func isTable(tag atom.Atom) bool {
	switch tag {
	case atom.Table, atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr, atom.Td, atom.Th:
		return true
	}
	return false
}

// imply closes what the start of an element closes without an end tag: a paragraph, a
// heading, the item before, a link.
func (c *cleaner) imply(tag atom.Atom) {
	for i := len(c.open) - 1; i >= 0; i-- {
		at := c.open[i].tag
		switch {
		case isTable(at):
			return
		case at == atom.P && isBlock(tag), isHeading(at) && isHeading(tag), at == atom.A && tag == atom.A:
			c.closeTo(i)
		case at == atom.Li && tag == atom.Li, isTerm(at) && isTerm(tag):
			c.closeTo(i)
			return
		case (at == atom.Ul || at == atom.Ol) && tag == atom.Li, at == atom.Dl && isTerm(tag):
			return
		}
	}
}

func isTerm(tag atom.Atom) bool { return tag == atom.Dt || tag == atom.Dd }

// fitting returns what an element is written as where it stands: an item without its
// list is a block.
func (c *cleaner) fitting(tag atom.Atom) atom.Atom {
	switch {
	case tag == atom.Li && !c.within(atom.Ul, atom.Ol), isTerm(tag) && !c.within(atom.Dl, atom.Dl):
		return atom.Div
	}
	return tag
}

// within reports whether one of two elements is open in this cell.
func (c *cleaner) within(a, b atom.Atom) bool {
	for i := len(c.open) - 1; i >= 0; i-- {
		switch at := c.open[i].tag; {
		case at == a || at == b:
			return true
		case isTable(at):
			return false
		}
	}
	return false
}

// table begins a table or a part of one, with the parts between that are missing. A part
// without a table is left out.
func (c *cleaner) table(tag atom.Atom, a map[string]string) {
	if tag == atom.Table {
		c.imply(tag)
		c.push(tag, tag, a)
		return
	}
	i := c.find(atom.Table, 0)
	if i < 0 {
		return
	}
	switch tag {
	case atom.Td, atom.Th:
		if row := c.find(atom.Tr, atom.Table); row >= 0 {
			c.closeTo(row + 1)
		} else {
			c.row(i)
		}
	case atom.Tr:
		c.section(i)
	default:
		c.closeTo(i + 1)
	}
	c.push(tag, tag, a)
}

// section closes all down to a section of the table at i, and begins one if there is none.
func (c *cleaner) section(i int) {
	if len(c.open) > i+1 {
		c.closeTo(i + 2)
		return
	}
	c.push(atom.Tbody, 0, nil)
}

func (c *cleaner) row(i int) {
	c.section(i)
	c.push(atom.Tr, 0, nil)
}

// cell makes sure that what follows stands in a cell where it stands in a table at all.
func (c *cleaner) cell() {
	if !c.inTable() {
		return
	}
	if c.top() != atom.Tr {
		c.row(c.find(atom.Table, 0))
	}
	c.push(atom.Td, 0, nil)
}

// inTable reports whether the place is in a table but in no cell.
func (c *cleaner) inTable() bool {
	switch c.top() {
	case atom.Table, atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr:
		return true
	}
	return false
}

// Bounds of what attributes ask for.
const (
	maxSpan = 50
	maxSide = 2000
)

// kept returns the attributes that an element keeps, each with a blank in front.
func kept(tag atom.Atom, a map[string]string) string {
	s := ""
	switch dir := strings.ToLower(a["dir"]); dir {
	case "ltr", "rtl", "auto":
		s += ` dir="` + dir + `"`
	}
	if isLang(a["lang"]) {
		s += ` lang="` + a["lang"] + `"`
	}
	switch tag {
	case atom.Td, atom.Th:
		s += number("colspan", a["colspan"], maxSpan) + number("rowspan", a["rowspan"], maxSpan)
	case atom.Ol:
		s += number("start", a["start"], 1<<20)
	}
	if isBlock(tag) || isTable(tag) {
		switch align := strings.ToLower(a["align"]); {
		case tag == atom.Table || align != "left" && align != "right" && align != "center":
		default:
			s += ` align="` + align + `"`
		}
	}
	return s
}

func isLang(s string) bool {
	return s != "" && len(s) <= 35 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// number returns an attribute whose value is from 1 to most, "" where it is another.
func number(name, value string, most int) string {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 1 || n > most {
		return ""
	}
	return ` ` + name + `="` + strconv.Itoa(n) + `"`
}
