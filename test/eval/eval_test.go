package main

import (
	"io"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func TestClean(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"leaking fields":   {"From: a\r\nX-Spam-Status: Yes,\r\n\ttests=x\r\nSubject: b\r\n\r\nX-Spam-Flag: stays\r\n", "From: a\r\nSubject: b\r\n\r\nX-Spam-Flag: stays\r\n"},
		"nothing to clean": {"From: a\r\n b\r\n\r\n\r\nx", "From: a\r\n b\r\n\r\n\r\nx"},
		"no body":          {"x-spam-flag: y\r\nFrom: a\r\n", "From: a\r\n"},
		"empty":            {"", ""},
	} {
		if got := string(clean([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestRepeats(t *testing.T) {
	of := func(name string, spam bool, text string) message {
		return message{name, spam, mail.NewMessage([]byte("Subject: x\r\n\r\n" + text))}
	}
	offer := strings.Repeat("our new collection of watches has arrived in the shop and you can order any of them today ", 2)
	var out strings.Builder
	repeats(&out, []message{of("a", true, offer), of("b", true, offer+"or tomorrow"), of("c", false, offer), of("d", false, "hello")}, true)
	for _, want := range []string{"checksum  0 of 2, 0.00 %", "checksum or sketch     1 of 2, 50.00 %  1 of 2, 50.00 %", "  c "} {
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := run(io.Discard, t.TempDir(), false); err == nil {
		t.Error("an empty corpus is measured")
	}
}
