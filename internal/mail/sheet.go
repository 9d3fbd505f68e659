package mail

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// A sheet is the style sheets of a document, as far as their selectors name tags,
// classes and identifiers, one in another (CSS Selectors Level 3 §6-8). A rule that we
// understand half, or that holds for some screens, is kept as one that may only show
// text, not hide it: so what a reader might see is never taken for hidden.
type sheet struct {
	rules      []cssRule
	names      map[string]int32  // what selectors name, as "td", ".note" and "#x", numbered from 1
	byKey      map[int32][]int32 // rules by what the last part of their selectors names
	deep       bool              // some selector is about what an element stands in
	attributes bool              // some selector is about attributes
	over       bool              // there is more than fits
	effort     *effort
	images     []string // that the rules load
	found      []int32  // room for find
	fits       []*cssRule
}

// Bounds of style: rules kept of a document, what its sheets may cost in all of a message, and
// classes of one part of a selector.
const (
	maxRules   = 4000
	maxEffort  = 12 << 20
	maxClasses = 16
)

// An effort is what the style sheets of a message cost so far: octets looked at, and parts of
// selectors tried. A few rules and a few elements can be made to cost any time, since each
// rule may be about each element.
type effort int

// spend adds what is going to be done, and reports whether it may be.
func (e *effort) spend(n int) bool {
	*e += effort(n)
	return *e <= maxEffort
}

// A cssRule is what one selector says.
type cssRule struct {
	selector     []compound // the last part first
	weight       int        // its specificity
	cost         int        // of its declarations
	declarations []declaration
	maybe        bool
}

// A compound is "td.note", one part of a selector.
type compound struct {
	tag, id int32   // numbers of names, 0 any
	classes []int32 // each once
	many    int     // classes as written
	child   bool    // it stands directly in what comes before
}

// named is the cost of a declaration on top of its value's octets.
const named = 32

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
		switch strings.Join(strings.Fields(withoutLeast(q)), " ") {
		case "", "all", "screen", "only screen", "only all":
			return true, false
		case "print", "only print", "speech", "tv", "handheld", "not screen", "not all":
		default:
			holds = true
		}
	}
	return holds, sometimes
}

// anyWidth is so little, in px, that each screen has it.
const anyWidth = 240

// withoutLeast returns a query without "and (min-width: 1px)", which holds for all screens.
func withoutLeast(q string) string {
	before, condition, ok := strings.Cut(q, "(")
	condition, after, closed := strings.Cut(condition, ")")
	name, value, _ := strings.Cut(condition, ":")
	name = strings.TrimSpace(name)
	if px, known := parseLength(value, mediumSize); !ok || !closed || !known || px > anyWidth ||
		name != "min-width" && name != "min-device-width" && name != "min-height" && name != "min-device-height" ||
		strings.Contains(before, "not") || strings.TrimSpace(after) != "" {
		return q
	}
	return strings.TrimSuffix(strings.TrimSpace(before), "and")
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
	cost := 0
	declarations(body, func(d declaration) {
		if d.url != "" && len(s.images) < MaxURLs && (strings.HasPrefix(d.property, "background") || d.property == "list-style-image") {
			s.images = append(s.images, d.url)
		}
		list = append(list, d)
		cost += named + len(d.value)
	})
	if len(list) == 0 {
		return
	}
	selectors := scanner{prelude}
	for selectors.s != "" {
		one, _ := selectors.until(",")
		s.keep(strings.TrimSpace(one), cssRule{declarations: list, cost: cost, maybe: maybe})
	}
}

// keep adds a rule under what the last part of its selector names.
func (s *sheet) keep(selector string, r cssRule) {
	if len(s.rules) == maxRules {
		s.over = true
		return
	}
	parts, whole := s.selector(selector)
	if len(parts) == 0 {
		return
	}
	r.selector, r.maybe = parts, r.maybe || !whole
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
		s.byKey = make(map[int32][]int32)
	}
	s.byKey[key] = append(s.byKey[key], int32(len(s.rules)))
	s.rules = append(s.rules, r)
}

func (p compound) weight() int {
	w := min(p.many, 63) << 6
	if p.id != 0 {
		w += 1 << 12
	}
	if p.tag != 0 {
		w++
	}
	return w
}

func (p compound) key() int32 {
	switch {
	case p.id != 0:
		return p.id
	case len(p.classes) > 0:
		return p.classes[0]
	}
	return p.tag
}

// name returns the number of a name, a new one for one that is new.
func (s *sheet) name(name string) int32 {
	n, ok := s.names[name]
	if !ok {
		if s.names == nil {
			s.names = make(map[string]int32)
		}
		n = int32(len(s.names) + 1)
		s.names[name] = n
	}
	return n
}

// known returns the number of a name, -1 for one that no selector names.
func (s *sheet) known(name string) int32 {
	if n, ok := s.names[name]; ok {
		return n
	}
	return -1
}

