package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// A Condition is a boolean expression over what is known of a message, such as
//
//	subject contains "invoice" and count(attachments, .name ends_with ".zip") > 0
//
// # Names
//
//	client.ip client.name helo  who brought it
//	sender recipients author    reverse-path, forward-paths, the one address in From ("" where there is not one)
//	header("X") subject         decoded, all fields of the name
//	body html urls              what a reader sees, the source of HTML, where links lead
//	attachments                 each with name, type, size, sha256, kind
//	size score country          octets, the sum so far, of the client ("" where it is not known)
//	finding("spf")              the result of the entry above of that name; "" where it was not asked
//
// # Operators
//
// and, or, not, == != < <= > >=, + - * /, in (a list; client.ip in networks), contains,
// starts_with, ends_with, matches (a regular expression of package regexp), and len, any,
// all, none, one and count over a list, as in any(urls, # contains "login").
//
// Texts, and those that they are compared with, are in the one form (see Fold): case,
// width of spaces and look-alikes don't matter. What subject and body contain may be split into
// letters, "v i a g r a", as for the patterns of a Set. There are no assignments, nothing has an
// effect, and the time is bounded: lists are not gone through within one another, regular expressions
// take linear time, and one evaluation looks at maxLook octets of text at most.
//
// It does not change and may be used by many goroutines.
type Condition struct {
	program  *vm.Program
	findings []string
	compared []Compared
	country  bool
	content  bool
	varies   bool // from walk to walk: it asks for score or finding
}

// A SyntaxError says where in a condition's text a mistake is, and which.
type SyntaxError struct {
	Line, Column int // from 1 on, Column in characters
	Text         string
}

// Error returns "line 2, column 7: text".
func (e *SyntaxError) Error() string {
	if e.Line > 1 {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
	}
	return fmt.Sprintf("column %d: %s", e.Column, e.Text)
}

// MaxCondition bounds the text of a condition, in octets, and maxNodes what it is made of.
const (
	MaxCondition = 4000
	maxNodes     = 300
)

// ParseCondition reads a condition. Its errors are *SyntaxError.
func ParseCondition(text string) (*Condition, error) {
	if len(text) > MaxCondition {
		return nil, &SyntaxError{1, 1, fmt.Sprintf("longer than %d octets", MaxCondition)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &SyntaxError{1, 1, "is empty"}
	}
	source, err := spell(text)
	if err != nil {
		return nil, located(err, text)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, located(err, text)
	}
	check := checker{expressions: map[file.Location]bool{}}
	check.node(tree.Node)
	if check.err != nil {
		return nil, located(check.err, text)
	}
	p := patcher{expressions: check.expressions}
	program, err := expr.Compile(source, expr.Env(&env{}), expr.AsBool(), expr.MaxNodes(maxNodes), expr.Patch(&p), expr.Optimize(false))
	if p.err != nil {
		return nil, located(p.err, text)
	}
	if err != nil {
		return nil, located(err, text)
	}
	sums := sums{}
	node := program.Node()
	ast.Walk(&node, &sums)
	if sums.err != nil {
		return nil, located(sums.err, text)
	}
	for i := range check.compared {
		w := &check.compared[i]
		before := string([]rune(text)[:w.from])
		w.Line = 1 + strings.Count(before, "\n")
		w.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	}
	return &Condition{program: program, findings: check.findings, compared: check.compared, country: check.country, content: check.content, varies: check.varies}, nil
}

// Findings are the names of entries that the condition asks for.
func (c *Condition) Findings() []string { return c.findings }

// A Compared is a word that the condition compares the result of an entry with.
type Compared struct {
	Entry, Word  string
	Line, Column int // of the word, from 1 on

	from int // characters before it
}

// Compared are the words that results of entries are compared with: by ==, != and in.
func (c *Condition) Compared() []Compared { return c.compared }

// Country reports whether the condition asks where the client is.
func (c *Condition) Country() bool { return c.country }

// Content reports whether the condition asks for more than the envelope.
func (c *Condition) Content() bool { return c.content }

// Holds evaluates the condition: once for all inputs of one Texts, if it asks neither for
// score nor for finding, since all else is the same for all recipients of a message. An error
// means that it can't be told: there is more to look at than one evaluation may.
func (c *Condition) Holds(in *Input) (bool, error) {
	t := in.facts.Texts
	if c.varies || t == nil {
		return c.evaluate(in)
	}
	a, known := t.said(c)
	if !known {
		a.holds, a.err = c.evaluate(in)
		t.say(c, a)
	}
	return a.holds, a.err
}

func (c *Condition) evaluate(in *Input) (bool, error) {
	machine := vm.VM{MemoryBudget: maxMemory}
	in.look = 0
	v, err := machine.Run(c.program, &env{in: in})
	if err != nil {
		if errors.Is(err, errTooMuch) {
			return false, errTooMuch
		}
		return false, errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	holds, _ := v.(bool)
	return holds, nil
}

// maxMemory bounds what a condition's lists take, in elements.
const maxMemory = 10_000

// located gives an error its place in the text, which the library knows.
func located(err error, text string) error {
	at := &file.Error{}
	if !errors.As(err, &at) {
		return &SyntaxError{1, 1, unspell(strings.Join(strings.Fields(err.Error()), " "))}
	}
	if at.Line == 0 {
		at = at.Bind(file.NewSource(text))
	}
	return &SyntaxError{at.Line, at.Column + 1, unspell(strings.Join(strings.Fields(at.Message), " "))}
}
