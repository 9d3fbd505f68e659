package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"gatepost/internal/mail"
)

// The library's language is larger than ours: what a condition may have is listed here, and
// all else is refused. Two of its operators are spelt in another way, and some are replaced,
// so that texts are compared in the one form and what is looked at is counted.

// spell writes starts_with and ends_with as the library has them, at the same places.
func spell(text string) (string, error) {
	tokens, err := lexer.Lex(file.NewSource(text))
	if err != nil {
		return "", err
	}
	runes := []rune(text)
	for _, t := range tokens {
		if ours := spelling(t.Value); t.Kind == lexer.Identifier && ours != "" {
			copy(runes[t.From:], []rune(ours))
		}
	}
	return string(runes), nil
}

func spelling(word string) string {
	switch word {
	case "starts_with":
		return "startsWith "
	case "ends_with":
		return "endsWith "
	}
	return ""
}

// unspell writes them in an error as they were written.
func unspell(text string) string {
	return strings.NewReplacer("startsWith", "starts_with", "endsWith", "ends_with").Replace(text)
}

// A checker goes through a parsed condition and notes what it asks for.
type checker struct {
	compared    []Compared
	varies      bool
	err         *file.Error // the first mistake
	within      bool        // a list that is gone through
	findings    []string
	expressions map[file.Location]bool
	country     bool
	content     bool
}

func (c *checker) wrong(n ast.Node, format string, args ...any) {
	if c.err == nil {
		c.err = &file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

func (c *checker) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
	case *ast.IdentifierNode:
		c.name(n)
	case *ast.UnaryNode:
		c.node(n.Node)
	case *ast.BinaryNode:
		c.binary(n)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			c.node(item)
		}
	case *ast.MemberNode:
		c.member(n)
	case *ast.CallNode:
		c.call(n)
	case *ast.BuiltinNode:
		c.list(n)
	case *ast.PredicateNode:
		c.node(n.Node)
	case *ast.PointerNode:
		if n.Name != "" {
			c.wrong(n, "there is no #%s", n.Name)
		}
	default:
		c.wrong(n, "this has no place in a condition")
	}
}

func (c *checker) name(n *ast.IdentifierNode) {
	switch n.Value {
	case "country":
		c.country = true
	case "subject", "body", "html", "urls", "attachments", "author":
		c.content = true
	case "score":
		c.varies = true
	case "helo", "sender", "recipients", "size":
	case "client":
		c.wrong(n, "say client.ip or client.name")
	case "header", "finding":
		c.wrong(n, "%s needs a name, as in %s(\"x\")", n.Value, n.Value)
	default:
		c.wrong(n, "unknown name %s", n.Value)
	}
}

func (c *checker) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "and", "&&", "or", "||", "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "+", "-", "*", "/":
	case "matches":
		if _, ok := n.Right.(*ast.StringNode); !ok {
			c.wrong(n.Right, "matches needs a regular expression in quotes")
		}
		c.expressions[n.Right.Location()] = true
	default:
		c.wrong(n, "there is no operator %s", n.Operator)
	}
	c.node(n.Left)
	c.node(n.Right)
	switch n.Operator {
	case "==", "!=":
		c.compare(n.Left, n.Right)
		c.compare(n.Right, n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, item := range list.Nodes {
				c.compare(n.Left, item)
			}
		}
	}
}

// compare notes a word that a result is compared with.
func (c *checker) compare(finding, word ast.Node) {
	f, ok := finding.(*ast.CallNode)
	w, isWord := word.(*ast.StringNode)
	if !ok || !isWord || len(f.Arguments) != 1 || f.Callee.String() != "finding" {
		return
	}
	if name, ok := f.Arguments[0].(*ast.StringNode); ok {
		at := w.Location()
		c.compared = append(c.compared, Compared{Entry: name.Value, Word: w.Value, from: at.From})
	}
}

// member allows client.ip, and fields of the element that a list is gone through by.
func (c *checker) member(n *ast.MemberNode) {
	field, ok := n.Property.(*ast.StringNode)
	of, isName := n.Node.(*ast.IdentifierNode)
	_, isElement := n.Node.(*ast.PointerNode)
	switch {
	case !ok || n.Optional:
		c.wrong(n, "elements have no numbers: say any(list, …)")
	case isName && of.Value == "client" && (field.Value == "ip" || field.Value == "name"):
	case isName && of.Value == "client":
		c.wrong(n, "client has ip and name, not %s", field.Value)
	case !isElement:
		c.wrong(n, "only client and the elements of attachments have parts")
	}
}

func (c *checker) call(n *ast.CallNode) {
	of, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || of.Value != "header" && of.Value != "finding" {
		c.wrong(n, "there is no function %s: header and finding are", n.Callee)
		return
	}
	var name *ast.StringNode
	if len(n.Arguments) == 1 {
		name, _ = n.Arguments[0].(*ast.StringNode)
	}
	if name == nil || name.Value == "" || of.Value == "header" && strings.ContainsAny(name.Value, ": \t\r\n") {
		c.wrong(n, "%s needs one name in quotes, as in %s(\"x\")", of.Value, of.Value)
		return
	}
	if of.Value == "finding" {
		c.varies = true
		if !slices.Contains(c.findings, name.Value) {
			c.findings = append(c.findings, name.Value)
		}
		return
	}
	c.content = true
}

