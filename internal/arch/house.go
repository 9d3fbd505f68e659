package arch

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Limits of the house.
const (
	maxFile     = 500 // lines of a file that is not a test
	maxFunction = 80  // lines of a function
)

// inits: nothing happens before main.
func inits(t *Tree) (found []Finding) {
	for _, f := range t.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, t.at(fn.Pos(), "init runs unasked: let a caller do it"))
			}
		}
	}
	return found
}

// heads: every package begins with a comment that says what it is for.
func heads(t *Tree) (found []Finding) {
	headed := map[string]bool{}
	for _, f := range t.sources() {
		doc := f.ast.Doc.Text()
		if strings.HasPrefix(doc, "Package "+f.ast.Name.Name+" ") || strings.HasPrefix(doc, "Command "+path.Base(f.dir)+" ") {
			headed[f.dir] = true
		}
	}
	for _, f := range t.sources() {
		if !headed[f.dir] {
			headed[f.dir] = true // once a package
			found = append(found, t.at(f.ast.Package, "package %s has no head comment (Package %s …)", f.ast.Name.Name, f.ast.Name.Name))
		}
	}
	return found
}

// comments: every exported name says what it adds to its name.
func comments(t *Tree) (found []Finding) {
	for _, f := range t.sources() {
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && onExported(d) && d.Doc == nil {
					found = append(found, t.at(d.Pos(), "%s has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					found = append(found, t.uncommented(d, s)...)
				}
			}
		}
	}
	return found
}

// onExported reports whether a function, or the type of a method, can be seen from
// outside.
func onExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return false
		}
	}
}

// uncommented looks at a type, constant or variable: the comment may stand above
// it, above its group, or behind it.
func (t *Tree) uncommented(d *ast.GenDecl, s ast.Spec) (found []Finding) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			found = append(found, t.at(s.Pos(), "%s has no comment", s.Name.Name))
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				found = append(found, t.at(name.Pos(), "%s has no comment", name.Name))
			}
		}
	}
	return found
}

// sizes: a file is one idea, a function one screen.
func sizes(t *Tree) (found []Finding) {
	for _, f := range t.sources() {
		if f.lines >= maxFile {
			found = append(found, Finding{f.path, f.lines, "the file is too long: part it"})
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := t.line(fn.End()) - t.line(fn.Pos()) + 1; n > maxFunction {
				found = append(found, t.at(fn.Pos(), "%s has %d lines, more than %d", fn.Name.Name, n, maxFunction))
			}
		}
	}
	return found
}

func (t *Tree) line(p token.Pos) int { return t.fset.Position(p).Line }

// marks: what is unfinished stands in the tracker, not in a comment.
func marks(t *Tree) (found []Finding) {
	mark := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	for _, f := range t.files {
		for _, g := range f.ast.Comments {
			for _, c := range g.List {
				if m := mark.FindString(c.Text); m != "" {
					found = append(found, t.at(c.Pos(), "%s in a comment: do it, or file it", m))
				}
			}
		}
	}
	return found
}

// names: a package is named after what it has, not after being a package.
func names(t *Tree) (found []Finding) {
	empty := []string{"util", "utils", "common", "types", "helper", "helpers", "manager", "misc", "base", "shared"}
	for _, f := range t.files {
		if slices.Contains(empty, f.ast.Name.Name) {
			found = append(found, t.at(f.ast.Package, "package name %s says nothing", f.ast.Name.Name))
		}
	}
	return found
}
