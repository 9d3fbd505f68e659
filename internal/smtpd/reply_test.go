package smtpd

import (
	"strings"
	"testing"

	"gatepost/internal/mail"
)

func TestAnswer(t *testing.T) {
	own := func(code int, enhanced, text string) mail.Verdict {
		return mail.Verdict{Answer: mail.Refused, ID: "id1", Reason: "usual", Reply: mail.Reply{Code: code, Enhanced: enhanced, Text: text}}
	}
	tests := []struct {
		name    string
		verdict mail.Verdict
		want    string
		shut    bool
	}{
		{"ok", mail.Verdict{}, "250 2.0.0 ok", false},
		{"no such mailbox", mail.Verdict{Answer: mail.NoSuchMailbox}, "550 5.1.1 no such mailbox", false},
		{"no relay", mail.Verdict{Answer: mail.NoRelay}, "554 5.7.1 relaying denied", false},
		{"not yours", mail.Verdict{Answer: mail.NotYours}, "550 5.7.1 sender address not yours", false},
		{"full", mail.Verdict{Answer: mail.MailboxFull}, "452 4.2.2 mailbox full", false},
		{"closed", mail.Verdict{Answer: mail.MailboxClosed}, "550 5.2.1 mailbox closed", false},
		{"refused", mail.Verdict{Answer: mail.Refused, ID: "id1", Reason: "SPF fails"}, "550 5.7.1 SPF fails (id1)", false},
		{"deferred", mail.Verdict{Answer: mail.Deferred}, "451 4.7.1 deferred by policy, come back later", false},
		{"shut", mail.Verdict{Answer: mail.Shut}, "554 5.7.1 refused by policy", true},
		{"busy", mail.Verdict{Answer: mail.Busy}, "421 4.3.2 busy, come back later", true},
		{"no space", mail.Verdict{Answer: mail.NoSpace}, "452 4.3.1 no room now, come back later", false},
		{"failed", mail.Verdict{Answer: mail.Failed}, "451 4.3.0 local error, come back later", false},
		{"loop", mail.Verdict{Answer: mail.Loop}, "554 5.4.6 mail loop: too many Received fields", false},
		{"too many", mail.Verdict{Answer: mail.TooManyRecipients}, "452 4.5.3 too many recipients", false},
		{"other policy", mail.Verdict{Answer: mail.OtherPolicy}, "452 4.5.3 send to this recipient on its own", false},
		{"malformed", mail.Verdict{Answer: mail.Malformed}, "554 5.6.0 content cannot be taken", false},
		{"unknown", mail.Verdict{Answer: 99}, "451 4.3.0 local error, come back later", false},
		{"own", own(571, "5.7.26", "go away"), "571 5.7.26 go away (id1)", false},
		{"own code alone", own(450, "", ""), "450 4.7.1 usual (id1)", false},
		{"own of another class", own(450, "5.7.1", "wait"), "450 4.7.1 wait (id1)", false},
		{"own 421", own(421, "4.7.0", "bye"), "421 4.7.0 bye (id1)", true},
		{"own is no refusal", own(250, "2.0.0", "ok"), "550 5.7.1 usual (id1)", false},
		{"own is bad", own(550, "5.7.1\r\n", "a\r\nb"), "550 5.7.1 a??b (id1)", false},
		{"long", mail.Verdict{Answer: mail.Refused, Reason: strings.Repeat("é", 1000)}, "550 5.7.1 " + strings.Repeat("?", maxText/2), false},
		{"held, with a link", mail.Verdict{Answer: mail.Refused, ID: "id1", Reason: "secret", Reply: mail.Reply{Code: 571}, Links: []string{"https://m.example/c/abc"}},
			"550 5.7.1 held as possible spam; to deliver it: https://m.example/c/abc (id1)", false},
		{"held for some, with a link", mail.Verdict{Answer: mail.Refused, ID: "id1", Links: []string{"https://m.example/c/abc"}, Some: true},
			"550 5.7.1 refused for some recipients, held as possible spam for others; to deliver it to those: https://m.example/c/abc (id1)", false},
		{"a failure has no link", mail.Verdict{Answer: mail.Failed, Links: []string{"https://m.example/c/abc"}}, "451 4.3.0 local error, come back later", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := answer(test.verdict)
			if got := string(r.append(nil)); got != test.want+"\r\n" || r.shut != test.shut {
				t.Errorf("got %q, shut %v; want %q, %v", got, r.shut, test.want, test.shut)
			}
		})
	}
}

func TestEachReplyIsWellFormed(t *testing.T) {
	for _, r := range verdicts {
		if line := string(r.append(nil)); !wellFormed(line) || r.enhanced[0] != line[0] {
			t.Errorf("%q", line)
		}
	}
}

func TestGreeting(t *testing.T) {
	got := string(greeting("mx.test.example", []string{"PIPELINING", "SIZE 10"}).append(nil))
	if want := "250-mx.test.example\r\n250-PIPELINING\r\n250 SIZE 10\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// However many links there are, and however long, the reply is one line of RFC 5321's
// length, and each link in it is whole.
func TestLinksFit(t *testing.T) {
	for i, size := range []int{30, 150, 263, 263, 430, 441, 600, 600} {
		link := "https://" + strings.Repeat("x", size-8)
		v := mail.Verdict{Answer: mail.Refused, ID: strings.Repeat("i", 20), Links: []string{link, link, link, link}, Some: i%2 == 1}
		line := string(answer(v).append(nil))
		whole := 0
		for _, word := range strings.Fields(line) {
			whole += map[bool]int{true: 1}[word == link]
		}
		if !wellFormed(line) || len(line) > 512 || strings.Count(line, "https://") != whole {
			t.Errorf("%d octets each: %d octets, %d whole: %q", size, len(line), whole, line)
		}
		if size <= 263 && whole == 0 {
			t.Errorf("%d octets each: no link", size)
		}
	}
}
