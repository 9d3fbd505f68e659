package mailbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

func TestAppendString(t *testing.T) {
	long := strings.Repeat("x", maxQuoted+1)
	tests := map[string]string{
		"": `""`, "a": `"a"`, `q"b\`: `"q\"b\\"`, "é": "{2}\r\né", "a\r\nb": "{4}\r\na\r\nb", "a\x00b": "{3}\r\na?b", "tab\t": "\"tab\t\"",
		long: "{1001}\r\n" + long,
	}
	for s, want := range tests {
		got := AppendString(nil, s)
		if string(got) != want {
			t.Errorf("%.40q: got %.60q, want %.60q", s, got, want)
		}
		if back := ParseString(got); back != strings.ReplaceAll(s, "\x00", "?") {
			t.Errorf("%.40q came back as %.40q", s, back)
		}
	}
}

func TestSplitList(t *testing.T) {
	tests := map[string]string{
		`(a "b c" (d (e)) NIL)`:     `[a "b c" (d (e)) NIL]`,
		`((a)(b) "c")`:              `[(a) (b) "c"]`,
		"(\"a\\\")\" {3}\r\n(\" x)": "[\"a\\\")\" {3}\r\n(\"  x]",
		`()`:                        `[]`,
		`(a`:                        `[]`, `(a "b)`: `[]`, "({9}\r\nx)": `[]`, "({-1}\r\nx)": `[]`, `a`: `[]`, ``: `[]`,
	}
	for in, want := range tests {
		if got := fmt.Sprintf("%s", SplitList([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestListItem(t *testing.T) {
	for _, list := range []string{`(a "b c" (d (e)) NIL)`, `((a)(b) "c")`, "(\"a\\\")\" {3}\r\n(\" x)", `()`, `a`, ``} {
		items := SplitList([]byte(list))
		for n := range len(items) + 2 {
			want := ""
			if n < len(items) {
				want = string(items[n])
			}
			if got := ListItem([]byte(list), n); string(got) != want || (got == nil) != (n >= len(items)) {
				t.Errorf("%q, %d: got %q, want %q", list, n, got, want)
			}
		}
	}
	if got := ListItem([]byte(`(a (b`), 1); got != nil {
		t.Errorf("of an element without an end: got %q", got)
	}
}

func TestListItemAllocates(t *testing.T) {
	list := []byte(`("Sun, 22 Nov 2026 12:00:00 +0000" "subject" NIL)`)
	if n := testing.AllocsPerRun(10, func() { ListItem(list, 1) }); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}

func TestAddresses(t *testing.T) {
	tests := map[string]string{
		"ann@example.org":             `((NIL NIL "ann" "example.org"))`,
		"Ann Q. <ann@example.org>":    `(("Ann Q." NIL "ann" "example.org"))`,
		`"Q, Ann" <"a b"@x>, b@y`:     `(("Q, Ann" NIL "a b" "x")(NIL NIL "b" "y"))`,
		"ann@x (Ann (the one))":       `(("Ann (the one)" NIL "ann" "x"))`,
		"=?utf-8?q?=C3=A9?= <e@x>":    `(("=?utf-8?q?=C3=A9?=" NIL "e" "x"))`,
		"<@a,@b:ann@x>":               `((NIL "@a,@b" "ann" "x"))`,
		"friends: a@x, B <b@y>;, c@z": `((NIL NIL "friends" NIL)(NIL NIL "a" "x")("B" NIL "b" "y")(NIL NIL NIL NIL)(NIL NIL "c" "z"))`,
		"undisclosed:;":               `((NIL NIL "undisclosed" NIL)(NIL NIL NIL NIL))`,
		"open: a@x":                   `((NIL NIL "open" NIL)(NIL NIL "a" "x")(NIL NIL NIL NIL))`,
		"nobody":                      `((NIL NIL "nobody" ""))`,
		"<>":                          `((NIL NIL "" ""))`,
		`"open <a@x>`:                 `(("open" NIL "a" "x"))`,
		"<a@x":                        `((NIL NIL "a" "x"))`,
		", ,":                         `NIL`,
		"":                            `NIL`,
		"(comment)":                   `NIL`,
		`"a@b" <c@d>`:                 `(("a@b" NIL "c" "d"))`,
		`"a@b"`:                       `((NIL NIL "a@b" ""))`,
		"a@b@c":                       `((NIL NIL "a@b" "c"))`,
		"Mr. X\t Y <x@y>":             `(("Mr. X Y" NIL "x" "y"))`,
		strings.Repeat("a@b,", maxAddresses+5) + "": "(" + strings.Repeat(`(NIL NIL "a" "b")`, maxAddresses) + ")",
	}
	for in, want := range tests {
		h := mail.NewMessage([]byte("To: " + in + "\r\n\r\n")).Header()
		if got := string(appendAddresses(nil, h, "To")); got != want {
			t.Errorf("%.60q:\n got %.200s\nwant %.200s", in, got, want)
		}
	}
}

func TestPrepare(t *testing.T) {
	m := mail.NewMessage([]byte("Subject: x\r\nTo: a@b\r\nto: c@d\r\nDate:\r\n\r\nbody\r\n"))
	now := time.Unix(5, 0)
	d := Prepare(3, `\Junk`, m, now)
	if d.Box != 3 || d.Folder != `\Junk` || d.Size != m.Size() || !d.Time.Equal(now) {
		t.Errorf("got %+v", d)
	}
	if got, want := string(d.Envelope), `("" "x" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL)`; got != want {
		t.Errorf("envelope:\n got %s\nwant %s", got, want)
	}
	if got, want := string(d.BodyStructure), `("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1 NIL NIL NIL NIL)`; got != want {
		t.Errorf("structure:\n got %s\nwant %s", got, want)
	}
}

// What can't be said in a BODYSTRUCTURE is said in one that can.
func TestOddStructures(t *testing.T) {
	tests := map[string]struct{ message, body string }{
		"multipart without parts": {"Content-Type: multipart/mixed\r\n\r\nx", `("text" "plain" NIL NIL NIL "7bit" 1 0)`},
		"message in a message": {"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx",
			`("message" "rfc822" NIL NIL NIL "7bit" 16 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0) 2)`},
		"no text": {"Content-Type: Image/PNG; name=\"a\"\r\nContent-ID: <x>\r\n\r\nx", `("image" "png" ("name" "a") "<x>" NIL "7bit" 1)`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			structure := AppendStructure(nil, mail.NewMessage([]byte(test.message)).Root())
			if got := string(AppendBody(nil, structure)); got != test.body {
				t.Errorf("got %s\nwant %s\n of %s", got, test.body, structure)
			}
		})
	}
}

// Whatever the message, the lists have their ends and their elements.
func FuzzPrepare(f *testing.F) {
	f.Add([]byte("From: \"a\\\"b\" <x@y>, g: (c) d@e;\r\nSubject: \xe9 \x00\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: <\r\n\r\n--b--"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Prepare(1, "", mail.NewMessage(b), time.Time{})
		envelope := SplitList(d.Envelope)
		if len(envelope) != 10 {
			t.Fatalf("envelope of %d: %q", len(envelope), d.Envelope)
		}
		for _, list := range envelope[EnvFrom : EnvBcc+1] {
			for _, a := range SplitList(list) {
				if len(SplitList(a)) != 4 {
					t.Fatalf("address %q", a)
				}
			}
		}
		if n := element(d.BodyStructure); n != len(d.BodyStructure) {
			t.Fatalf("structure ends at %d: %q", n, d.BodyStructure)
		}
		body := AppendBody(nil, d.BodyStructure)
		if n := element(body); n != len(body) || len(SplitList(body)) < 2 {
			t.Fatalf("body ends at %d: %q", n, body)
		}
	})
}

// Reading lists ends, whatever they are.
func FuzzSplitList(f *testing.F) {
	f.Add([]byte("(a \"b\" {1}\r\nx (c))"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, item := range SplitList(b) {
			ParseString(item)
			if len(item) == 0 {
				t.Fatal("empty element")
			}
		}
		AppendBody(nil, b)
	})
}
