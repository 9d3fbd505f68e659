package mail

import (
	"cmp"
	"slices"
	"strings"
)

// A sheet is the style sheets of a document, as far as their selectors name tags,
// classes and identifiers, one in another (CSS Selectors Level 3 §6-8). A rule that we
// understand half, or that holds for some screens, is kept as one that may only show
// text, not hide it: so what a reader might see is never taken for hidden.
type sheet struct {
	rules  []cssRule
	byKey  map[string][]int32 // rules by what the last part of their selectors names
	deep   bool               // some selector is about what an element stands in
	over   bool               // there is more than fits
	left   int                // selectors that may still be tried
	images []string           // that the rules load
	found  []int32            // room for find
	fits   []*cssRule
}

// Bounds of a document's sheets: rules kept, and selectors tried over all elements.
const (
	maxRules = 4000
	maxTries = 500_000
)

// A cssRule is what one selector says.
type cssRule struct {
	selector     []compound // the last part first
	weight       int        // its specificity
	declarations []declaration
	maybe        bool
}

// A compound is "td.note", one part of a selector.
type compound struct {
	tag, id string // "" any
	classes []string
	child   bool // it stands directly in what comes before
}

// add reads a style sheet that is for some media, "" for all.
func (s *sheet) add(css, query string) {
	if holds, sometimes := media("@media " + strings.ToLower(query)); holds {
		s.read(&scanner{css}, sometimes, 0)
	}
}

// maxNested bounds how deep rules of rules are read.
const maxNested = 4

func (s *sheet) read(c *scanner, maybe bool, depth int) {
	for c.s != "" {
		prelude, stop := c.until("{};")
		if strings.Contains(prelude, "--") {
			prelude = strings.ReplaceAll(strings.ReplaceAll(prelude, "<!--", ""), "-->", "")
		}
		prelude = strings.TrimSpace(prelude)
		switch {
		case stop == '}' && depth > 0:
			return
		case stop != '{':
			continue // @import, or nonsense
		case !strings.HasPrefix(prelude, "@"):
			s.rule(prelude, c, maybe)
			continue
		}
		switch holds, sometimes := media(strings.ToLower(prelude)); {
		case !holds || depth == maxNested:
			c.block()
		default:
			s.read(c, maybe || sometimes, depth+1)
		}
	}
}

// media reports whether a block of rules holds for who reads on a screen, and whether that
// depends.
func media(prelude string) (holds, sometimes bool) {
	query, ok := strings.CutPrefix(prelude, "@media")
	if !ok {
		return strings.HasPrefix(prelude, "@supports") || strings.HasPrefix(prelude, "@layer"), true
	}
	sometimes = true
	for q := range strings.SplitSeq(query, ",") {
		switch strings.Join(strings.Fields(q), " ") {
		case "", "all", "screen", "only screen", "only all":
			return true, false
		case "print", "only print", "speech", "tv", "handheld", "not screen", "not all":
		default:
			holds = true
		}
	}
	return holds, sometimes
}

// rule reads the declarations of a rule, and keeps it for each of its selectors.
func (s *sheet) rule(prelude string, c *scanner, maybe bool) {
	body, stop := c.until("{}")
	if stop == '{' { // rules in a rule: not understood
		c.block()
		c.block()
		maybe = true
	}
	if s.over {
		return
	}
	var list []declaration
	declarations(body, func(d declaration) {
		if d.url != "" && len(s.images) < MaxURLs && (strings.HasPrefix(d.property, "background") || d.property == "list-style-image") {
			s.images = append(s.images, d.url)
		}
		list = append(list, d)
	})
	if len(list) == 0 {
		return
	}
	selectors := scanner{prelude}
	for selectors.s != "" {
		one, _ := selectors.until(",")
		s.keep(strings.TrimSpace(one), list, maybe)
	}
}

// keep adds a rule under what the last part of its selector names.
func (s *sheet) keep(selector string, list []declaration, maybe bool) {
	if len(s.rules) == maxRules {
		s.over = true
		return
	}
	parts, whole := parseSelector(selector)
	if len(parts) == 0 {
		return
	}
	r := cssRule{selector: parts, declarations: list, maybe: maybe || !whole}
	if !whole {
		r.selector = r.selector[:1]
		r.weight = 1 << 20 // it may be anything
	}
	for _, p := range r.selector {
		r.weight += p.weight()
	}
	s.deep = s.deep || len(r.selector) > 1
	key := parts[0].key()
	if s.byKey == nil {
		s.byKey = make(map[string][]int32)
	}
	s.byKey[key] = append(s.byKey[key], int32(len(s.rules)))
	s.rules = append(s.rules, r)
}

