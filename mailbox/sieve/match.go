package sieve

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// matchTags are what tests that compare strings take (RFC 5228 §2.7, RFC 5231, regex).
func matchTags(more ...tagSpec) []tagSpec {
	return append([]tagSpec{
		{name: ":is", group: "match"}, {name: ":contains", group: "match"}, {name: ":matches", group: "match"},
		{name: ":regex", needs: "regex", group: "match"},
		{name: ":count", takes: 's', needs: "relational", group: "match"},
		{name: ":value", takes: 's', needs: "relational", group: "match"},
		{name: ":comparator", takes: 's'},
	}, more...)
}

// A matcher holds strings of a message against the keys of a test.
type matcher struct {
	kind     string               // ":is"
	relation func(order int) bool // of :count and :value
	compare  comparator
	keys     []template
	ready    []*expression // of keys that are literal; else nil
	captures bool          // the script uses variables
}

// matcher reads the tags of matchTags, with the keys that an argument holds.
func (c *compiler) matcher(a *call, keys value) *matcher {
	m := &matcher{kind: a.one(":is", ":contains", ":matches", ":regex", ":count", ":value"), keys: keys.strings, compare: comparators()["i;ascii-casemap"], captures: c.has("variables")}
	if m.kind == "" {
		m.kind = ":is"
	}
	name := "i;ascii-casemap"
	if v, ok := a.tags[":comparator"]; ok {
		name, _ = v.strings[0].literal()
		if m.compare, ok = comparators()[name]; !ok {
			c.fail(v.at, "the comparator %s is not known", quote(name))
			m.compare = comparators()["i;octet"]
		} else if name == "i;ascii-numeric" {
			c.need(v.at, name, "comparator-"+name)
		}
	}
	if m.compare.substring == nil && m.kind != ":is" && m.kind != ":count" && m.kind != ":value" {
		c.fail(a.at, "%s does not go with the comparator %s, which has no parts of strings", m.kind, name)
	}
	if v, ok := a.tags[m.kind]; ok && (m.kind == ":count" || m.kind == ":value") {
		name, _ := v.strings[0].literal()
		if m.relation = relations()[strings.ToLower(name)]; m.relation == nil {
			c.fail(v.at, "%s is no relation: gt, ge, lt, le, eq, ne", quote(name))
		}
	}
	if m.kind == ":regex" {
		c.expressions(m, keys.at)
	}
	return m
}

// expressions compiles the keys of :regex that are known now.
func (c *compiler) expressions(m *matcher, where place) {
	for _, k := range m.keys {
		var re *expression
		if s, ok := k.literal(); ok {
			var err error
			if re, err = m.expression(s); err != nil {
				c.fail(where, "%v", err)
			} else if before := c.instructions; before <= maxExpressions && before+re.size > maxExpressions {
				c.instructions += re.size
				c.fail(where, "the regular expressions of the script are too large together")
			} else {
				c.instructions += re.size
			}
		}
		m.ready = append(m.ready, re)
	}
}

// Bounds of regular expressions.
const (
	maxExpression   = 1000   // octets of one
	maxInstructions = 2000   // that it is made of: "a{500}" is 500
	maxExpressions  = 20_000 // of all in a script
)

// An expression is a regular expression that is ready, and of how many instructions: each octet may
// be held against all of them.
type expression struct {
	*regexp.Regexp
	size int
}

// expression compiles an extended regular expression (POSIX 1003.2), which finds the leftmost
// and longest match.
func (m *matcher) expression(s string) (*expression, error) {
	if len(s) > maxExpression {
		return nil, fmt.Errorf("the regular expression %s is longer than %d octets", quote(s), maxExpression)
	}
	flags := "(?s)"
	if m.compare.folds {
		flags = "(?si)"
	}
	size, err := instructions(flags + s)
	if err == nil && size > maxInstructions {
		return nil, fmt.Errorf("the regular expression %s repeats too much", quote(s))
	}
	var re *regexp.Regexp
	if err == nil {
		re, err = regexp.Compile(flags + s)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the regular expression %s: %s", quote(s), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case re.NumSubexp() > maxMatch:
		return nil, fmt.Errorf("the regular expression %s has more than %d groups", quote(s), maxMatch)
	}
	re.Longest()
	return &expression{re, size}, nil
}

// instructions returns how large the program of an expression is. It is known before it is made: repetitions are
// spelled out.
func instructions(s string) (int, error) {
	parsed, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return width(parsed), nil
}

// width is about the number of instructions of an expression.
func width(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += width(sub)
		if n > maxInstructions {
			return n
		}
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return n
}

