package app

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/allowance"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// letterOf returns what a reader sees of a mail, and checks what programs see.
func letterOf(t *testing.T, content []byte) string {
	t.Helper()
	m := mail.NewMessage(content)
	h := m.Header()
	if h.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("it would be answered:\n%s", content)
	}
	body, _ := m.Text(m.Root(), 1<<20)
	text := "Language: " + h.Get("Content-Language") + "\nFrom: " + h.Text("From") + "\nSubject: " + h.Text("Subject") + "\n" + body
	if strings.Contains(text, "%!") || strings.Contains(text, "[quota.") || strings.Contains(text, "[stop.") {
		t.Errorf("not a text for a person:\n%s", text)
	}
	return text
}

func says(t *testing.T, lang, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %q in\n%s", lang, w, text)
		}
	}
}

func TestQuotaLetter(t *testing.T) {
	words, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	s := quotaState{
		to: "ann@test.example", domain: "test.example", hostname: "mx.test.example", limit: mailbox.Usage{Bytes: 5 << 30, Messages: 100},
		there: mailbox.Usage{Bytes: 5 << 30, Messages: 7}, kept: 30 * 24 * time.Hour, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
	}
	for lang, want := range map[string][]string{
		"en":    {"Subject: Your mailbox is 100 % full", "ann@test.example is full: it is at 100 %", "It holds 5120.00 MiB of 5120.00 MiB. It holds 7 of 100 messages.", "waits with its senders", "- empty the folders", "for 30 days"},
		"fr-CA": {"Language: fr", "From: \"Courrier de test.example\" <postmaster@test.example>", "est pleine\u00a0: elle est à 100 %", "5120,00\u00a0Mio", "7 messages sur 100", "- videz la corbeille", "pendant 30 jours"},
		"de":    {"Language: en"},
	} {
		says(t, lang, letterOf(t, words.quota(lang, s)), want...)
	}
	s.there.Bytes, s.refuses, s.kept = 0, true, 24*time.Hour
	says(t, "en", letterOf(t, words.quota("en", s)), "nearly full", "7 %", "at once", "for 1 day:")
	s.whole, s.kept = true, 0
	says(t, "en, a domain", letterOf(t, words.quota("en", s)), "Subject: All mailboxes of your domain together are 7 % full", "All mailboxes of test.example together are nearly full", "any of them goes back to its senders at once", "- look at the largest")
	s.there.Messages, s.refuses = 100, false
	says(t, "fr, a domain", letterOf(t, words.quota("fr", s)), "Les boîtes de test.example sont pleines", "100 messages sur 100", "Aucune ne reçoit plus de courrier", "attend quelques jours", "- regardez")
}

// Sizes are written as the language has them.
func TestSizeText(t *testing.T) {
	for n, want := range map[int64][2]string{
		0: {"0.0 KiB", "0,0\u00a0Kio"}, 6963: {"6.8 KiB", "6,8\u00a0Kio"}, 1 << 20: {"1.00 MiB", "1,00\u00a0Mio"}, 10 << 30: {"10.0 GiB", "10,0\u00a0Gio"},
	} {
		if en, fr := sizeText("en", n), sizeText("fr", n); en != want[0] || fr != want[1] {
			t.Errorf("%d: %q, %q, want %q", n, en, fr, want)
		}
	}
}

func TestStopLetter(t *testing.T) {
	words, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	stop := allowance.Stop{Since: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Reason: "300 messages in an hour"}
	for lang, want := range map[string][]string{
		"en": {"From: \"Mail of test.example\" <postmaster@test.example>", "Subject: ann@test.example may not send any more", "(300 messages in an hour)", "gatepost submission resume ann@test.example"},
		"fr": {"Language: fr", "ann@test.example ne peut plus envoyer", "gatepost submission show ann@test.example"},
	} {
		says(t, lang, letterOf(t, words.stopped(lang, "postmaster@test.example", "ann@test.example", false, stop, "mx.test.example")), want...)
	}
	machine := letterOf(t, words.stopped("en", "postmaster@test.example", "scanner@test.example", true, stop, "mx.test.example"))
	says(t, "of a sender", machine, "The sender scanner@test.example", "gatepost sender set scanner@test.example --login", "gatepost submission resume scanner@test.example")
	if strings.Contains(machine, "owner") || strings.Contains(machine, "mailbox") {
		t.Errorf("a sender has no mailbox:\n%s", machine)
	}
}
