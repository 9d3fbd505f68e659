package mailbox

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// RFC 8970 §3.3: UTF-8, no markup, no transfer encoding, 256 characters at most.
func TestPreview(t *testing.T) {
	tests := map[string]struct{ message, want string }{
		"no body":          {"Subject: a\r\n\r\n", ""},
		"white space":      {"Subject: a\r\n\r\n  One\r\n\ttwo  three\r\n\r\n", "One two three"},
		"answer":           {"Subject: a\r\n\r\n> What?\r\n> Who?\r\nYes.\r\n", "Yes."},
		"encoded":          {"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 =\r\nnoir\r\n", "café noir"},
		"html":             {"Content-Type: text/html\r\n\r\n<style>p{}</style><p>Hello <b>you</b></p><p>there &amp; here", "Hello you there & here"},
		"plain before all": {"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n", "plain"},
		"blank plain":      {"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n \r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--b--\r\n", "html"},
		"picture":          {"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n", ""},
		"file of text":     {"Content-Type: text/plain; name=a.txt\r\n\r\nlines\r\n", ""},
		"long":             {"Subject: a\r\n\r\n" + strings.Repeat("word ", 1000), strings.TrimSuffix(strings.Repeat("word ", 40), " ")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Preview(mail.NewMessage([]byte(test.message))); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzPreview(f *testing.F) {
	f.Add([]byte("Content-Type: text/html\r\n\r\n<p>Hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Preview(mail.NewMessage(b))
		if !utf8.ValidString(p) || utf8.RuneCountInString(p) > 256 || strings.ContainsAny(p, "\x00\r\n") {
			t.Errorf("%q", p)
		}
	})
}
