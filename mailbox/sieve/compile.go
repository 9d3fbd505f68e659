package sieve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Script is ready to run. It is immutable: many goroutines may run it at once.
type Script struct {
	body     []op
	requires map[string]bool
	includes []Include
}

// An Include is one of the owner's scripts that a script includes (RFC 6609).
type Include struct {
	Name     string
	Optional bool // it can do without
}

// Includes returns them in the order in which they stand in the script.
func (s *Script) Includes() []Include { return slices.Clone(s.includes) }

// Requires reports whether the script requires a capability.
func (s *Script) Requires(capability string) bool { return s.requires[capability] }

// An op is a command that is ready to run, a test one of a test.
type (
	op   func(r *run) error
	test func(r *run) (bool, error)
)

// maxErrors bounds what Compile tells of one script.
const maxErrors = 10

// Compile reads a script. The error joins an *Error for each fault, in the order of the lines,
// maxErrors at most. Scripts that it includes are looked for when it runs.
func Compile(script string) (*Script, error) { return CompileWith(script, extensions()) }

// CompileWith reads a script that may require no more than some of the Extensions: what the others bring it can't do.
func CompileWith(script string, allowed []string) (*Script, error) {
	nodes, err := parse(script)
	if err != nil {
		return nil, located(script, err)
	}
	c := &compiler{requires: map[string]bool{}, allowed: allowed}
	nodes = c.require(nodes)
	body := c.block(nodes)
	if len(c.errs) > 0 {
		return nil, located(script, c.errs...)
	}
	return &Script{body, c.requires, c.includes}, nil
}

// located joins the errors of a script, each with its column.
func located(script string, errs ...error) error {
	for _, err := range errs {
		var e *Error
		if errors.As(err, &e) {
			before := script[:min(e.octets, len(script))]
			e.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
		}
	}
	return errors.Join(errs...)
}

// Faults returns what of an error is about a script, in the order of its lines.
func Faults(err error) (list []*Error) {
	switch e := err.(type) {
	case nil:
	case *Error:
		list = []*Error{e}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			list = append(list, Faults(one)...)
		}
	default:
		list = Faults(errors.Unwrap(err))
	}
	return list
}

// A compiler makes ops of nodes.
type compiler struct {
	requires map[string]bool
	allowed  []string // what it may require
	errs     []error
	faults   int // with those that are told no more
	// instructions of all regular expressions so far
	instructions int
	includes     []Include
}

func (c *compiler) fail(where place, format string, args ...any) {
	if c.faults++; len(c.errs) < maxErrors {
		c.errs = append(c.errs, wrong(where, format, args...))
	}
}

// has reports whether any of the capabilities is required. "" is always there.
func (c *compiler) has(capabilities ...string) bool {
	for _, name := range capabilities {
		if name == "" || c.requires[name] {
			return true
		}
	}
	return len(capabilities) == 0
}

// need says so where none of the capabilities is required.
func (c *compiler) need(where place, what string, capabilities ...string) {
	if !c.has(capabilities...) {
		c.fail(where, "%s works only behind: require %q;", what, capabilities[0])
	}
}

// require reads the require commands, which stand before all others (§3.2).
func (c *compiler) require(nodes []*node) []*node {
	for len(nodes) > 0 && nodes[0].name == "require" {
		n := nodes[0]
		nodes = nodes[1:]
		if len(n.args) != 1 || n.args[0].kind != text || len(n.tests) > 0 || n.block != nil {
			c.fail(n.at, "require takes a list of names")
			continue
		}
		for _, name := range n.args[0].strings {
			switch {
			case !slices.Contains(extensions(), name):
				c.fail(n.at, "the extension %s is not known here", quote(name))
			case !slices.Contains(c.allowed, name):
				c.fail(n.at, "the extension %s is not for these rules", quote(name))
			}
			c.requires[name] = true
			for _, with := range implied()[name] {
				c.requires[with] = true
			}
		}
	}
	return nodes
}

