package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

const conditionMail = "From: Ann <ann@shop.example>\nSubject: =?utf-8?q?=D0=86nvoice?= 2026\nX-Mailer: Ex\nX-Mailer: Why\nContent-Type: text/html\n\n" +
	"<p>Please p&#97;y your Invoice</p> <a href='http://Login.example/a'>x</a> <a href='http://b.example/'>y</a>\n"

func conditionFacts() Facts {
	return Facts{
		ClientIP: netip.MustParseAddr("192.0.2.7"), ClientName: func() string { return "Mail.Shop.example" }, Helo: "MAIL", Sender: "bounce@shop.example",
		Recipients: []string{"bob@example.net", "cid@example.net"}, Author: func() string { return "ann@shop.example" },
		Texts: Of(mail.NewMessage([]byte(strings.ReplaceAll(conditionMail, "\n", "\r\n")))), Size: 5000, Score: 2.5, Country: func() string { return "FR" },
		Attachments: func() ([]Attachment, error) {
			return []Attachment{{Name: "Rechnung.PDF.exe", Type: "application/x-dosexec", Size: 70000, SHA256: "ab12", Kind: "executable"}, {Name: "a.txt"}}, nil
		},
		Finding: func(entry string) string { return map[string]string{"spf": "fail"}[entry] },
	}
}

func TestConditions(t *testing.T) {
	in := NewInput(conditionFacts())
	for _, tt := range []struct {
		text string
		want bool
	}{
		{`client.ip == "192.0.2.7"`, true},
		{`client.ip in ["198.51.100.0/24", "192.0.2.0/28"]`, true},
		{`client.ip in ["2001:db8::/32"]`, false},
		{`not (client.ip in ["192.0.2.7"])`, false},
		{`client.ip not in ["192.0.2.7"]`, false},
		{`client.name ends_with ".shop.example" and helo == "mail"`, true},
		{`sender == "Bounce@Shop.Example"`, true},
		{`"bob@example.net" in recipients and len(recipients) == 2`, true},
		{`any(recipients, # starts_with "cid@")`, true},
		{`author == "ann@shop.example"`, true},
		{`subject starts_with "invoice"`, true},
		{`subject matches "^INVOICE \\d{4}$"`, true},
		{`subject matches "^\\D+$"`, false},
		{`header("Subject") == subject`, true},
		{`header("x-mailer") contains "ex" and header("X-Mailer") contains "WHY"`, true},
		{`header("X-None") == ""`, true},
		{`body contains "Pay  your іnvoice"`, true},
		{`html contains "<A HREF"`, true},
		{`count(urls, # contains "login.example") == 1 and len(urls) >= 2`, true},
		{`any(attachments, .name ends_with ".exe" and .size > 50000)`, true},
		{`any(attachments, #.kind == "executable")`, true},
		{`count(attachments, .type starts_with "image/") > 0`, false},
		{`none(attachments, .sha256 in ["ff", "ee"])`, true},
		{`one(attachments, .sha256 in ["ff", "ab12"])`, true},
		{`size > 4 * 1024 and score >= 2.5`, true},
		{`score - 3 < -0.4`, true},
		{`finding("SPF") == "fail" && finding("none") == ""`, true},
		{`country in ["FR", "be"]`, true},
		{`country == "de" or !(size < 10) and true`, true},
		{`"starts_with" == "STARTS_WITH"`, true},
	} {
		c, err := ParseCondition(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got, err := c.Holds(in); err != nil || got != tt.want {
			t.Errorf("%s: got %t, %v", tt.text, got, err)
		}
	}
}

// Words that are split into letters are found as patterns find them.
func TestConditionsOverSplitWords(t *testing.T) {
	message := "Subject: f-r-e-e stuff\nX-Word: s p a m\n\nget v i a g r a\nwhile it lasts\n"
	in := NewInput(Facts{Texts: Of(mail.NewMessage([]byte(strings.ReplaceAll(message, "\n", "\r\n"))))})
	for _, tt := range []struct {
		text string
		want bool
	}{
		{`body contains "viagra"`, true},
		{`body contains "Viagra" and not (body contains "cialis")`, true},
		{`body contains "v i a g"`, true},
		{`subject contains "free"`, true},
		{`subject contains "viagra"`, false},
		{`body contains "free"`, false},
		{`body contains subject`, false},
		{`header("X-Word") contains "spam"`, false},
		{`body matches "viagra"`, false},
	} {
		c, err := ParseCondition(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got, err := c.Holds(in); err != nil || got != tt.want {
			t.Errorf("%s: got %t, %v", tt.text, got, err)
		}
	}
}

// What is the same for all recipients of a message is found out once; score and findings are not.
func TestConditionsAreShared(t *testing.T) {
	f := conditionFacts()
	asked := 0
	f.Attachments = func() ([]Attachment, error) { asked++; return nil, nil }
	for text, want := range map[string]string{
		`none(attachments, .size > 1)`:               "true true, asked 1",
		`none(attachments, .size > 1) and score < 3`: "true false, asked 2",
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		asked = 0
		first, second := f, f
		second.Score = 5
		a, errA := c.Holds(NewInput(first))
		b, errB := c.Holds(NewInput(second))
		if got := fmt.Sprintf("%t %t, asked %d", a, b, asked); got != want || errA != nil || errB != nil {
			t.Errorf("%s: got %s, want %s, %v, %v", text, got, want, errA, errB)
		}
	}
}

func TestConditionErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{``, "column 1: is empty"},
		{`subject`, "column 1: "},
		{`subjct == "x"`, "column 1: unknown name subjct"},
		{`size > 5 and subject contains 5`, "column 31: cannot use int as argument (type string)"},
		{"size > 5\n  and body = 2", "line 2, column 12: "},
		{`size >`, "column 6: "},
		{`client == "x"`, "column 1: say client.ip or client.name"},
		{`client.port == 1`, `column 8: client has ip and name, not port`},
		{`client.ip in ["192.0.2.0/33"]`, `column 15: "192.0.2.0/33" is not a network such as 192.0.2.0/24`},
		{`subject matches "a("`, "column 17: error parsing regexp: missing closing ): `a(`"},
		{`subject matches helo`, "column 17: matches needs a regular expression in quotes"},
		{`subject matches "a*"`, "column 17: matches the empty text, so every message"},
		{`any(urls, any(urls, # contains "x"))`, "column 11: any within another list"},
		{`any(urls, map(urls, #) == [])`, "column 11: there is no function map"},
		{`len(1..1000000) > 1`, "column 6: there is no operator .."},
		{`urls[0] == "x"`, "column 5: elements have no numbers"},
		{`header(subject) == "x"`, `column 1: header needs one name in quotes, as in header("x")`},
		{`finding == "x"`, `column 1: finding needs a name`},
		{`Subject() == "x"`, "column 1: there is no function Subject"},
		{`Contains("a", "a")`, "column 1: there is no function Contains"},
		{`let x = 1; x == 1`, "column 5: this has no place in a condition"},
		{`size > 1 ? true : false`, "this has no place in a condition"},
		{`size ** 2 > 1`, "there is no operator **"},
		{`any(attachments, .names == "x")`, "column 19: "},
		{`"` + strings.Repeat("x", MaxCondition) + `" == ""`, "column 1: longer than 4000 octets"},
		{strings.Repeat("size > 1 and ", 200) + "true", "exceeds maximum"},
		{`subject + body contains "x"`, "column 9: + is for numbers"},
		{`$env == nil`, "column 1: unknown name $env"},
	} {
		_, err := ParseCondition(tt.text)
		at := &SyntaxError{}
		if !errors.As(err, &at) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: got %v, want %s", tt.text, err, tt.want)
		}
	}
}

