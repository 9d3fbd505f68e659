package offer

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

func TestWrite(t *testing.T) {
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	l := Letter{
		ID: "01J", From: "postmaster@mx.example.org", To: "bob@example.org", By: "ann@example.org", Folder: "Été\u202e", Name: "Shared/ann@example.org/Été\u202e",
		May: Read, Now: time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC),
	}
	for lang, want := range map[string][]string{
		"":      {"ann@example.org shares the folder \"Été�\" with you.\n", "    Shared/ann@example.org/Été�\n", "You can read"},
		"fr-CA": {"ann@example.org partage le dossier «\u00a0Été�\u00a0» avec vous.\n", "Vous pouvez en lire"},
	} {
		l.Language = lang
		content := w.Write(l)
		m := mail.NewMessage(content)
		if got := m.Header().Get("Auto-Submitted"); strings.TrimSpace(got) != "auto-generated" {
			t.Errorf("%q: Auto-Submitted %q", lang, got)
		}
		body, _ := m.Text(m.Root(), 1<<20)
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%q: no %q in\n%s", lang, text, content)
			}
		}
		if strings.Contains(body+m.Header().Text("Subject"), "\u202e") {
			t.Errorf("%q: a character that turns the text", lang)
		}
	}
	shown := func() string {
		m := mail.NewMessage(w.Write(l))
		text, _ := m.Text(m.Root(), 1<<20)
		return text
	}
	l.Language, l.Link, l.Hidden = "fr", "https://mail.example.org/share/abc", true
	if got := shown(); !strings.Contains(got, "    https://mail.example.org/share/abc\n") || strings.Contains(got, "abonnez-vous") || !strings.Contains(got, "Une fois que vous") {
		t.Errorf("with a link:\n%s", got)
	}
	l.Folder = ""
	if got := shown(); !strings.Contains(got, "tous les dossiers") {
		t.Errorf("all folders:\n%s", got)
	}
}
