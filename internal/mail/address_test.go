package mail

import (
	"fmt"
	netmail "net/mail"
	"strings"
	"testing"
)

// list draws addresses as "Name|local|domain", groups with brackets.
func list(addresses []Address) string {
	var b strings.Builder
	for _, a := range addresses {
		switch a.Mark {
		case GroupStart:
			fmt.Fprintf(&b, "[%s ", a.Name)
		case GroupEnd:
			b.WriteString("]")
		default:
			fmt.Fprintf(&b, "%s|%s|%s ", a.Name, a.Local, a.Domain)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestParseAddressList(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"bare", "a@example.com", "|a|example.com"},
		{"angle", "Jane Doe <jane@example.com>", "Jane Doe|jane|example.com"},
		{"quoted name", `"Doe, Jane \"J\"" <jane@example.com>`, `Doe, Jane "J"|jane|example.com`},
		{"several", "a@example.com, b@example.com,,c@example.com", "|a|example.com |b|example.com |c|example.com"},
		{"encoded name", "=?utf-8?q?Caf=C3=A9?= =?utf-8?q?_x?= <a@example.com>", "Café x|a|example.com"},
		{"comma in encoded word", "=?utf-8?q?Doe,_J?= <a@example.com>", "Doe, J|a|example.com"},
		{"encoded in quotes", `"=?utf-8?q?Caf=C3=A9?=" <a@example.com>`, "Café|a|example.com"},
		{"comment as name", "a@example.com (Jane (J) Doe)", "Jane (J) Doe|a|example.com"},
		{"comments", "(x)a(y)@(z)example.com(w)", "w|a|example.com"},
		{"quoted local", `"a b"@example.com`, "|a b|example.com"},
		{"quoted local in angle", `<"a\"b"@example.com>`, `|a"b|example.com`},
		{"literal", "a@[192.0.2.1]", "|a|[192.0.2.1]"},
		{"spaces around dots", "a . b @ example . com", "|a.b|example.com"},
		{"route", "<@x.example,@y.example:a@example.com>", "|a|example.com"},
		{"group", "Friends: a@example.com, B <b@example.com>;, c@example.com", "[Friends |a|example.com B|b|example.com ]|c|example.com"},
		{"empty group", "undisclosed-recipients:;", "[undisclosed-recipients ]"},
		{"group not closed", "x: a@example.com", "[x |a|example.com ]"},
		{"group in group", "x: y: a@example.com;", "[x ][y |a|example.com ]"},
		{"no domain", "root, Jane Doe", "|root| |Jane Doe|"},
		{"empty angle", "<>", "||"},
		{"name with dots", "J. R. Doe <a@example.com>", "J. R. Doe|a|example.com"},
		{"address as name", "pay@bank.example <evil@example.com>", "pay@bank.example|evil|example.com"},
		{"two ats", "<good@bank.example@evil.example>", "|good@bank.example|evil.example"},
		{"two ats bare", "good@bank.example@evil.example", "|good@bank.example|evil.example"},
		{"quote not closed", `"Jane <a@example.com>, b@example.com`, "Jane|a|example.com |b|example.com"},
		{"comment not closed", "Jane (x <a@example.com>", "Jane x|a|example.com"},
		{"angle not closed", "Jane <a@example.com", "Jane|a|example.com"},
		{"literal not closed", "a@[192.0.2.1", "|a|[192.0.2.1"},
		{"after the angle", "Jane <a@example.com> junk, b@example.com", "Jane|a|example.com |b|example.com"},
		{"utf-8", "Zoë <zoë@exämple.com>", "Zoë|zoë|exämple.com"},
		{"latin-1 name", "Zo\xeb <z@example.com>", "Zoë|z|example.com"},
		{"nothing", " , ;", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := list(ParseAddressList(tt.in)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAsWritten(t *testing.T) {
	a := ParseAddressList(`=?utf-8?q?Caf=C3=A9?= <a@example.com>`)[0]
	if want := "=?utf-8?q?Caf=C3=A9?="; a.Phrase != want {
		t.Errorf("got %q, want %q", a.Phrase, want)
	}
	a = ParseAddressList("<@x.example, @y.example : a@example.com>")[0]
	if want := "@x.example,@y.example"; a.Route != want {
		t.Errorf("route: got %q, want %q", a.Route, want)
	}
}

func TestAuthor(t *testing.T) {
	tests := []struct {
		name, header string
		want         Path
		ok           bool
	}{
		{"one", "From: Jane <Jane@Example.COM>", "Jane@example.com", true},
		{"group of one", "From: x: a@example.com;", "a@example.com", true},
		{"none", "To: a@example.com", "", false},
		{"two fields", "From: a@example.com\r\nFrom: a@example.com", "", false},
		{"two mailboxes", "From: a@example.com, b@example.com", "", false},
		{"one of two unreadable", "From: a, b@example.com", "", false},
		{"no domain", "From: a", "", false},
		{"bad domain", "From: a@exa_mple-.com", "", false},
		{"two ats", "From: <good@bank.example@evil.example>", `"good@bank.example"@evil.example`, true},
		{"idn", "From: a@bücher.example", "a@xn--bcher-kva.example", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := NewMessage([]byte(tt.header + "\r\n\r\n")).Author()
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %q %v, want %q %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzAddressList(f *testing.F) {
	for _, s := range []string{`"a\"b" <c@d>, e: f@g (h);`, "<@a,@b:c@d>", "a@[b], c@d <e@f>", "=?utf-8?q?a,b?= <c@d>", `"`, "(", "<", "a.@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := ParseAddressList(s)
		depth := 0
		for _, a := range got {
			switch a.Mark {
			case GroupStart:
				depth++
			case GroupEnd:
				depth--
			default:
				if p, ok := a.Path(); ok {
					if again, err := ParsePath(p.String()); err != nil || again != p {
						t.Errorf("path %q is not canonical: %q, %v", p, again, err)
					}
				}
			}
			if depth < 0 || depth > 1 {
				t.Fatalf("groups do not match: %v", got)
			}
		}
		if depth != 0 {
			t.Errorf("group left open: %v", got)
		}
		likeNetMail(t, s, got)
	})
}

// likeNetMail compares with the standard library where that can read.
func likeNetMail(t *testing.T, s string, got []Address) {
	want, err := netmail.ParseAddressList(s)
	if err != nil || strings.ContainsAny(s, "=(:\\\"") || !isASCII(s) {
		return
	}
	i := 0
	for _, a := range got {
		if a.Mark != Mailbox {
			continue
		}
		if i >= len(want) || want[i].Address != a.Local+"@"+a.Domain {
			t.Errorf("%q: got %s, want %v", s, list(got), want)
			return
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%q: got %s, want %v", s, list(got), want)
	}
}

// TestFromPaths: what is kept of a message's authors is what each address says of itself.
func TestFromPaths(t *testing.T) {
	value := `Ann <ann@EXAMPLE.org>, "b b"@two.example, nobody, Group: c@three.example;, <@>, d@bücher.example, `
	value += strings.Repeat("e@four.example, ", 2*maxKnown)
	m := NewMessage([]byte("From: " + value + "\r\n\r\n"))
	for i, a := range ParseAddressList(value) {
		want, ok := a.Path()
		if got, gotOK := m.From()[i].Path(); got != want || gotOK != ok {
			t.Errorf("%+v: got %q, %t; want %q, %t", a, got, gotOK, want, ok)
		}
	}
}

func TestOneReading(t *testing.T) {
	for value, want := range map[string]bool{
		"ann@here.example":                             true,
		"Ann <ann@here.example>, b@c.example":          true,
		`"a, <b@c.example>" <ann@here.example> (late)`: true,
		"team: ann@here.example, <bob@here.example>;":  true,
		"":                                       true,
		"<ann@here.example> <boss@bank.example>": false,
		"<ann@here.example> boss@bank.example":   false,
		"<@bank.example:ann@here.example>":       false,
		"<ann@here.example":                      false,
		"<<ann@here.example>>":                   false,
		"<ann@here.example, boss@bank.example>":  false,
	} {
		if got := OneReading(value); got != want {
			t.Errorf("%s: got %t, want %t", value, got, want)
		}
	}
}

// FuzzOneReading checks that it comes to an end, and that what is written plainly has one reading.
func FuzzOneReading(f *testing.F) {
	f.Add(`a:b]\)(@"<,;>`, "ann")
	f.Fuzz(func(t *testing.T, value, name string) {
		OneReading(value)
		plain := (&netmail.Address{Name: name, Address: "ann@here.example"}).String()
		if !OneReading(plain) {
			t.Errorf("%q has more than one", plain)
		}
	})
}
