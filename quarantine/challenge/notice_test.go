package challenge

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample(lang string) Notice {
	paris := time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 25, 9, 5, 0, 0, paris)
	return Notice{
		ID: "06ab12cd34ef56gh78ij", From: "postmaster@mx.gate.example", To: "ann@example.org", Domains: []string{"maison.example"},
		Subject: "Devis n° 12 pour votre toiture", MessageID: "<1@example.org>", Time: at, Expires: at.Add(30 * 24 * time.Hour),
		Link: "https://mail.gate.example/c/" + strings.Repeat("aB3-", 14), Language: lang, Now: at.Add(time.Minute),
	}
}

func write(t *testing.T, n Notice) []byte {
	t.Helper()
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	return w.Write(n)
}

func TestNotice(t *testing.T) {
	several := sample("fr-CA")
	several.Domains, several.Subject, several.MessageID = []string{"a.example", "b.example", "c.example", "d.example"}, "", ""
	umlauts := sample("en")
	umlauts.Domains = []string{"bücher.example", "xn--a.example"}
	hostile := sample("en")
	hostile.Subject = "<b>win</b> \u202etxt & \"more\"\r\nBcc: x@y " + strings.Repeat("long ", 60)
	hostile.MessageID = "<a b@c>\r\nX: y"
	for name, n := range map[string]Notice{"english": sample("en"), "french": sample("fr"), "several": several, "hostile": hostile, "umlauts": umlauts, "german": sample("de")} {
		t.Run(name, func(t *testing.T) {
			got := write(t, n)
			path := filepath.Join("testdata", name+".eml")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v; got\n%s", err, got)
			}
		})
	}
}

// A notice is what RFC 3834 asks of an automatic response, whatever it is about.
func TestNoticeFields(t *testing.T) {
	n := sample("fr")
	n.Subject = "x\r\nBcc: all@example.org"
	m := mail.NewMessage(write(t, n))
	h := m.Header()
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-replied", "In-Reply-To": "<1@example.org>", "References": "<1@example.org>", "To": "<ann@example.org>",
		"From": `"Remise du courrier, maison.example" <postmaster@mx.gate.example>`, "Precedence": "", "Bcc": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	parts := m.Root().Parts
	if m.Err() != nil || len(parts) != 2 || !parts[0].Is("text/plain") || !parts[1].Is("text/html") {
		t.Fatalf("%d parts, %v", len(parts), m.Err())
	}
	for _, p := range parts {
		text, _ := m.Text(p, 1<<20)
		if !strings.Contains(text, n.Link) {
			t.Errorf("%s has no link", p.Subtype)
		}
		for line := range strings.Lines(text) {
			if len(line) > 998 {
				t.Errorf("a line of %d octets", len(line))
			}
		}
	}
	if Unread("ann@example.org", h) != Automatic {
		t.Error("one who tells senders would answer a notice")
	}
}

func TestFirstOfTheMonth(t *testing.T) {
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "1 January 2027", "fr": "1er janvier 2027"} {
		if got := w.date(time.Date(2027, 1, 1, 6, 0, 0, 0, time.UTC), lang); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q", lang, got)
		}
	}
}
