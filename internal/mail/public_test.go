package mail

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// collections are modules that ship malformed mail as test data, with their sums in go.sum's
// form: they are downloaded, never linked.
var collections = []struct{ module, sum string }{
	{"github.com/jhillyerd/enmime/v2@v2.3.0", "h1:Y/pzQanyU8nkSgB2npXX8Dha5OItJE/QwbDJM4sf/kU="},
	{"github.com/jhillyerd/enmime@v1.3.0", "h1:LV5kzfLidiOr8qRGIpYYmUZCnhrPbcFAnAFUnWn99rw="},
}

// TestPublicCollections reads the malformed mail that others collected: without panic, and with
// text as testdata/public.golden has it, which a person has read.
func TestPublicCollections(t *testing.T) {
	var got strings.Builder
	for _, c := range collections {
		dir := downloaded(t, c.module, c.sum)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(path, "testdata") || strings.HasSuffix(path, ".golden") {
				return err
			}
			content, err := os.ReadFile(path)
			name, _ := filepath.Rel(dir, path)
			got.WriteString(c.module + " " + name + summary(t, name, []byte(crlf(strings.ReplaceAll(string(content), "\r\n", "\n")))))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/public.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("other than %s: run with -update and read what changed", golden)
	}
}

// downloaded returns where a module is, fetched by the go command if need be.
func downloaded(t *testing.T, module, sum string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir() // not to touch go.mod
	out, err := cmd.Output()
	var m struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &m); err != nil || jsonErr != nil || m.Error != "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: %v %v %s", module, err, jsonErr, m.Error)
		}
		t.Skipf("%s can't be had: %v %s", module, err, m.Error)
	}
	if m.Sum != sum {
		t.Fatalf("%s has the sum %s", module, m.Sum)
	}
	return m.Dir
}

// summary reads a message, in memory and spooled, and says in short what is in it.
func summary(t *testing.T, name string, content []byte) string {
	e := NewMessage(content).Extract()
	if again := NewSpooled(strings.NewReader(string(content)), int64(len(content))).Extract(); again.Body() != e.Body() || again.Hidden != e.Hidden {
		t.Errorf("%s: other text when spooled", name)
	}
	for _, s := range []string{e.Subject, e.Text, e.Visible, e.Hidden} {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r\u200b") {
			t.Errorf("%s: %.200q", name, s)
		}
		if n := strings.Count(s, "\uFFFD"); n*20 > len(s) {
			t.Errorf("%s: %d characters of %.200q can't be read", name, n, s)
		}
	}
	return fmt.Sprintf("\n\tsubject %.80q\n\ttext %s\n\tvisible %s\n\tlinks %d, hidden %d, files %.200q\n",
		e.Subject, start(e.Text), start(e.Visible), len(e.Links()), len(e.Hidden), e.Filenames)
}

// start is the first words of a text.
func start(s string) string {
	return fmt.Sprintf("%d: %.100q", len(s), strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " "))
}