// any reports whether one of the values fits one of the keys. It costs steps.
func (m *matcher) any(r *run, values []string) (bool, error) {
	if m.kind == ":count" {
		return m.anyKey(r, strconv.Itoa(len(values)), m.compare)
	}
	for _, v := range values {
		if ok, err := m.anyKey(r, v, m.compare); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (m *matcher) anyKey(r *run, v string, compare comparator) (bool, error) {
	for i, k := range m.keys {
		key, err := k.expand(r)
		if err != nil {
			return false, err
		}
		var re *expression
		if m.ready != nil {
			if re = m.ready[i]; re == nil { // compiling takes some time for each instruction
				if re, err = m.expression(key); err != nil {
					return false, err
				}
				if err := r.spend(200 * re.size); err != nil {
					return false, err
				}
			}
		}
		if err := r.spend(m.cost(v, key, re)); err != nil {
			return false, err
		}
		if m.one(r, v, key, re, compare) {
			return true, nil
		}
	}
	return false, nil
}

// cost is what a comparison takes at most, in octets looked at.
func (m *matcher) cost(v, key string, re *expression) int {
	switch {
	case re != nil: // with what it captures
		return (1 + len(v)) * (10 + re.size)
	case m.kind == ":matches" && strings.Count(key, "*") > 1:
		return len(v) * (1 + len(key)/8)
	}
	return len(v) + len(key)
}

// one compares a value to a key.
func (m *matcher) one(r *run, v, key string, re *expression, compare comparator) bool {
	switch m.kind {
	case ":contains":
		return compare.substring(v, key)
	case ":count", ":value":
		return m.relation(compare.order(v, key))
	case ":matches":
		parts, ok := wildcards(v, key, compare)
		if ok && m.captures {
			r.matched = parts
		}
		return ok
	case ":regex":
		parts := re.FindStringSubmatch(v)
		if parts != nil && m.captures {
			r.matched = parts[:min(len(parts), maxMatch+1)]
		}
		return parts != nil
	}
	return compare.order(v, key) == 0
}

// relations are those of RFC 5231 §4.
func relations() map[string]func(order int) bool {
	return map[string]func(int) bool{
		"gt": func(o int) bool { return o > 0 }, "ge": func(o int) bool { return o >= 0 },
		"lt": func(o int) bool { return o < 0 }, "le": func(o int) bool { return o <= 0 },
		"eq": func(o int) bool { return o == 0 }, "ne": func(o int) bool { return o != 0 },
	}
}

// A comparator says how strings are compared (RFC 4790).
type comparator struct {
	folds     bool                      // letters in either case are the same
	order     func(a, b string) int     // below, at or above 0
	substring func(s, part string) bool // nil: it has no substrings
	same      func(a, b rune) bool      // nil with it
}

func comparators() map[string]comparator {
	return map[string]comparator{
		"i;octet": {order: strings.Compare, substring: strings.Contains, same: func(a, b rune) bool { return a == b }},
		"i;ascii-casemap": {
			folds:     true,
			order:     func(a, b string) int { return strings.Compare(upper(a), upper(b)) },
			substring: func(s, part string) bool { return strings.Contains(upper(s), upper(part)) },
			same:      func(a, b rune) bool { return a == b || upperRune(a) == upperRune(b) },
		},
		"i;ascii-numeric": {order: numeric},
	}
}

// upper maps the letters of ASCII alone (RFC 4790 §9.2).
func upper(s string) string {
	for i := range len(s) {
		if 'a' <= s[i] && s[i] <= 'z' {
			return strings.Map(upperRune, s)
		}
	}
	return s
}

func upperRune(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

// numeric compares the digits that strings begin with; what begins with none is greater than all
// numbers (RFC 4790 §9.1).
func numeric(a, b string) int {
	x, y := digits(a), digits(b)
	switch {
	case x == "" && y == "":
		return 0
	case x == "":
		return 1
	case y == "":
		return -1
	}
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}

func digits(s string) string {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return s[:i]
		}
	}
	return s
}

// wildcards holds a string against a pattern of :matches (RFC 5228 §2.7.1), and returns the
// whole and what each wildcard stands for (RFC 5229 §3.2): as little as possible, from the left.
// Since what is between two stars may be taken where it is found first, time is bounded by the
// product of the lengths.
func wildcards(s, pattern string, c comparator) (parts []string, ok bool) {
	type mark struct{ from, to int } // of s, where a wildcard stands
	var marks []mark
	at, p := 0, 0
	star, starP := -1, 0 // the last star: its mark, and what follows it in pattern
	for {
		r, size, escaped := nextOf(pattern[p:])
		switch {
		case size > 0 && r == '*' && !escaped:
			marks = append(marks, mark{at, at})
			star, starP = len(marks)-1, p+size
			p = starP
			continue
		case size > 0 && at < len(s):
			have, width := utf8.DecodeRuneInString(s[at:])
			if r == '?' && !escaped {
				marks = append(marks, mark{at, at + width})
			} else if !c.same(have, r) {
				break
			}
			at, p = at+width, p+size
			continue
		case size == 0 && at == len(s):
			parts = []string{s}
			for _, m := range marks[:min(len(marks), maxMatch)] {
				parts = append(parts, s[m.from:m.to])
			}
			return parts, true
		}
		if star < 0 || marks[star].to == len(s) { // no star could take more
			return nil, false
		}
		_, width := utf8.DecodeRuneInString(s[marks[star].to:])
		marks = marks[:star+1]
		marks[star].to += width
		at, p = marks[star].to, starP
	}
}

// nextOf reads a character of a pattern; a backslash takes away a wildcard's meaning.
func nextOf(pattern string) (r rune, size int, escaped bool) {
	if len(pattern) > 1 && pattern[0] == '\\' {
		r, size = utf8.DecodeRuneInString(pattern[1:])
		return r, size + 1, true
	}
	if pattern == "" {
		return 0, 0, false
	}
	r, size = utf8.DecodeRuneInString(pattern)
	return r, size, false
}