// What a hostile message makes of a condition is bounded, and told.
func TestConditionBounds(t *testing.T) {
	f := conditionFacts()
	urls := make([]string, mail.MaxURLs)
	for i := range urls {
		urls[i] = fmt.Sprint("http://x.example/", i)
	}
	f.Texts = New(func(w Where) []string {
		if w == URL {
			return urls
		}
		return []string{strings.Repeat("ab ", 1<<18)}
	})
	in := NewInput(f)
	for _, text := range []string{
		`any(urls, body contains #)`,
		`any(urls, body matches "(a|b|c){300}(a?){400}$")`,
		`count(urls, html contains "zz") == 1`,
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Holds(in); !errors.Is(err, errTooMuch) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	c, err := ParseCondition(`count(urls, # contains "/1") > 1000`)
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := c.Holds(in); err != nil || !holds {
		t.Errorf("after those: got %t, %v", holds, err)
	}
}

// FuzzCondition checks that whatever is written is refused with a place, or ends.
func FuzzCondition(f *testing.F) {
	f.Add(`subject contains "invoice" and count(attachments, .name ends_with ".zip") > 0`)
	f.Add(`client.ip in ["192.0.2.0/24"] or finding("spf") != "pass" and score * 2 >= 1.5`)
	f.Add(`any(urls, # matches "login|account") && not (country in ["fr"])`)
	f.Add(`header("X-A") starts_with "a" or len(recipients) / 0 > 1`)
	in := NewInput(conditionFacts())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCondition(text)
		if err != nil {
			if at := (&SyntaxError{}); !errors.As(err, &at) || at.Line < 1 || at.Column < 1 {
				t.Errorf("%q: no place in %v", text, err)
			}
			return
		}
		_, _ = c.Holds(in)
	})
}
