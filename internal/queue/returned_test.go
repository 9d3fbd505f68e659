package queue

import (
	"bytes"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// What of a message goes back with a report: all of it where that was asked for and is not much, else its header, as far as that is not much.
func TestReturned(t *testing.T) {
	const short, body = "Subject: hello\r\nMessage-ID: <1@here.example>\r\n", "\r\nbody\r\n"
	long := "X: " + strings.Repeat("x", maxReturned-len(short)-len("X: \r\n")) + "\r\n"
	for name, c := range map[string]struct {
		asked, content, want string
		whole                bool
	}{
		"the header":               {"", short + body, short, false},
		"all":                      {"FULL", short + body, short + body, true},
		"all of much":              {"FULL", short + body + strings.Repeat("body\r\n", maxReturned/6), short, false},
		"a header of just so much": {"", short + long + body, short + long, false},
		"a header of more":         {"", short + "Y: 1\r\n" + long + "Z: 1\r\n" + body, short + "Y: 1\r\n", false},
		"no header":                {"", body, "", false},
	} {
		m := newMemory()
		blob, err := m.Put(t.Context(), bytes.NewReader([]byte(c.content)), 0)
		if err != nil {
			t.Fatal(err)
		}
		q := &Queue{c: Config{Contents: m}}
		got := q.original(t.Context(), &Message{Blob: blob, Params: mail.Params{Return: c.asked}})
		if string(got.octets) != c.want || got.whole != c.whole || (got.messageID == "") != (c.want == "") {
			t.Errorf("%s: got %d octets, whole %v, of %q; want %d, %v", name, len(got.octets), got.whole, got.messageID, len(c.want), c.whole)
		}
	}
}

// What a report calls a server.
func TestMTAName(t *testing.T) {
	for host, want := range map[string]string{
		"mx.a.example": "mx.a.example", "192.0.2.1:25": "[192.0.2.1]", "[2001:db8::1]:25": "[IPv6:2001:db8::1]",
	} {
		if got := mtaName(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}
