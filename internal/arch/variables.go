package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// variables: a package has no state. Its variables are values that nobody changes:
// sentinel errors, tables, compiled expressions. What can be seen without types is
// checked: nobody assigns to one, or to a part of it; no other package takes its
// address; none begins without a value; none is a lock, a counter or a pool.
func variables(t *Tree) (found []Finding) {
	written := t.writes()
	for _, f := range t.sources() {
		for _, v := range f.variables() {
			name := v.name.Name
			switch {
			case name == "_" || v.embed:
			case len(v.spec.Values) == 0:
				found = append(found, t.at(v.name.Pos(), "variable %s begins without a value: it is state", name))
			case isState(v.spec):
				found = append(found, t.at(v.name.Pos(), "variable %s is state", name))
			}
			for _, w := range written {
				if name != "_" && w.to(f.dir, v) {
					found = append(found, t.at(w.pos, "package variable %s %s", name, w.how))
				}
			}
		}
	}
	return found
}

type variable struct {
	name  *ast.Ident
	spec  *ast.ValueSpec
	embed bool
}

// variables returns the package variables that a file declares.
func (f *file) variables() (list []variable) {
	for _, d := range f.ast.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			spec := s.(*ast.ValueSpec)
			for _, name := range spec.Names {
				list = append(list, variable{name, spec, embeds(g.Doc) || embeds(spec.Doc)})
			}
		}
	}
	return list
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// isState reports whether a variable is made to be changed: its type or the
// literal it begins with is of sync or sync/atomic.
func isState(spec *ast.ValueSpec) (state bool) {
	nodes := []ast.Node{}
	if spec.Type != nil {
		nodes = append(nodes, spec.Type)
	}
	for _, v := range spec.Values {
		nodes = append(nodes, v)
	}
	for _, n := range nodes {
		ast.Inspect(n, func(n ast.Node) bool {
			if _, inside := n.(*ast.FuncLit); inside {
				return false
			}
			if s, ok := n.(*ast.SelectorExpr); ok {
				x, ok := s.X.(*ast.Ident)
				state = state || ok && (x.Name == "sync" && s.Sel.Name != "OnceValue" && s.Sel.Name != "OnceValues" || x.Name == "atomic")
			}
			return true
		})
	}
	return state
}

// A write is a place where something is assigned to.
type write struct {
	pos  token.Pos
	dir  string     // of the package it is made in
	pkg  string     // last element of the package written to, "" for its own
	name *ast.Ident // what is assigned to, or a part of it
	how  string     // what is done to it
}

// to reports whether w changes the variable v of package dir.
func (w write) to(dir string, v variable) bool {
	if w.name.Name != v.name.Name {
		return false
	}
	if w.pkg != "" {
		return dir == w.pkg || strings.HasSuffix(dir, "/"+w.pkg)
	}
	// The parser resolves what a file declares itself: a local variable of the same
	// name is another object.
	return w.dir == dir && (w.name.Obj == nil || w.name.Obj.Decl == v.spec)
}

// writes finds every assignment, increment, address and delete.
func (t *Tree) writes() (list []write) {
	for _, f := range t.files {
		note := func(e ast.Expr, how string) {
			if w, ok := f.root(e); ok {
				w.how = how
				list = append(list, w)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						note(e, "is changed")
					}
				}
			case *ast.IncDecStmt:
				note(n.X, "is changed")
			case *ast.UnaryExpr:
				if s, ok := n.X.(*ast.SelectorExpr); ok && n.Op == token.AND && f.isForeign(s) {
					note(s, "has its address taken outside: who has that can change it")
				}
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && fn.Obj == nil && len(n.Args) > 0 {
					note(n.Args[0], "is changed")
				}
			}
			return true
		})
	}
	return list
}

// root finds the variable of which e is a part: x of x.f[i].
func (f *file) root(e ast.Expr) (write, bool) {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			if f.isForeign(x) {
				return write{pos: e.Pos(), dir: f.dir, pkg: x.X.(*ast.Ident).Name, name: x.Sel}, true
			}
			e = x.X
		case *ast.Ident:
			return write{pos: e.Pos(), dir: f.dir, name: x}, true
		default:
			return write{}, false
		}
	}
}

// isForeign reports whether s is a name of a package that the file imports.
func (f *file) isForeign(s *ast.SelectorExpr) bool {
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Obj == nil && slices.ContainsFunc(f.imports(), func(i imported) bool {
		return i.path == pkg.Name || strings.HasSuffix(i.path, "/"+pkg.Name)
	})
}
