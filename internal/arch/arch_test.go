package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestHouse holds this repository to the rules.
func TestHouse(t *testing.T) {
	tree := read(t, os.DirFS("../.."))
	if len(tree.files) < 10 {
		t.Fatalf("only %d files were read", len(tree.files))
	}
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range r.Check(tree) {
				t.Error(f)
			}
		})
	}
}

// TestRules sees each rule red. A file of testdata is a tree that breaks the rule
// it is named after (up to a dash); its comment has the findings.
func TestRules(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	red := map[string]bool{}
	for _, path := range cases {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		rule, _, _ := strings.Cut(name, "-")
		red[rule] = true
		t.Run(name, func(t *testing.T) { breaks(t, rule, path) })
	}
	for _, r := range Rules() {
		if !red[r.Name] {
			t.Errorf("no tree in testdata breaks the rule %s", r.Name)
		}
	}
}

func breaks(t *testing.T, rule, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files, err := txtar.FS(archive)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(Rules(), func(r Rule) bool { return r.Name == rule })
	if i < 0 {
		t.Fatalf("no rule is named %q", rule)
	}
	var got strings.Builder
	for _, f := range Rules()[i].Check(read(t, files)) {
		got.WriteString(f.String() + "\n")
	}
	if want := string(archive.Comment); got.String() != want || want == "" {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func read(t *testing.T, fsys fs.FS) *Tree {
	t.Helper()
	tree, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestSizes is apart from the trees: a file that breaks the rule is long.
func TestSizes(t *testing.T) {
	long := "package mail\n\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFile) + "}\n"
	files, err := txtar.FS(&txtar.Archive{Files: []txtar.File{
		{Name: "internal/mail/long.go", Data: []byte(long)},
		{Name: "internal/mail/long_test.go", Data: []byte(long)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := Rule{check: sizes}.Check(read(t, files))
	want := []Finding{
		{"internal/mail/long.go", 3, "f has 502 lines, more than 80"},
		{"internal/mail/long.go", 504, "the file is too long: part it"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