func (p compound) weight() int {
	w := len(p.classes) << 6
	if p.id != "" {
		w += 1 << 12
	}
	if p.tag != "" {
		w++
	}
	return w
}

func (p compound) key() string {
	switch {
	case p.id != "":
		return "#" + p.id
	case len(p.classes) > 0:
		return "." + p.classes[0]
	}
	return p.tag
}

// parseSelector returns the parts of a selector, the last first, and whether they say all
// of it. Without parts it never fits an element at rest.
func parseSelector(s string) (parts []compound, whole bool) {
	whole = true
	if strings.Contains(s, ":hover") || strings.Contains(s, ":active") || strings.Contains(s, ":focus") || strings.Contains(s, "::") {
		return nil, true
	}
	child := false
	for word := range strings.FieldsSeq(spacedCombinators(s)) {
		switch word {
		case ">":
			child = true
			continue
		case "+", "~":
			whole = false
			continue
		}
		p, ok := parseCompound(word)
		p.child, child = child, false
		whole = whole && ok
		parts = append(parts, p)
	}
	slices.Reverse(parts)
	const longest = 8
	if len(parts) > longest {
		return parts[:1], false
	}
	return parts, whole
}

// spacedCombinators puts spaces around what joins the parts of a selector.
func spacedCombinators(s string) string {
	if !strings.ContainsAny(s, ">+~") || strings.ContainsAny(s, "[(") {
		return s
	}
	return strings.NewReplacer(">", " > ", "+", " + ", "~", " ~ ").Replace(s)
}

// parseCompound reads "td.note#x"; what else there is, it passes over and says so.
func parseCompound(s string) (p compound, whole bool) {
	whole = true
	for s != "" {
		n := 1 + strings.IndexAny(s[1:], ".#:[*")
		if n == 0 {
			n = len(s)
		}
		name := unescape(s[:n])
		if name == "" {
			return p, false
		}
		switch name[0] {
		case '.':
			p.classes = append(p.classes, name[1:])
		case '#':
			p.id = name[1:]
		case ':':
			whole = whole && (name == ":link" || name == ":visited")
		case '[':
			return p, false
		case '*':
		default:
			p.tag = strings.ToLower(name)
		}
		s = s[n:]
	}
	return p, whole
}

// A styled is an element as selectors see it.
type styled struct {
	tag, id, class string
}

func (p compound) fits(e styled) bool {
	if p.tag != "" && p.tag != e.tag || p.id != "" && p.id != e.id {
		return false
	}
	for _, class := range p.classes {
		if !hasWord(e.class, class) {
			return false
		}
	}
	return true
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// find returns the rules for an element that stands in others, the weakest first, until
// the next call; false when too many were tried.
func (s *sheet) find(e styled, around func(i int) (styled, bool)) ([]*cssRule, bool) {
	found := s.found[:0]
	try := func(key string) {
		for _, i := range s.byKey[key] {
			r := &s.rules[i]
			if s.left -= len(r.selector); s.left < 0 {
				return
			}
			if r.selector[0].fits(e) && s.within(r.selector[1:], r.selector[0].child, around) {
				s.left -= len(r.declarations)
				found = append(found, i)
			}
		}
	}
	try("")
	try(e.tag)
	if e.id != "" {
		try("#" + e.id)
	}
	for class := range strings.FieldsSeq(e.class) {
		try("." + class)
	}
	slices.SortFunc(found, func(a, b int32) int {
		return cmp.Or(s.rules[a].weight-s.rules[b].weight, int(a-b))
	})
	s.found, s.fits = found, s.fits[:0]
	for _, n := range found {
		s.fits = append(s.fits, &s.rules[n])
	}
	return s.fits, s.left >= 0
}

// within reports whether the rest of a selector fits what is around an element. Where
// a part fits several, the nearest is taken.
func (s *sheet) within(rest []compound, child bool, around func(i int) (styled, bool)) bool {
	for i := 0; len(rest) > 0; i++ {
		e, ok := around(i)
		s.left--
		switch {
		case !ok || s.left < 0:
			return false
		case rest[0].fits(e):
			child = rest[0].child
			rest = rest[1:]
		case child:
			return false
		}
	}
	return true
}
