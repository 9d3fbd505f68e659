package challenge

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// header makes one of lines.
func header(lines ...string) *mail.Header {
	return mail.NewMessage([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")).Header()
}

// honest is a case about which a notice may be sent.
func honest() Case {
	return Case{
		Sender: "ann@example.org", Header: header("From: Ann <ann@example.org>", "Date: Wed, 25 Nov 2026 11:59:00 +0000"), Proof: "spf", SPF: "pass",
		Arrived: now.Add(-time.Minute), Now: now,
	}
}

func TestRefusal(t *testing.T) {
	with := func(line string) func(*Case) { return func(c *Case) { c.Header = header(line) } }
	from := func(p mail.Path) func(*Case) { return func(c *Case) { c.Sender = p } }
	tests := []struct {
		name string
		set  func(*Case)
		want Why
	}{
		{"proven by SPF", func(*Case) {}, ""},
		{"proven by a signature", func(c *Case) { c.Proof, c.SPF = "dkim example.org", "softfail" }, ""},
		{"a signature of somebody else there, brought again", func(c *Case) {
			c.Proof, c.Header = "dkim example.org", header("From: Eve <eve@example.org>")
		}, NotProven},
		{"a signature of another telephone there", func(c *Case) {
			c.Proof, c.Sender, c.Header = "dkim example.org", "33-612345678@example.org", header("From: <33-698765432@example.org>")
		}, NotProven},
		{"a signature, with a tag in the reverse-path", func(c *Case) { c.Proof, c.Sender = "dkim example.org", "prvs=0123456789=ann@example.org" }, ""},
		{"proof is asked for", func(c *Case) { c.Proof, c.SPF = "", "none" }, NotProven},
		{"nothing is known", func(c *Case) { *c = Case{Sender: "ann@example.org"} }, NotProven},
		{"SPF fail stands beside a signature", func(c *Case) { c.Proof, c.SPF = "dkim example.org", "fail" }, Disowned},
		{"null sender", from(""), NullSender},
		{"virus or attachment", func(c *Case) { c.Guarded = true }, Dangerous},
		{"by a relay of ours", func(c *Case) { c.Relayed = true }, Relayed},
		{"an address that was rewritten: the forwarder is proven, not the sender", from("SRS0=ab=TT=victim.example=ann@fwd.example"), Forwarded},
		{"List-Id", with("List-Id: <a.example.org>"), List},
		{"any List field", with("list-unsubscribe: <mailto:u@example.org>"), List},
		{"Precedence bulk", with("Precedence: bulk"), List},
		{"Precedence list", with("Precedence: List (x)"), List},
		{"Precedence junk", with("Precedence: junk"), List},
		{"Precedence of another kind", with("Precedence: first-class"), ""},
		{"Mailing-List", with("Mailing-List: contact x"), List},
		{"Auto-Submitted", with("Auto-Submitted: auto-replied; owner-email=a"), Automatic},
		{"Auto-Submitted generated", with("Auto-Submitted: auto-generated"), Automatic},
		{"Auto-Submitted no", with("Auto-Submitted: no"), ""},
		{"Auto-Submitted No, with a comment", with("Auto-Submitted: No (a person)"), ""},
		{"X-Auto-Response-Suppress", with("X-Auto-Response-Suppress: OOF, AutoReply"), Automatic},
		{"X-Auto-Response-Suppress None", with("X-Auto-Response-Suppress: None"), ""},
		{"a report", with("Content-Type: multipart/report; report-type=delivery-status"), Automatic},
		{"mailer-daemon", from("MAILER-DAEMON@example.org"), NoReader},
		{"postmaster", from("postmaster@example.org"), NoReader},
		{"no-reply", from("no-reply@example.org"), NoReader},
		{"noreply with a tag", from("noreply+123@example.org"), NoReader},
		{"do_not_reply", from("do_not_reply@example.org"), NoReader},
		{"bounces", from("bounces@example.org"), NoReader},
		{"a VERP", from("bounce+ab12-ann=example.com@example.org"), NoReader},
		{"a list's owner", from("list-owner@example.org"), NoReader},
		{"an owner before", from("owner-list@example.org"), NoReader},
		{"a list's requests", from("list.7-request@example.org"), NoReader},
		{"what Amazon SES makes", from("0102018f2a3b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000@example.org"), NoReader},
		{"a telephone", from("33-612345678@example.org"), ""},
		{"numbers and a dot", from("1234.5678@example.org"), ""},
		{"a letter and a year", from("b.1985@example.org"), ""},
		{"an owner of a flat", from("owner-5@example.org"), ""},
		{"a request's number", from("12.request@example.org"), ""},
		{"a name with such a word in it", from("jean.return.to@example.org"), ""},
		{"a person", from("ann.b@example.org"), ""},
		{"a person with numbers", from("10001@example.org"), ""},
		{"a person's signed address", from("prvs=0123456789=ann@example.org"), ""},
		{"the recipient's own domain", func(c *Case) { c.Own = true }, OwnDomain},
		{"a day ago", func(c *Case) { c.Arrived = now.Add(-24 * time.Hour) }, ""},
		{"older by arrival", func(c *Case) { c.Arrived = now.Add(-24*time.Hour - time.Second) }, TooOld},
		{"older by its Date", with("Date: Mon, 23 Nov 2026 12:00:00 +0000"), TooOld},
		{"a Date ahead", with("Date: Mon, 23 Nov 2099 12:00:00 +0000"), ""},
		{"a Date that says nothing", with("Date: yesterday"), ""},
		{"known to bounce", func(c *Case) { c.Bounces = true }, Bounces},
		{"told lately", func(c *Case) { c.Told = true }, ToldLately},
		{"no header any more", func(c *Case) { c.Header = nil }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := honest()
			tt.set(&c)
			if got := c.Refusal(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnread(t *testing.T) {
	tests := []struct {
		name   string
		sender mail.Path
		line   string
		want   Why
	}{
		{"a person", "ann@example.org", "Subject: x", ""},
		{"a person whom nothing proves", "postmaster@example.org", "Subject: x", ""},
		{"a person's forwarded mail", "SRS0=ab=TT=victim.example=ann@fwd.example", "Subject: x", ""},
		{"one who wants no automatic answer reads the server's", "ann@example.org", "X-Auto-Response-Suppress: All", ""},
		{"null sender", "", "Subject: x", NullSender},
		{"a list", "list@example.org", "List-Id: <x>", List},
		{"bulk", "ann@example.org", "Precedence: bulk", List},
		{"a program", "ann@example.org", "Auto-Submitted: auto-generated", Automatic},
		{"an address for bounces", "bounces+12-ann=example.com@example.org", "Subject: x", NoReader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Unread(tt.sender, header(tt.line)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// AgentJ challenged lists, which then dropped the reader (issues 13 and 290): neither a
// notice nor an answer with a link goes to any of these.
func TestAgentJLists(t *testing.T) {
	for name, raw := range map[string]string{
		"Mailman 3":        "List-Id: <dev.lists.example.org>\r\nPrecedence: list\r\nList-Unsubscribe: <mailto:x@lists.example.org>",
		"Sympa":            "X-Loop: dev@lists.example.org\r\nPrecedence: list\r\nList-Post: <mailto:dev@lists.example.org>",
		"Google Groups":    "Precedence: list\r\nMailing-list: list dev@googlegroups.com; contact dev+owners@googlegroups.com",
		"a newsletter":     "List-Unsubscribe: <https://news.example.org/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click",
		"an old majordomo": "Precedence: bulk",
	} {
		c := honest()
		c.Sender, c.Header = "dev@lists.example.org", header(raw)
		if c.Refusal() == "" {
			t.Errorf("%s: a notice is sent", name)
		}
		if Unread(c.Sender, c.Header) == "" {
			t.Errorf("%s: the list is refused with a link", name)
		}
	}
}
