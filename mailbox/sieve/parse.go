package sieve

// A node is a command or a test as it stands in the script (RFC 5228 §8.2).
type node struct {
	name  string
	at    place
	args  []argument
	tests []*node // what stands behind the arguments: one, or several in parentheses
	many  bool    // in parentheses
	block []*node // nil: the command ends with a semicolon
	end   int     // of a command: octets of the script up to its end
}

// An argument is a tag, a number, or strings.
type argument struct {
	kind    tokenKind // tag, number or text
	at      place
	text    string   // the tag
	number  uint64   // the number
	strings []string // the strings, in brackets or one
	list    bool     // in brackets
}

// Bounds of a script's text.
const (
	MaxScript  = 256 << 10 // octets
	maxDepth   = 32        // blocks and tests in each other
	maxStrings = 2000      // in one list
)

// A parser builds nodes of tokens.
type parser struct {
	lex   lexer
	token token // the next one
	depth int
}

// parse reads a whole script.
func parse(script string) ([]*node, error) { return newParser(script).all() }

func newParser(script string) *parser {
	return &parser{lex: lexer{script: script, rest: script, line: 1}}
}

func (p *parser) all() ([]*node, error) {
	if n := len(p.lex.script); n > MaxScript {
		return nil, wrong(place{line: 1}, "the script has %d octets; %d are allowed", n, MaxScript)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	list, err := p.commands()
	if err == nil && p.token.kind != endOfScript {
		err = wrong(p.token.at, "a command was expected, not %s", p.token)
	}
	return list, err
}

func (p *parser) advance() (err error) {
	p.token, err = p.lex.next()
	return err
}

// is reports whether the next token is that sign.
func (p *parser) is(sign string) bool { return p.token.kind == punct && p.token.text == sign }

// take steps over a sign.
func (p *parser) take(sign string) error {
	if !p.is(sign) {
		return wrong(p.token.at, "%q was expected, not %s", sign, p.token)
	}
	return p.advance()
}

func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return wrong(p.token.at, "blocks and tests stand more than %d deep", maxDepth)
	}
	return nil
}

// commands reads commands as long as there are any.
func (p *parser) commands() (list []*node, err error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	for p.token.kind == identifier {
		n, err := p.command()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

func (p *parser) command() (*node, error) {
	n := &node{name: p.token.text, at: p.token.at}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.arguments(n); err != nil {
		return nil, err
	}
	if !p.is("{") {
		if !p.is(";") {
			return nil, wrong(n.at, "the command %q lacks its semicolon, or its block", n.name)
		}
		n.end = p.token.at.octets + 1
		return n, p.advance()
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	list, err := p.commands()
	if err != nil {
		return nil, err
	}
	n.block = append([]*node{}, list...)
	if !p.is("}") {
		return nil, wrong(p.token.at, "the block of line %d ends with \"}\", not with %s", n.at.line, p.token)
	}
	n.end = p.token.at.octets + 1
	return n, p.advance()
}

// arguments reads arguments and then tests.
func (p *parser) arguments(n *node) error {
	for {
		switch {
		case p.token.kind == tag || p.token.kind == number || p.token.kind == text:
			a := argument{kind: p.token.kind, at: p.token.at, text: p.token.text, number: p.token.number}
			if a.kind == text {
				a.strings, a.text = []string{a.text}, ""
			}
			n.args = append(n.args, a)
			if err := p.advance(); err != nil {
				return err
			}
		case p.is("["):
			a, err := p.list()
			if err != nil {
				return err
			}
			n.args = append(n.args, a)
		case p.is("("):
			return p.testList(n)
		case p.token.kind == identifier:
			t, err := p.test()
			n.tests = []*node{t}
			return err
		default:
			return nil
		}
	}
}

// list reads strings in brackets.
func (p *parser) list() (argument, error) {
	a := argument{kind: text, at: p.token.at, list: true}
	for sign := "["; !p.is("]"); sign = "," {
		if err := p.take(sign); err != nil {
			return a, err
		}
		if p.token.kind != text {
			return a, wrong(p.token.at, "a string was expected, not %s", p.token)
		}
		if a.strings = append(a.strings, p.token.text); len(a.strings) > maxStrings {
			return a, wrong(p.token.at, "a list has more than %d strings", maxStrings)
		}
		if err := p.advance(); err != nil {
			return a, err
		}
	}
	return a, p.advance()
}

func (p *parser) testList(n *node) error {
	n.many = true
	for sign := "("; !p.is(")"); sign = "," {
		if err := p.take(sign); err != nil {
			return err
		}
		t, err := p.test()
		if err != nil {
			return err
		}
		n.tests = append(n.tests, t)
	}
	return p.advance()
}

func (p *parser) test() (*node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.token.kind != identifier {
		return nil, wrong(p.token.at, "a test was expected, not %s", p.token)
	}
	n := &node{name: p.token.text, at: p.token.at}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return n, p.arguments(n)
}
