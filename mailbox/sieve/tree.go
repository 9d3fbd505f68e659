package sieve

import "strings"

// A Tree is a script as it stands, for who edits scripts and runs none.
type Tree struct {
	Commands []Node
	Comments []Span // in their order, a comment behind "#" without its line's end
}

// A Span is a part of a script: its octets from From up to To.
type Span struct{ From, To int }

// A Node is a command or a test.
type Node struct {
	Name  string // in lower case
	Args  []Arg
	Tests []Node // what stands behind the arguments
	Block []Node // nil: the command ends with a semicolon
	Span  Span   // of a command, with its semicolon or block; of a test From alone
}

// An Arg is a tag, or strings, or else a number.
type Arg struct {
	Tag     string   // ":copy", in lower case
	Strings []string // one, or those of a list
	Number  uint64
}

// Read returns a script's tree. What it means is not looked at: a tree may be that of a script that Compile refuses.
// The error is an *Error.
func Read(script string) (Tree, error) {
	p := newParser(script)
	p.lex.noting = true
	nodes, err := p.all()
	if err != nil {
		return Tree{}, located(script, err)
	}
	return Tree{shown(nodes), p.lex.comments}, nil
}

// shown returns nodes as others see them; nil stays nil.
func shown(nodes []*node) []Node {
	if nodes == nil {
		return nil
	}
	list := make([]Node, 0, len(nodes))
	for _, n := range nodes {
		one := Node{Name: n.name, Tests: shown(n.tests), Block: shown(n.block), Span: Span{n.at.octets, n.end}}
		for _, a := range n.args {
			switch a.kind {
			case tag:
				one.Args = append(one.Args, Arg{Tag: a.text})
			case text:
				one.Args = append(one.Args, Arg{Strings: a.strings})
			default:
				one.Args = append(one.Args, Arg{Number: a.number})
			}
		}
		list = append(list, one)
	}
	return list
}

// Quote writes a text as a string of a script (RFC 5228 §2.4.2).
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