// block makes ops of commands; an if takes its elsifs and its else with it.
func (c *compiler) block(nodes []*node) (list []op) {
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		switch n.name {
		case "if":
			last := i
			for last+1 < len(nodes) && (nodes[last+1].name == "elsif" || nodes[last+1].name == "else") {
				if last++; nodes[last].name == "else" {
					break
				}
			}
			list = append(list, c.branches(nodes[i:last+1]))
			i = last
		case "elsif", "else":
			c.fail(n.at, "%s stands behind no if", n.name)
		case "require":
			c.fail(n.at, "require must stand before all other commands")
		default:
			list = append(list, c.command(n))
		}
	}
	return list
}

// branches makes an op of if, elsif and else (§3.1).
func (c *compiler) branches(nodes []*node) op {
	type branch struct {
		test test
		body []op
	}
	var list []branch
	for _, n := range nodes {
		b := branch{test: func(*run) (bool, error) { return true, nil }}
		tests := 1
		if n.name == "else" {
			tests = 0
		}
		if len(n.args) > 0 || len(n.tests) != tests || n.many || n.block == nil {
			c.fail(n.at, "%s takes %s and a block", n.name, [...]string{"no test", "one test"}[tests])
			continue
		}
		if tests == 1 {
			b.test = c.test(n.tests[0])
		}
		b.body = c.block(n.block)
		list = append(list, b)
	}
	return func(r *run) error {
		for _, b := range list {
			if ok, err := b.test(r); err != nil || ok {
				if err != nil {
					return err
				}
				return r.all(b.body)
			}
		}
		return nil
	}
}

// command makes an op of any other command.
func (c *compiler) command(n *node) op {
	spec, ok := commandTable[n.name]
	if !ok {
		if _, ok := testTable[n.name]; ok {
			c.fail(n.at, "%s is a test: it stands behind if", n.name)
		} else {
			c.fail(n.at, "the command %s is not known", quote(n.name))
		}
		return nothing
	}
	if n.block != nil {
		c.fail(n.at, "%s takes no block", n.name)
	}
	a, ok := c.call(n, spec.signature)
	if !ok {
		return nothing
	}
	do, here := spec.make(c, a), n.at
	return func(r *run) error {
		if err := r.step(here); err != nil {
			return err
		}
		r.line = here.line
		return at(here, do(r))
	}
}

func nothing(*run) error { return nil }

// test makes a test of a node.
func (c *compiler) test(n *node) test {
	never := func(*run) (bool, error) { return false, nil }
	spec, ok := testTable[n.name]
	if !ok {
		c.fail(n.at, "the test %s is not known", quote(n.name))
		return never
	}
	a, ok := c.call(n, spec.signature)
	if !ok {
		return never
	}
	do, here := spec.make(c, a), n.at
	return func(r *run) (bool, error) {
		if err := r.step(here); err != nil {
			return false, err
		}
		ok, err := do(r)
		return ok, at(here, err)
	}
}

// at names the line of an error that names none.
func at(where place, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) || errors.Is(err, errStop) || errors.Is(err, errReturn) {
		return err
	}
	return fmt.Errorf("line %d: %w", where.line, err)
}

// A signature says what a command or a test takes.
type signature struct {
	needs []string // one of these capabilities
	tags  []tagSpec
	args  string // the positional ones: s string, S strings, n number; behind a ? those that may lack
	tests string // "": none, "t": one, "T": a list in parentheses
}

// A tagSpec is one tag that a command takes.
type tagSpec struct {
	name  string // ":copy"
	takes byte   // 0: nothing; else as signature.args
	needs string // a capability
	group string // of one group only one may stand
}

// A commandSpec and a testSpec make what runs of a call.
type commandSpec struct {
	signature
	make func(c *compiler, a *call) op
}

type testSpec struct {
	signature
	make func(c *compiler, a *call) test
}