// selector returns the parts of a selector, the last first, and whether they say all
// of it. Without parts it never fits an element at rest.
func (s *sheet) selector(text string) (parts []compound, whole bool) {
	whole = true
	if strings.Contains(text, ":hover") || strings.Contains(text, ":active") || strings.Contains(text, ":focus") || strings.Contains(text, "::") {
		return nil, true
	}
	child := false
	for word := range strings.FieldsSeq(spacedCombinators(text)) {
		switch word {
		case ">":
			child = true
			continue
		case "+", "~":
			whole = false
			continue
		}
		p, ok := s.compound(word)
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
	for _, c := range []string{">", "+", "~"} {
		s = strings.ReplaceAll(s, c, " "+c+" ")
	}
	return s
}

// compound reads "td.note#x"; what else there is, it passes over and says so.
func (s *sheet) compound(text string) (p compound, whole bool) {
	whole = true
	for text != "" {
		n := 1 + strings.IndexAny(text[1:], ".#:[*")
		if n == 0 {
			n = len(text)
		}
		name := unescape(text[:n])
		if name == "" {
			return p, false
		}
		switch name[0] {
		case '.':
			whole = p.class(s.name(name)) && whole
		case '#':
			p.id = s.name(name)
		case ':':
			whole = whole && (name == ":link" || name == ":visited")
		case '[':
			inner, rest, ok := strings.Cut(text[1:], "]")
			if name, ok = attribute(inner, ok); !ok {
				return p, false
			}
			whole = p.class(s.name(name)) && whole
			s.attributes = true
			text = rest
			continue
		case '*':
		default:
			p.tag = s.name(strings.ToLower(name))
		}
		text = text[n:]
	}
	return p, whole
}

// attribute returns "[name]" or "[name=value]" as it is written there, quotes left out; not ok
// where it asks for something else, or can be read in two ways.
func attribute(inner string, closed bool) (name string, ok bool) {
	key, value, valued := strings.Cut(inner, "=")
	if !closed || key == "" || strings.ContainsAny(inner, " \\~|^$*[") {
		return "", false
	}
	if !valued {
		return attributeName(strings.ToLower(key)), true
	}
	return attributeName(strings.ToLower(key), strings.Trim(value, `"'`)), true
}

// attributeName is the name under which an attribute, or one with that value, is numbered.
func attributeName(key string, value ...string) string {
	return "[" + strings.Join(append([]string{key}, value...), "=")
}

// class adds a class to a compound, and reports whether it had room.
func (p *compound) class(number int32) bool {
	p.many++
	switch {
	case slices.Contains(p.classes, number):
		return true
	case len(p.classes) == maxClasses:
		return false
	}
	p.classes = append(p.classes, number)
	return true
}

// A styled is an element as selectors see it: the numbers of its names, -1 for one that is in
// no selector. Of its classes those of selectors are kept, each once and in order; an attribute
// counts as a class.
type styled struct {
	tag, id int32
	classes []int32
}

// styled numbers the names of an element.
func (s *sheet) styled(tag, id, class string, attributes []html.Attribute) styled {
	e := styled{tag: s.known(tag), id: -1}
	if id != "" {
		e.id = s.known("#" + id)
	}
	for c := range strings.FieldsSeq(class) {
		if n := s.known("." + c); n >= 0 {
			e.classes = append(e.classes, n)
		}
	}
	for _, a := range attributes {
		for _, name := range [...]string{attributeName(a.Key), attributeName(a.Key, a.Val)} {
			if n := s.known(name); n >= 0 {
				e.classes = append(e.classes, n)
			}
		}
	}
	slices.Sort(e.classes)
	e.classes = slices.Compact(e.classes)
	s.effort.spend(len(class))
	return e
}

func (p *compound) fits(e styled) bool {
	if p.tag != 0 && p.tag != e.tag || p.id != 0 && p.id != e.id {
		return false
	}
	for _, class := range p.classes {
		if _, ok := slices.BinarySearch(e.classes, class); !ok {
			return false
		}
	}
	return true
}

// cost is what fits looks at.
func (p *compound) cost() int { return 1 + len(p.classes) }

// find returns the rules for an element that stands in others, the weakest first, until
// the next call; false when that is too much work.
func (s *sheet) find(e styled, around func(i int) (styled, bool)) ([]*cssRule, bool) {
	s.found = s.found[:0]
	whole := s.try(0, e, around) && s.try(e.tag, e, around) && s.try(e.id, e, around)
	for _, class := range e.classes {
		whole = whole && s.try(class, e, around)
	}
	if !whole {
		return nil, false
	}
	slices.SortFunc(s.found, func(a, b int32) int {
		return cmp.Or(s.rules[a].weight-s.rules[b].weight, int(a-b))
	})
	s.fits = s.fits[:0]
	for _, n := range s.found {
		s.fits = append(s.fits, &s.rules[n])
	}
	return s.fits, true
}

// try adds the rules under a key that fit an element to what was found, unless that is too
// much work.
func (s *sheet) try(key int32, e styled, around func(i int) (styled, bool)) bool {
	for _, i := range s.byKey[key] {
		r := &s.rules[i]
		first := &r.selector[0]
		if !s.effort.spend(first.cost()) {
			return false
		}
		if !first.fits(e) || !s.within(r.selector[1:], first.child, around) {
			continue
		}
		if !s.effort.spend(r.cost) {
			return false
		}
		s.found = append(s.found, i)
	}
	return true
}

// within reports whether the rest of a selector fits what is around an element. Where
// a part fits several, the nearest is taken.
func (s *sheet) within(rest []compound, child bool, around func(i int) (styled, bool)) bool {
	for i := 0; len(rest) > 0; i++ {
		e, ok := around(i)
		switch {
		case !ok || !s.effort.spend(rest[0].cost()):
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
