package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

const complaintConfig = `
hostname: mx.test.example
complaints: {addresses: [fbl@test.example], reporters: [loop.example]}
policies:
  - name: default
    pipeline: [spf, ip-complaint, sender-complaint]
`

const complaintZone = flowZone + `
loop.example. TXT "v=spf1 ip4:198.51.100.9 -all"
evil.example. TXT "v=spf1 ip4:198.51.100.66 -all"
`

// said is one line of `complaints list --json`.
type said struct {
	State, Reporter, Proof, Client, Sender, Account, Message, Recipient, Note string
}

func (s said) String() string {
	return fmt.Sprintf("%s by %s (%s) of %s %s%s", s.State, s.Reporter, s.Proof, s.Client, s.Sender, s.Account)
}

// attached forwards messages as attachments.
func attached(from string, originals ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\r\nTo: abuse\r\nSubject: spam\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\n\r\nlook at this\r\n", from)
	for _, o := range originals {
		b.WriteString("--f\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + o + "\r\n")
	}
	return b.String() + "--f--\r\n"
}

// complain has somebody log in and send abuse@ what is in his mailbox.
func complain(t *testing.T, m *machine.Machine, submission, who string, originals ...string) {
	t.Helper()
	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(who, password)))
	p.send(who, attached(who, originals...), "abuse@test.example").id(t)
	p.say("QUIT")
}

// Three recipients of spam forward it to abuse@, and the client's next mail is held; whoever
// else says so changes nothing.
func TestComplaints(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, complaintConfig, complaintZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	carl := domain(t, m, "other.example")
	for _, who := range []string{"bob@test.example", "fbl@test.example"} {
		run(t, m, password, "mailbox", "add", who, "--password-stdin")
	}
	for _, to := range []string{ann, "bob@test.example", carl} {
		mailFrom(t, m, goodClient, sender, note("offer", "buy"), to).id(t)
	}
	spam := func(who string) string {
		t.Helper()
		list := withSubject(box(t, m, who, "INBOX"), "offer")
		if len(list) != 1 || !strings.Contains(list[0], "X-Gatepost-Id: ") {
			t.Fatalf("%s has %q", who, list)
		}
		return list[0]
	}
	explain := []string{"explain", "-", "--client", goodClient, "--helo", "mail.sender.example", "--from", sender, "--to", ann}
	judged := func() string { t.Helper(); return run(t, m, note("next", "x"), explain...) }
	list := func(flags ...string) (texts []string) {
		t.Helper()
		for _, s := range asked[[]said](t, m, append([]string{"complaints", "list"}, flags...)...) {
			texts = append(texts, s.String())
		}
		return texts
	}

	// Ann's is true; what others write of her message, or of what they made up, is not.
	complain(t, m, submission, ann, spam(ann))
	complain(t, m, submission, ann, spam(ann)) // twice is once
	for range 3 {
		mailFrom(t, m, "198.51.100.66", "eve@evil.example", attached("eve@evil.example", spam(ann)), "abuse@test.example").id(t)
		mailFrom(t, m, "198.51.100.66", ann, attached(ann, spam(ann)), "abuse@test.example").id(t)
	}
	complain(t, m, submission, carl, spam("bob@test.example"))
	const of = " of 192.0.2.7 eve@sender.example"
	want := []string{
		"unverified by ann@other.example (log-in) of  ",
		"unverified by ann@test.example () of  ", "unverified by eve@evil.example (spf) of  ",
		"unverified by ann@test.example () of  ", "unverified by eve@evil.example (spf) of  ",
		"unverified by ann@test.example () of  ", "unverified by eve@evil.example (spf) of  ",
		"again by ann@test.example (log-in)" + of, "counts by ann@test.example (log-in)" + of,
	}
	if got := list(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("complaints: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if out := judged(); !strings.Contains(out, "ip-complaint      none") {
		t.Errorf("after one complaint: %s", out)
	}
	if n := len(withSubject(box(t, m, ann, "INBOX"), "spam")); n == 0 {
		t.Error("whoever reads abuse@ did not get the reports")
	}

	// A feedback loop that is believed, and one that is somebody else's.
	report := "From: fbl@loop.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=f\r\n\r\n--f\r\nContent-Type: message/feedback-report\r\n\r\n" +
		"Feedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\nSource-IP: 203.0.113.9\r\nOriginal-Mail-From: <%s>\r\n\r\n--f\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@x>\r\n--f--\r\n"
	mailFrom(t, m, "198.51.100.9", "fbl@loop.example", fmt.Sprintf(report, "x@bulk.example"), "fbl@test.example").id(t)
	mailFrom(t, m, "198.51.100.9", "fbl@loop.example", fmt.Sprintf(report, ann), "fbl@test.example").id(t)
	mailFrom(t, m, "198.51.100.66", "fbl@loop.example", fmt.Sprintf(report, "y@bulk.example"), "fbl@test.example").id(t)
	want = []string{
		"unverified by fbl@loop.example () of  ", "customer by fbl@loop.example (spf) of  ann@test.example",
		"counts by fbl@loop.example (spf) of 203.0.113.9 x@bulk.example",
	}
	if got := list("--reporter", "fbl@loop.example"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("loops: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// Two more recipients, and the client is held from now on.
	complain(t, m, submission, "bob@test.example", spam("bob@test.example"))
	complain(t, m, submission, carl, spam(carl))
	until(t, 20*time.Second, "the client is listed", func() bool { return strings.Contains(judged(), "ip-complaint  complained  spam") })
	next := mailFrom(t, m, goodClient, sender, note("next", "x"), ann)
	followed(t, m, next.id(t), ann+" held ip-complaint")
	if rows := asked[[]row](t, m, "journal", "search", "--id", next.id(t)); !strings.Contains(rows[0].Reason, "3 people complained of mail from the client 192.0.2.7") {
		t.Errorf("its reason is %q", rows[0].Reason)
	}
	if out := run(t, m, "", "complaints", "stats"); !strings.Contains(out, "client  192.0.2.7           ") {
		t.Errorf("stats:\n%s", out)
	}
	if out := run(t, m, "", "complaints", "withdraw", "--client", goodClient); out != "withdrawn: 3\n" {
		t.Errorf("withdraw: %s", out)
	}
	if out := judged(); strings.Contains(out, "complained") {
		t.Errorf("after it was taken back: %s", out)
	}
}
