package rulebook

import (
	"slices"
	"strconv"
	"strings"

	"gatepost/mailbox/sieve"
)

// A reader makes rules of commands.
type reader struct {
	expands bool // "${" in a string may stand for something else (RFC 5229 §3, RFC 5228 §2.4.2.4)
}

// rule returns what a command means, with no name. It is not ok where a rule can't say that.
func (d reader) rule(n sieve.Node) (r Rule, ok bool) {
	if d.expands && holds(n, "${") {
		return r, false
	}
	if n.Name != "if" { // what is done always
		r.Match = Always
		ok = r.does([]sieve.Node{n})
	} else {
		ok = len(n.Args) == 0 && len(n.Tests) == 1 && n.Block != nil && d.match(&r, n.Tests[0]) && r.does(n.Block)
	}
	if !ok {
		return r, false
	}
	clean, err := r.Clean()
	return clean, err == nil
}

// holds reports whether any string of a command has a text in it.
func holds(n sieve.Node, part string) bool {
	for _, a := range n.Args {
		if slices.ContainsFunc(a.Strings, func(s string) bool { return strings.Contains(s, part) }) {
			return true
		}
	}
	in := func(one sieve.Node) bool { return holds(one, part) }
	return slices.ContainsFunc(n.Tests, in) || slices.ContainsFunc(n.Block, in)
}

// match reads the test of an if.
func (d reader) match(r *Rule, t sieve.Node) bool {
	tests := t.Tests
	switch bare := len(t.Args) == 0; {
	case bare && len(tests) == 0 && (t.Name == "true" || t.Name == "false"):
		r.Match, r.Off = Always, t.Name == "false"
		return true
	case bare && t.Name == "allof" && len(tests) > 1 && isFalse(tests[0]):
		r.Off, r.Match, tests = true, All, tests[1:]
		if len(tests) == 1 && tests[0].Name == "anyof" && len(tests[0].Args) == 0 {
			r.Match, tests = Any, tests[0].Tests
		}
	case bare && t.Name == "allof":
		r.Match = All
	case bare && t.Name == "anyof":
		r.Match = Any
	default:
		r.Match, tests = All, []sieve.Node{t}
	}
	for _, one := range tests {
		c, ok := condition(one)
		if !ok {
			return false
		}
		r.Conditions = append(r.Conditions, c)
	}
	return true
}

func isFalse(t sieve.Node) bool { return t.Name == "false" && len(t.Args) == 0 && len(t.Tests) == 0 }

// condition reads one test.
func condition(t sieve.Node) (c Condition, ok bool) {
	if t.Name == "not" && len(t.Args) == 0 && len(t.Tests) == 1 {
		c, ok = condition(t.Tests[0])
		ok = ok && !c.Not && c.Values != nil
		c.Not = true
		return c, ok
	}
	if len(t.Tests) > 0 {
		return c, false
	}
	switch a, ok := argumentsOf(t); {
	case !ok:
		return c, false
	case t.Name == "size":
		return a.size()
	case t.Name == "spamtest":
		return a.spam()
	case t.Name == "header":
		return a.text(func(names []string) (Field, string) {
			switch {
			case len(names) != 1:
				return "", ""
			case strings.EqualFold(names[0], "subject"):
				return Subject, ""
			}
			return Header, names[0]
		})
	case t.Name == "body":
		return a.body()
	case t.Name == "address" && a.drop(":all"):
		return a.text(addressed)
	case t.Name == "address":
		return a.text(addressed)
	}
	return c, false
}

// addressed names the field of a test of addresses.
func addressed(names []string) (Field, string) {
	low := make([]string, len(names))
	for i, n := range names {
		low[i] = strings.ToLower(n)
	}
	slices.Sort(low)
	switch {
	case slices.Equal(low, []string{"from"}):
		return Sender, ""
	case slices.Equal(low, []string{"cc", "to"}):
		return Recipient, ""
	}
	return "", ""
}

// arguments are those of one test or command.
type arguments struct {
	tags map[string]string // with the one string that some have behind them
	rest []sieve.Arg
}

// argumentsOf sorts arguments. It is not ok where a tag stands twice, or behind others.
func argumentsOf(n sieve.Node) (a arguments, ok bool) {
	a.tags = map[string]string{}
	for i := 0; i < len(n.Args); i++ {
		arg := n.Args[i]
		if arg.Tag == "" {
			a.rest = append(a.rest, arg)
			continue
		}
		if _, twice := a.tags[arg.Tag]; twice || len(a.rest) > 0 {
			return a, false
		}
		value := ""
		if arg.Tag == ":comparator" || arg.Tag == ":value" {
			if i++; i == len(n.Args) || len(n.Args[i].Strings) != 1 {
				return a, false
			}
			value = n.Args[i].Strings[0]
		}
		a.tags[arg.Tag] = value
	}
	return a, true
}

// drop takes a tag away, and reports whether it was there.
func (a arguments) drop(tag string) bool {
	_, ok := a.tags[tag]
	delete(a.tags, tag)
	return ok
}

// one returns the only string that is left, where there is nothing else.
func (a arguments) one() (string, bool) {
	if len(a.tags) > 0 || len(a.rest) != 1 || len(a.rest[0].Strings) != 1 {
		return "", false
	}
	return a.rest[0].Strings[0], true
}

