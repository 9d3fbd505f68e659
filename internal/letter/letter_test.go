package letter

import (
	"net/mail"
	"strings"
	"testing"
	"time"
)

// What a letter's header says is read as it was meant, by another's parser, whatever the names are.
func TestPlain(t *testing.T) {
	for name, l := range map[string]Letter{
		"plain":      {FromName: "Mail of example.org", From: "postmaster@example.org", To: "ann@example.org", Subject: "Full"},
		"accents":    {FromName: "Règles de tri", From: "postmaster@example.org", To: "ann@example.org", Subject: "Vos règles n’ont pas pu s’exécuter"},
		"quotes":     {FromName: `Ann "the\boss"`, From: "postmaster@example.org", To: "ann@example.org", Subject: `"quoted"`},
		"injection":  {FromName: "Ann\r\nBcc: x@example.org", From: "postmaster@example.org", To: "ann@example.org", Subject: "a\r\nBcc: x@example.org"},
		"long":       {FromName: strings.Repeat("Mail ", 40) + "é", From: "postmaster@example.org", To: "ann@example.org", Subject: strings.Repeat("long ", 300)},
		"not ASCII":  {FromName: "Courrier", From: "bürö@example.org", To: "ännchen@example.org", Subject: "x"},
		"other host": {FromName: "x", From: "postmaster@example.org", Host: "mx.example.org", To: "ann@example.org", Subject: "x"},
	} {
		l.ID, l.Language, l.Time = "01J", "fr", time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		content := string(l.Plain("Été\n.\n" + strings.Repeat("x", 200) + "\n"))
		m, err := mail.ReadMessage(strings.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, content)
		}
		if m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Content-Language") != "fr" {
			t.Errorf("%s: header\n%s", name, content)
		}
		if from, err := m.Header.AddressList("From"); name != "injection" && (err != nil || len(from) != 1 || from[0].Address != string(l.From) || strings.TrimSpace(from[0].Name) != strings.TrimSpace(l.FromName)) {
			t.Errorf("%s: From %v, %v\n%s", name, from, err, content)
		}
		host := l.Host
		if host == "" {
			host = l.From.Domain()
		}
		if got := m.Header.Get("Message-Id"); got != "<01J@"+host+">" {
			t.Errorf("%s: Message-ID %s", name, got)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(content, "\r\n"), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%s: line of %d octets", name, len(line))
			}
		}
		if !strings.HasSuffix(content, "\r\n") || !strings.Contains(content, "=C3=89t=C3=A9\r\n") {
			t.Errorf("%s: text\n%s", name, content)
		}
	}
}
