package complaint

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files")

// TestParse reads testdata/*.txtar: a message, lines ended by LF there, and what it says.
func TestParse(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			message := bytes.ReplaceAll(a.Files[0].Data, []byte("\n"), []byte("\r\n"))
			got := describe(t, message)
			if *update {
				a.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if want := string(a.Files[1].Data); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func describe(t *testing.T, message []byte) string {
	r, ok := Parse(mail.NewMessage(message))
	if !ok {
		return "no report\n"
	}
	b, err := json.MarshalIndent(struct {
		Form      Form
		Feedback  Feedback   `json:",omitzero"`
		Originals []Original `json:",omitempty"`
		More      int        `json:",omitempty"`
	}{r.Form, r.Feedback, r.Originals, r.More}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// forwards is a mail with n originals attached, each of size octets.
func forwards(n, size int) []byte {
	var b bytes.Buffer
	b.WriteString("From: ann@example.org\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n")
	body := strings.Repeat("spam spam spam spam spam spam spam spam spam spam spam spam\r\n", size/61)
	for i := range n {
		fmt.Fprintf(&b, "--f\r\nContent-Type: message/rfc822\r\n\r\nX-Gatepost-Id: 0pg2b7d4c8e1f5a6%04d\r\nSubject: %d\r\n\r\n%s\r\n", i, i, body)
	}
	b.WriteString("--f--\r\n")
	return b.Bytes()
}

// A report of a thousand originals, and one of 50 MiB, cost no more memory than their
// bounds say.
func TestParseBounds(t *testing.T) {
	for name, c := range map[string]struct {
		message []byte
		least   int // originals
	}{
		"a thousand originals": {forwards(1000, 100), MaxOriginals},
		"50 MiB":               {forwards(5, 10<<20), 5},
		"long fields":          {[]byte("Content-Type: message/feedback-report\r\n\r\n" + strings.Repeat("Reported-Domain: a.example\r\nUser-Agent: "+strings.Repeat("x", 5000)+"\r\n", 1000)), 1},
	} {
		r, ok := Parse(mail.NewMessage(c.message))
		allocs := testing.AllocsPerRun(1, func() { Parse(mail.NewMessage(c.message)) })
		if !ok || len(r.Originals) != c.least || r.More > 1000 {
			t.Errorf("%s: got %t, %d originals and %d more; want %d", name, ok, len(r.Originals), r.More, c.least)
		}
		body, err := json.Marshal(r)
		if err != nil || len(body) > 128<<10 {
			t.Errorf("%s: a row of %d octets, %v", name, len(body), err)
		}
		if allocs > 20_000 {
			t.Errorf("%s: %g allocations", name, allocs)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.ReplaceAll(a.Files[0].Data, []byte("\n"), []byte("\r\n")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := Parse(mail.NewMessage(b))
		if ok && (r.Form == "" || len(r.Originals) == 0) || len(r.Originals) > MaxOriginals || len(r.Feedback.Domains) > maxDomains {
			t.Errorf("got %+v", r)
		}
		for _, o := range r.Originals {
			if o.ID != "" && !isID(o.ID) || len(o.Subject) > maxSubject || len(o.MessageID) > maxID || strings.ContainsAny(o.Subject+o.MessageID, "\r\n\x00") {
				t.Errorf("original %+v", o)
			}
		}
		if p := r.Feedback.MailFrom; !p.IsNull() {
			if again, err := mail.ParsePath(string(p)); err != nil || again.Fold() != p {
				t.Errorf("path %q", p)
			}
		}
		body, err := json.Marshal(r)
		var back Report
		if err != nil || json.Unmarshal(body, &back) != nil || !slices.Equal(back.Originals, r.Originals) || back.Feedback.SourceIP != r.Feedback.SourceIP {
			t.Errorf("as a row: %v, %s", err, body)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, m := range map[string][]byte{"one": forwards(1, 5000), "1000": forwards(1000, 1000), "50MiB": forwards(5, 10<<20)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(m)))
			for b.Loop() {
				if _, ok := Parse(mail.NewMessage(m)); !ok {
					b.Fatal("no report")
				}
			}
		})
	}
}
