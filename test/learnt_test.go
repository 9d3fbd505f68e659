package test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

const learntConfig = `
hostname: mx.test.example
relay: {smarthost: exit}
queue: {retry: 1s, retry_max: 2s, lifetime: 1h}
policies:
  - name: default
    required_score: 7.5
    pipeline:
      - auto-allow
      - null-sender
      - self-sender
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}]}
`

const learntZone = `
far.example.      TXT "v=spf1 ip4:192.0.2.7 -all"
test.example.     TXT "v=spf1 -all"
mail.far.example. TXT "v=spf1 ip4:192.0.2.7 -all"
`

// learning starts a machine all whose mail to others comes to a sink, and a user of it.
func learning(t *testing.T) (*machine.Machine, *sink, *peer) {
	t.Helper()
	exit := newSink(t, "127.0.0.1:0", nil)
	m := prepare(t, learntConfig, learntZone)
	run(t, m, "", "host", "add", "exit", "--address", exit.addr, "--roles", "smtp-out", "--tls", "never")
	return m, exit, userOf(t, m)
}

// judged is what a filter said of a transaction's one recipient, and the points.
func judged(t *testing.T, m *machine.Machine, id, filter string) (result string, points float64) {
	t.Helper()
	shown := asked[struct {
		Walks []struct {
			Steps []struct {
				Filter, Result string
				Points         float64
			}
		}
	}](t, m, "journal", "show", id)
	for _, w := range shown.Walks {
		for _, s := range w.Steps {
			if s.Filter == filter {
				return s.Result, s.Points
			}
		}
	}
	t.Fatalf("%s: the journal has no step of %s: %+v", id, filter, shown)
	return "", 0
}

// A trustee is one line of `trust list --json`: the fields that stay.
type trustee struct {
	For, Sender, Learnt string
	Weight              float64
}

func trusted(t *testing.T, m *machine.Machine, args ...string) []trustee {
	t.Helper()
	return asked[[]trustee](t, m, append([]string{"trust", "list"}, args...)...)
}

func letterTo(id, text string) string {
	return "From: Sam <" + reported + ">\r\nMessage-ID: <" + id + "@test.example>\r\nSubject: " + id + "\r\n\r\n" + text + "\r\n"
}

// Whom a user writes to may answer, whatever the filters below say; once the mail has
// arrived, and where it is he who answers.
func TestTrust(t *testing.T) {
	t.Parallel()
	m, exit, sam := learning(t)
	exit.say(func(line string) string {
		if strings.Contains(line, "RCPT TO:<gone@far.example>") {
			return "550 5.1.1 no such user"
		}
		return ""
	})
	id := mailFrom(t, m, goodClient, "bob@far.example", note("before", "x"), reported).id(t)
	if got, _ := judged(t, m, id, "auto-allow"); got != "none" {
		t.Errorf("a stranger is %s", got)
	}
	settled(t, m, sam.send(reported, letterTo("hello", "x"), "Bob@far.example", "gone@far.example").id(t))
	settled(t, m, sam.send(reported, "Auto-Submitted: auto-replied\r\n"+letterTo("away", "x"), "eve@far.example").id(t))
	if got, want := trusted(t, m, "--for", reported), []trustee{{reported, "bob@far.example", "outgoing", 1}}; !slices.Equal(got, want) {
		t.Fatalf("trusted: got %+v, want %+v", got, want)
	}
	id = mailFrom(t, m, goodClient, "bob@far.example", note("answer", "not a pest"), reported).id(t)
	if got, _ := judged(t, m, id, "auto-allow"); got != "trusted" {
		t.Errorf("bob is %s", got)
	}
	id = mailFrom(t, m, goodClient, "prvs=1234abcdef=bob@far.example", note("answer, signed", "pest"), reported).id(t)
	if got, _ := judged(t, m, id, "auto-allow"); got != "trusted" {
		t.Errorf("bob behind BATV is %s", got)
	}
	for from, why := range map[string]string{"bob@far.example": listedClient, "gone@far.example": goodClient, "eve@far.example": goodClient} {
		mailFrom(t, m, why, from, note("from "+from, "pest"), reported)
	}
	if n := len(box(t, m, reported, "INBOX")); n != 4 { // with the report
		t.Errorf("sam has %d messages, want 4", n)
	}
	explained := run(t, m, note("explained", "pest"), "explain", "--client", goodClient, "--helo", "mail.far.example", "--from", "bob@far.example", "--to", reported, "-")
	sees(t, "explain", explained, "trusted", "people here deal with bob@far.example: weight 1, by outgoing")

	run(t, m, "", "trust", "set", "bob@far.example", "0.5", "--for", reported)
	id = mailFrom(t, m, goodClient, "bob@far.example", note("known", "x"), reported).id(t)
	if got, points := judged(t, m, id, "auto-allow"); got != "known" || points != -2 {
		t.Errorf("half a weight: %s, %g points", got, points)
	}
	run(t, m, "", "trust", "forget", "bob@far.example", "--for", reported)
	id = mailFrom(t, m, goodClient, "bob@far.example", note("forgotten", "x"), reported).id(t)
	if got, _ := judged(t, m, id, "auto-allow"); got != "none" {
		t.Errorf("forgotten: bob is %s", got)
	}

	run(t, m, "", "domain", "set", "test.example", "--learn-outgoing", "domain")
	settled(t, m, sam.send(reported, letterTo("again", "x"), "zoe@far.example").id(t))
	run(t, m, "", "domain", "set", "test.example", "--learn-outgoing", "off")
	settled(t, m, sam.send(reported, letterTo("silent", "x"), "yan@far.example").id(t))
	if got, want := trusted(t, m), []trustee{{"test.example", "zoe@far.example", "outgoing", 1}}; !slices.Equal(got, want) {
		t.Errorf("trusted: got %+v, want %+v", got, want)
	}
}

