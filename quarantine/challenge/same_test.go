package challenge

import (
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func hashOf(t *testing.T, text string) Content {
	t.Helper()
	c, err := Hash(mail.NewMessage([]byte(strings.ReplaceAll(text, "\n", "\r\n"))))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const first = "Received: from a\nFrom: Ann <Ann@a.example>\nSubject: =?utf-8?q?d=C3=A9jeuner?=\nMessage-ID: <1@a>\nContent-Type: multipart/alternative; boundary=one\n\n" +
	"--one\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nau caf=C3=A9\nà midi\n--one\nContent-Type: text/html\n\n<p>x</p>\n--one--\n"

func TestHash(t *testing.T) {
	tests := []struct {
		name, text string
		same       bool
	}{
		{"another trace, Message-ID and boundary", strings.NewReplacer("from a", "from b", "<1@a>", "<2@a>", "one", "two").Replace(first), true},
		{"another transfer encoding", strings.NewReplacer("quoted-printable", "8bit", "=C3=A9\nà", "é\nà").Replace(first), true},
		{"another encoding of the subject", strings.Replace(first, "=?utf-8?q?d=C3=A9jeuner?=", "=?utf-8?b?ZMOpamV1bmVy?=", 1), true},
		{"blanks at the ends of lines", strings.Replace(first, "à midi\n", "à midi \t\n\n\n", 1), true},
		{"another way to write the author", strings.Replace(first, "Ann <Ann@a.example>", "\"Ann B.\" <ann@A.example>", 1), true},
		{"another author", strings.Replace(first, "Ann@a", "Bob@a", 1), false},
		{"an author that is no address", strings.Replace(first, "Ann <Ann@a.example>", "Bob", 1), false},
		{"no author", strings.Replace(first, "From: Ann <Ann@a.example>\n", "", 1), false},
		{"another word", strings.Replace(first, "midi", "minuit", 1), false},
		{"another subject", strings.Replace(first, "jeuner", "part", 1), false},
		{"another type", strings.Replace(first, "text/html", "text/x-html", 1), false},
		{"a line less", strings.Replace(first, "=A9\n", "=A9 ", 1), false},
		{"another html", strings.Replace(first, "<p>x", "<p>y", 1), false},
	}
	want := hashOf(t, first)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hashOf(t, tt.text); (got == want) != tt.same {
				t.Errorf("the same: got %v, want %v", got == want, tt.same)
			}
		})
	}
}

// Two mails with nothing in them are not the same if they say other things in their
// subjects, and what one part ends with is not what the next begins with.
func TestHashBounds(t *testing.T) {
	if hashOf(t, "Subject: a\n\n") == hashOf(t, "Subject: b\n\n") {
		t.Error("empty bodies with other subjects are the same")
	}
	part := func(a, b string) string {
		return "Content-Type: multipart/mixed; boundary=x\n\n--x\n\n" + a + "\n--x\n\n" + b + "\n--x--\n"
	}
	if hashOf(t, part("ab", "c")) == hashOf(t, part("a", "bc")) {
		t.Error("parts run together")
	}
}

func TestKey(t *testing.T) {
	c := hashOf(t, first)
	key := Key("prvs=0123456789=ann@example.org", "box 7", c)
	if got := Key("Ann@example.org", "box 7", c); got != key || len(key) != 43 {
		t.Errorf("got %s, want %s", got, key)
	}
	for name, other := range map[string]string{
		"sender": Key("bob@example.org", "box 7", c), "recipient": Key("ann@example.org", "box 8", c),
		"content": Key("ann@example.org", "box 7", hashOf(t, "\n")),
	} {
		if other == key {
			t.Errorf("another %s has the same key", name)
		}
	}
	if Origin("ann@example.org", " ") != "" || Origin("ann+1@example.org", "<1@a>") != Origin("ann@example.org", "<1@a> ") {
		t.Error("origins are wrong")
	}
}

// Whatever a message is made of, it is read to its end and has one hash.
func FuzzHash(f *testing.F) {
	f.Add([]byte(first))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := Hash(mail.NewMessage(b))
		two, err2 := Hash(mail.NewMessage(b))
		if err != nil || err2 != nil || one != two {
			t.Errorf("%v, %v", err, err2)
		}
	})
}
