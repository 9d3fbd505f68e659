package sent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"gatepost/internal/mail"
)

// TestRefers reads testdata/*.txtar: a message, and the Message-IDs that it is about, one a
// line.
func TestRefers(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil || len(a.Files) != 2 {
				t.Fatal(err, len(a.Files))
			}
			want := strings.Fields(string(a.Files[1].Data))
			if got := Refers(message(string(a.Files[0].Data))); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestRefersBounds: what is beyond the bounds is not seen, and does no harm.
func TestRefersBounds(t *testing.T) {
	part := func(body string) string { return "--b\nContent-Type: text/rfc822-headers\n\n" + body + "\n" }
	head := "Content-Type: multipart/report; boundary=b\n\n"
	many := head + strings.Repeat(part("X: y"), maxParts) + part("Message-ID: <late@a>") + "--b--\n"
	if got := Refers(message(many)); len(got) != 0 {
		t.Errorf("beyond the parts: got %q", got)
	}
	long := head + part(strings.Repeat("X: y\n", maxRead/5)+"Message-ID: <late@a>") + "--b--\n"
	if got := Refers(message(long)); len(got) != 0 {
		t.Errorf("beyond what is read: got %q", got)
	}
	var ids strings.Builder
	for i := range 1000 {
		ids.WriteString(" <" + strings.Repeat("x", i%50+1) + "@a>\n")
	}
	if got := Refers(message("References:" + ids.String() + "\nx\n")); len(got) != MaxRefs || got[0] != strings.Repeat("x", 50)+"@a" {
		t.Errorf("many references: got %d, %q", len(got), got)
	}
}

func FuzzRefers(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range files {
		if b, err := os.ReadFile(path); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ids := Refers(mail.NewMessage(b))
		if len(ids) > MaxRefs {
			t.Errorf("%d Message-IDs", len(ids))
		}
		for _, id := range ids {
			if id == "" || normal(id) != id || len(id) > maxID {
				t.Errorf("Message-ID %q", id)
			}
		}
	})
}