func (a arguments) size() (c Condition, ok bool) {
	c = Condition{Field: Size, Op: Under}
	if over := a.drop(":over"); over {
		c.Op = Over
	} else if !a.drop(":under") {
		return c, false
	}
	if len(a.tags) > 0 || len(a.rest) != 1 || a.rest[0].Strings != nil {
		return c, false
	}
	c.Number = a.rest[0].Number
	return c, true
}

func (a arguments) spam() (c Condition, ok bool) {
	c = Condition{Field: Spam, Op: Least}
	value, comparator := a.tags[":value"], a.tags[":comparator"]
	percent := a.drop(":percent")
	a.drop(":value")
	a.drop(":comparator")
	if strings.EqualFold(value, relation(Below)) {
		c.Op = Below
	} else if !strings.EqualFold(value, relation(Least)) {
		return c, false
	}
	text, one := a.one()
	number, err := strconv.ParseUint(text, 10, 32)
	c.Number = number
	return c, one && percent && comparator == "i;ascii-numeric" && err == nil
}

// body reads a test of what a message says. Without a transform it is :text (RFC 5173 §5).
func (a arguments) body() (c Condition, ok bool) {
	a.drop(":text")
	c, ok = a.compared(1)
	c.Field = Body
	return c, ok
}

// text reads a comparison of strings with what fields hold.
func (a arguments) text(fieldOf func(names []string) (Field, string)) (c Condition, ok bool) {
	if c, ok = a.compared(2); !ok || a.rest[0].Strings == nil {
		return c, false
	}
	c.Field, c.Header = fieldOf(a.rest[0].Strings)
	return c, c.Field != ""
}

// compared reads how strings are compared, and with what: the last of so many lists.
func (a arguments) compared(lists int) (c Condition, ok bool) {
	if comparator, is := a.tags[":comparator"]; is && comparator != "i;ascii-casemap" {
		return c, false
	}
	a.drop(":comparator")
	matches := a.drop(":matches")
	switch contains := a.drop(":contains"); {
	case matches && contains:
		return c, false
	case contains:
		c.Op = Contains
	case !matches:
		a.drop(":is") // which is what no tag means
		c.Op = Is
	}
	if len(a.tags) > 0 || len(a.rest) != lists || a.rest[lists-1].Strings == nil {
		return c, false
	}
	if c.Values = slices.Clone(a.rest[lists-1].Strings); !matches {
		return c, true
	}
	for i, pattern := range c.Values {
		op, value := edge(pattern)
		if op == "" || i > 0 && op != c.Op {
			return c, false
		}
		c.Op, c.Values[i] = op, value
	}
	return c, true
}

// edge reads a pattern of :matches that asks how a text begins or ends; op is "" of any other.
func edge(pattern string) (op Op, value string) {
	var b strings.Builder
	stars, last := 0, false // the last sign was a star
	for i := 0; i < len(pattern); i++ {
		last = false
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		case c == '*':
			stars, last = stars+1, true
		case c == '?':
			return "", ""
		default:
			b.WriteByte(c)
		}
	}
	switch first := strings.HasPrefix(pattern, "*"); {
	case stars != 1 || first == last: // none at an end, or all of it
		return "", ""
	case first:
		return Ends, b.String()
	}
	return Begins, b.String()
}

// does reads commands as what a rule does.
func (r *Rule) does(block []sieve.Node) bool {
	filed := false // what is filed before flags are given lacks them
	for _, n := range block {
		a, ok := argumentsOf(n)
		if !ok || len(n.Tests) > 0 || n.Block != nil || r.Stop {
			return false
		}
		switch n.Name {
		case "addflag":
			ok = !filed && r.flags(a)
		case "fileinto":
			filed, ok = true, r.files(a)
		case "redirect":
			ok = r.forwards(a)
		case "keep":
			filed, r.Keep = true, true
			ok = len(n.Args) == 0
		case "discard":
			r.Delete, ok = true, len(n.Args) == 0
		case "stop":
			r.Stop, ok = true, len(n.Args) == 0
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

func (r *Rule) flags(a arguments) bool {
	if len(a.tags) > 0 || len(a.rest) != 1 {
		return false
	}
	for _, s := range a.rest[0].Strings {
		for flag := range strings.FieldsSeq(s) { // a string may name several (RFC 5232 §2)
			switch strings.ToLower(flag) {
			case `\flagged`:
				r.Flag = true
			case `\seen`:
				r.Seen = true
			default: // check refuses what is no label
				r.Labels = append(r.Labels, flag)
			}
		}
	}
	return a.rest[0].Strings != nil
}

// files reads fileinto. Of two that file, one is as good as a copy.
func (r *Rule) files(a arguments) bool {
	f := Folder{Create: a.drop(":create")}
	copies := a.drop(":copy")
	name, ok := a.one()
	f.Name = name
	switch {
	case !ok || name == "":
		return false
	case !copies && r.File.Name == "":
		r.File = f
	case r.Copy.Name == "":
		r.Copy = f
	default:
		return false
	}
	return true
}

// forwards reads redirect. One that keeps no copy speaks for all.
func (r *Rule) forwards(a arguments) bool {
	if !a.drop(":copy") {
		r.Away = true
	}
	to, ok := a.one()
	r.Forward = append(r.Forward, to)
	return ok
}
