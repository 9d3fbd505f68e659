// Package arch holds the house's own rules as tests: which package may import
// which, who owns a module, and how a file is written. docs/architecture.md says
// why; the tables in layers.go and modules.go are the rules themselves.
//
// A Rule looks at a Tree, the parsed sources of the module, and returns Findings.
// The tests run all of them over this repository, and each over small trees that
// break it (testdata/*.txtar), so that no rule can fall silent unseen. A package or
// module that no table knows is a finding, too: it needs a place, and a reason.
package arch

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of the tree's root.
const module = "gatepost"

// A Tree is the parsed sources of a module.
type Tree struct {
	fset  *token.FileSet
	files []*file
}

type file struct {
	path  string // from the root, with slashes
	dir   string // "" for the root
	test  bool
	lines int
	ast   *ast.File
}

// A Finding is one place where a rule is broken.
type Finding struct {
	Path string
	Line int
	Text string
}

// String returns "path:line: text".
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Text) }

// A Rule is one thing that must hold everywhere.
type Rule struct {
	Name  string
	check func(*Tree) []Finding
}

// Check returns where the tree breaks the rule, in order of path and line.
func (r Rule) Check(t *Tree) []Finding {
	found := r.check(t)
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), a.Line-b.Line)
	})
	return found
}

// Rules returns all of them.
func Rules() []Rule {
	return []Rule{
		{"layers", layers}, {"users", users}, {"modules", modules}, {"logging", logging}, {"addresses", addresses},
		{"init", inits}, {"variables", variables}, {"heads", heads}, {"comments", comments},
		{"size", sizes}, {"marks", marks}, {"names", names},
	}
}

// Read parses every Go file of the module in fsys, but for testdata and what
// begins with a dot.
func Read(fsys fs.FS) (*Tree, error) {
	t := &Tree{fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (d.Name() == "testdata" || d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		return t.add(fsys, name)
	})
	if err != nil {
		return nil, fmt.Errorf("arch: read: %w", err)
	}
	return t, nil
}

func (t *Tree) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(t.fset, name, src, parser.ParseComments)
	if err != nil {
		return err
	}
	f := &file{path: name, dir: path.Dir(name), ast: parsed, lines: bytes.Count(src, []byte("\n"))}
	if f.dir == "." {
		f.dir = ""
	}
	f.test = strings.HasSuffix(name, "_test.go")
	t.files = append(t.files, f)
	return nil
}

// at makes a Finding of a place in the source.
func (t *Tree) at(pos token.Pos, format string, args ...any) Finding {
	p := t.fset.Position(pos)
	return Finding{p.Filename, p.Line, fmt.Sprintf(format, args...)}
}

// sources returns the files that are part of the program.
func (t *Tree) sources() []*file {
	return slices.DeleteFunc(slices.Clone(t.files), func(f *file) bool { return f.test })
}

// An imported is one import of a file.
type imported struct {
	path string
	pos  token.Pos
}

func (f *file) imports() (list []imported) {
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser lets none through
		}
		list = append(list, imported{p, spec.Pos()})
	}
	return list
}

// ours returns the directory of a package of this module.
func (i imported) ours() (dir string, ok bool) {
	if i.path == module {
		return "", true
	}
	return strings.CutPrefix(i.path, module+"/")
}