// A call is what a node's arguments are, by its signature.
type call struct {
	name  string
	at    place
	tags  map[string]value // by name; of a tag that takes nothing a zero value
	args  []value
	tests []test
}

// A value is an argument that is ready to use.
type value struct {
	at      place
	strings []template
	number  uint64
}

func (a *call) has(tag string) bool { _, ok := a.tags[tag]; return ok }

// one returns which of the tags of a group is there, "" for none.
func (a *call) one(tags ...string) string {
	for _, t := range tags {
		if a.has(t) {
			return t
		}
	}
	return ""
}

// call holds a node against a signature.
func (c *compiler) call(n *node, s signature) (*call, bool) {
	before := c.faults
	c.need(n.at, n.name, s.needs...)
	a := &call{name: n.name, at: n.at, tags: map[string]value{}}
	rest := c.tags(n, s, a)
	c.positional(n, s, a, rest)
	switch {
	case s.tests == "" && len(n.tests) > 0:
		c.fail(n.at, "%s takes no test", n.name)
	case s.tests == "t" && (len(n.tests) != 1 || n.many):
		c.fail(n.at, "%s takes one test", n.name)
	case s.tests == "T" && len(n.tests) == 0:
		c.fail(n.at, "%s takes tests in parentheses", n.name)
	}
	for _, t := range n.tests {
		a.tests = append(a.tests, c.test(t))
	}
	return a, c.faults == before
}

// tags takes the tags, which may stand in any order, and returns the other arguments.
func (c *compiler) tags(n *node, s signature, a *call) (rest []argument) {
	groups := map[string]string{}
	for i := 0; i < len(n.args); i++ {
		arg := n.args[i]
		if arg.kind != tag {
			rest = append(rest, arg)
			continue
		}
		if len(rest) > 0 {
			c.fail(arg.at, "%s stands behind an argument of %s; tags stand before", arg.text, n.name)
			return rest
		}
		at := slices.IndexFunc(s.tags, func(t tagSpec) bool { return t.name == arg.text })
		if at < 0 {
			c.fail(arg.at, "%s does not know %s", n.name, arg.text)
			continue
		}
		spec := s.tags[at]
		c.need(arg.at, arg.text, spec.needs)
		group := spec.group
		if group == "" {
			group = spec.name
		}
		if other, ok := groups[group]; ok {
			c.fail(arg.at, "%s and %s stand together", other, arg.text)
		}
		groups[group] = spec.name
		v := value{at: arg.at}
		if spec.takes != 0 {
			if i++; i == len(n.args) {
				c.fail(arg.at, "%s needs %s behind it", arg.text, kindName(spec.takes))
				return rest
			}
			v = c.value(n.args[i], spec.takes, arg.text)
		}
		a.tags[spec.name] = v
	}
	return rest
}

func (c *compiler) positional(n *node, s signature, a *call, rest []argument) {
	must, may, _ := strings.Cut(s.args, "?")
	kinds := must + may
	if len(rest) < len(must) || len(rest) > len(kinds) {
		var names []string
		for _, k := range kinds {
			names = append(names, kindName(byte(k)))
		}
		if len(names) == 0 {
			names = []string{"no argument"}
		}
		c.fail(n.at, "%s takes %s", n.name, strings.Join(names, ", "))
		return
	}
	for i, arg := range rest {
		a.args = append(a.args, c.value(arg, kinds[i], n.name))
	}
}

func kindName(kind byte) string {
	return map[byte]string{'s': "a string", 'S': "strings", 'n': "a number"}[kind]
}

// value reads one argument as its kind.
func (c *compiler) value(arg argument, kind byte, of string) value {
	v := value{at: arg.at, number: arg.number}
	switch {
	case kind == 'n' && arg.kind != number,
		kind != 'n' && arg.kind != text,
		kind == 's' && arg.list:
		c.fail(arg.at, "%s takes %s here", of, kindName(kind))
	}
	for _, s := range arg.strings {
		v.strings = append(v.strings, c.template(s, arg.at))
	}
	return v
}