// What a release teaches can be taken back.
func TestTrustRelease(t *testing.T) {
	t.Parallel()
	m, _, _ := learning(t)
	mailFrom(t, m, goodClient, "bob@far.example", note("held", "pest"), reported)
	mailFrom(t, m, listedClient, "eve@far.example", note("held, and not hers", "pest"), reported)
	held := asked[[]row](t, m, "quarantine", "list")
	if len(held) != 2 {
		t.Fatalf("held: %+v", held)
	}
	for _, h := range held {
		run(t, m, "", "quarantine", "release", h.ID)
	}
	if got, want := trusted(t, m), []trustee{{reported, "bob@far.example", "release", 2}}; !slices.Equal(got, want) {
		t.Errorf("trusted: got %+v, want %+v", got, want)
	}
	bob := held[slices.IndexFunc(held, func(h row) bool { return h.Sender == "bob@far.example" })]
	run(t, m, "", "trust", "forget", "--held", bob.ID)
	if got := trusted(t, m); len(got) != 0 {
		t.Errorf("trusted: got %+v", got)
	}
	if out, err := m.Run("", "trust", "forget", "--held", bob.ID); err == nil {
		t.Errorf("taken back twice: %s", out)
	}
}

// A report is told from one that only says so by what was sent.
func TestFieldNote23Backscatter(t *testing.T) {
	t.Parallel()
	m, _, sam := learning(t)
	settled(t, m, sam.send(reported, letterTo("lunch", "x"), "bob@far.example").id(t))
	dsn := func(subject, messageID string) string {
		return "From: MAILER-DAEMON@far.example\r\nSubject: " + subject + "\r\nMessage-ID: <1@far.example>\r\n" +
			"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
			"--b\r\n\r\nNot delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.example\r\n\r\n" +
			"Final-Recipient: rfc822; bob@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n" +
			"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" + messageID + ">\r\n--b--\r\n"
	}
	for _, c := range []struct {
		name, content, result string
		points                float64
	}{
		{"a report", dsn("true", "lunch@test.example"), "proven", 0},
		{"a forged report", dsn("forged", "made.up@test.example"), "unproven", 3},
		{"an answer", "In-Reply-To: <lunch@test.example>\r\nAuto-Submitted: auto-replied\r\nSubject: away\r\n\r\nx\r\n", "proven", 0},
		{"spam", "Subject: buy\r\n\r\nx\r\n", "unproven", 3},
	} {
		id := mailFrom(t, m, goodClient, "", c.content, reported).id(t)
		if got, points := judged(t, m, id, "null-sender"); got != c.result || points != c.points {
			t.Errorf("%s: %s, %g points; want %s, %g", c.name, got, points, c.result, c.points)
		}
	}
	// Who got the message knows its Message-ID: it proves nothing to others.
	if got, _ := judged(t, m, mailFrom(t, m, goodClient, "", dsn("to another", "lunch@test.example"), strings.Replace(reported, "@", "+x@", 1)).id(t), "null-sender"); got != "unproven" {
		t.Errorf("a report to another address is %s", got)
	}
	// What was queued is known after a crash, too.
	id := sam.send(reported, letterTo("crash", "x"), "bob@far.example").id(t)
	m.Kill()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if got, _ := judged(t, m, mailFrom(t, m, goodClient, "", dsn("after the crash", "crash@test.example"), reported).id(t), "null-sender"); got != "proven" {
		t.Errorf("after the crash: %s is %s", id, got)
	}
}

// Who writes under the recipient's own name has to be him.
func TestSelfSender(t *testing.T) {
	t.Parallel()
	m, _, sam := learning(t)
	id := mailFrom(t, m, goodClient, reported, note("self", "x"), reported).id(t)
	followed(t, m, id, reported+" held self-sender")
	if got, _ := judged(t, m, id, "self-sender"); got != "self" {
		t.Errorf("got %s", got)
	}
	sam.send(reported, letterTo("memo", "x"), reported).id(t)
	until(t, 10*time.Second, "sam's memo", func() bool { return len(withSubject(box(t, m, reported, "INBOX"), "memo")) == 1 })
}