// list allows counting, not within counting: the time would be the product.
func (c *checker) list(n *ast.BuiltinNode) {
	switch n.Name {
	case "len":
		for _, a := range n.Arguments {
			c.node(a)
		}
		return
	case "any", "all", "none", "one", "count":
	default:
		c.wrong(n, "there is no function %s: len, any, all, none, one and count are", n.Name)
		return
	}
	if c.within {
		c.wrong(n, "%s within another list: lists are not gone through within one another", n.Name)
		return
	}
	if len(n.Arguments) != 2 {
		c.wrong(n, "%s needs a list and a condition, as in %s(urls, # contains \"x\")", n.Name, n.Name)
		return
	}
	c.node(n.Arguments[0])
	c.within = true
	c.node(n.Arguments[1])
	c.within = false
}

// A patcher folds texts, and makes names and operators calls of an env's methods.
type patcher struct {
	expressions map[file.Location]bool // texts that are regular expressions
	err         *file.Error
}

// Visit implements ast.Visitor: it comes to what is within a node before the node.
func (p *patcher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.StringNode:
		if !p.expressions[n.Location()] {
			n.Value = Fold(n.Value)
		}
	case *ast.IdentifierNode:
		p.name(node, n)
	case *ast.MemberNode:
		if of, ok := n.Node.(*ast.IdentifierNode); ok && of.Value == "client" {
			call(node, map[string]string{`"ip"`: "ClientIP", `"name"`: "ClientName"}[n.Property.String()])
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "contains":
			p.contains(node, n)
		case "startsWith":
			call(node, "Starts", n.Left, n.Right)
		case "endsWith":
			call(node, "Ends", n.Left, n.Right)
		case "matches":
			p.matches(node, n)
		case "in":
			p.networks(node, n)
		}
	}
}

func (p *patcher) name(node *ast.Node, n *ast.IdentifierNode) {
	switch method := methodOf(n.Value); method {
	case "":
	case "Header", "Finding": // are called already
		n.Value = method
	default:
		call(node, method)
	}
}

func call(node *ast.Node, method string, arguments ...ast.Node) {
	ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: method}, Arguments: arguments})
}

func (p *patcher) wrong(n ast.Node, err error) {
	if p.err == nil {
		p.err = &file.Error{Location: n.Location(), Message: err.Error()}
	}
}

// contains has subject and body looked through for split words, too.
func (p *patcher) contains(node *ast.Node, n *ast.BinaryNode) {
	if of, ok := n.Left.(*ast.CallNode); ok {
		switch of.Callee.String() {
		case methodOf("subject"):
			call(node, "Says", n.Left, n.Right, &ast.ConstantNode{Value: Subject})
			return
		case methodOf("body"):
			call(node, "Says", n.Left, n.Right, &ast.ConstantNode{Value: Body})
			return
		}
	}
	call(node, "Contains", n.Left, n.Right)
}

// matches compiles the regular expression.
func (p *patcher) matches(node *ast.Node, n *ast.BinaryNode) {
	s, ok := n.Right.(*ast.StringNode)
	if !ok {
		return
	}
	e, err := compile(s.Value)
	if err != nil {
		p.wrong(s, err)
		return
	}
	call(node, "Matches", n.Left, &ast.ConstantNode{Value: &e})
}

// networks has client.ip looked for in networks.
func (p *patcher) networks(node *ast.Node, n *ast.BinaryNode) {
	of, ok := n.Left.(*ast.CallNode)
	list, isList := n.Right.(*ast.ArrayNode)
	if !ok || !isList || of.Callee.String() != "ClientIP" {
		return
	}
	var networks []netip.Prefix
	for _, item := range list.Nodes {
		s, ok := item.(*ast.StringNode)
		if !ok {
			p.wrong(item, errors.New("a network stands in quotes"))
			return
		}
		network, err := parseNetwork(s.Value)
		if err != nil {
			p.wrong(item, err)
			return
		}
		networks = append(networks, network)
	}
	call(node, "Networks", n.Left, &ast.ConstantNode{Value: networks})
}

// sums refuses sums of texts: what is put together in a list would take memory without end.
// Types are known once the condition has been compiled.
type sums struct{ err *file.Error }

// Visit implements ast.Visitor.
func (s *sums) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.BinaryNode); ok && n.Operator == "+" && n.Type().Kind() != reflect.Int && n.Type().Kind() != reflect.Float64 && s.err == nil {
		s.err = &file.Error{Location: n.Location(), Message: "+ is for numbers"}
	}
}

func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(mail.Unmap(a), mail.Unmap(a).BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	if err != nil {
		return n, fmt.Errorf("%q is not a network such as 192.0.2.0/24", s)
	}
	return mail.UnmapPrefix(n).Masked(), nil
}
