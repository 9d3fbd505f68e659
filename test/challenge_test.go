package test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

const challengeConfig = `
hostname: mx.test.example
web: {url: "https://mail.test.example"}
relay: {smarthost: exit}
policies:
  - name: default
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}]}
`

// challengeZone has a sender who can be proven, and a victim whose domain says where its
// mail is from, whose neighbour says nothing, and whose other neighbour is not sure.
const challengeZone = `
sender.example.   TXT "v=spf1 ip4:192.0.2.7 -all"
victim.example.   TXT "v=spf1 ip4:198.51.100.1 -all"
unsure.example.   TXT "v=spf1 ip4:198.51.100.1 ~all"
neutral.example.  TXT "v=spf1 ip4:198.51.100.1 ?all"
broken.example.   TXT "v=spf1 ip4:nonsense -all"
fwd.example.      TXT "v=spf1 ip4:203.0.113.66 -all"
!servfail away.example.
`

// challenging starts a machine all whose mail to others comes to a sink.
func challenging(t *testing.T, says func(string) string) (*machine.Machine, *sink) {
	t.Helper()
	exit := newSink(t, "127.0.0.1:0", says)
	m := prepare(t, challengeConfig, challengeZone)
	run(t, m, "", "host", "add", "exit", "--address", exit.addr, "--roles", "smtp-out", "--tls", "never")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m, exit
}

var linked = regexp.MustCompile(`^550 5\.7\.1 held as possible spam; to deliver it: https://mail\.test\.example/c/([A-Za-z0-9_-]{50,80}) \([0-9a-v]{20}\)$`)

// A sender of what is held is given the link by his own server; the same message again has
// the same link, and nothing that is kept shows it.
func TestChallengeByReply(t *testing.T) {
	t.Parallel()
	m, exit := challenging(t, nil)
	ann := domain(t, m, "test.example", "--challenge", "reply")
	first := mailFrom(t, m, "198.51.100.9", "forged@victim.example", note("offer", "a pest"), ann).data
	link := linked.FindStringSubmatch(first)
	if link == nil {
		t.Fatalf("got %q", first)
	}
	again := mailFrom(t, m, "198.51.100.10", "prvs=0123456789=forged@victim.example", note("offer", "a pest  "), ann).data
	if same := linked.FindStringSubmatch(again); same == nil || same[1] != link[1] {
		t.Errorf("again: %q", again)
	}
	rows := asked[[]row](t, m, "quarantine", "list")
	if len(rows) != 1 || rows[0].State != "held" {
		t.Fatalf("held: %+v", rows)
	}
	followed(t, m, rows[0].Tx, ann+" held-told keywords")
	shown := run(t, m, "", "journal", "show", rows[0].Tx) + run(t, m, "", "quarantine", "show", rows[0].ID)
	for what, text := range map[string]string{"log": m.Output.String(), "journal": shown, "metrics": metrics(t, m)} {
		if strings.Contains(text, link[1]) || strings.Contains(text, link[1][:40]) {
			t.Errorf("the %s has the token:\n%s", what, text)
		}
	}
	run(t, m, "", "quarantine", "release", rows[0].ID)
	third := mailFrom(t, m, "198.51.100.9", "forged@victim.example", note("offer", "a pest"), ann)
	followed(t, m, third.id(t), ann+" duplicate keywords")
	if n := len(withSubject(box(t, m, ann, "INBOX"), "offer")); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	for name, field := range map[string]string{"a list": "List-Id: <x.example>", "a program": "Auto-Submitted: auto-generated"} {
		mailFrom(t, m, goodClient, sender, field+"\r\n"+note(name, "a pest"), ann).id(t) // 250: held, nobody told
	}
	mailFrom(t, m, goodClient, "", note("report", "a pest"), ann).id(t)
	if got := exit.heard("MAIL"); got != nil {
		t.Errorf("mail was sent: %q", got)
	}
}

// A proven sender gets one notice about a recipient domain, and none any more after one
// that did not arrive.
func TestChallengeByNotice(t *testing.T) {
	t.Parallel()
	m, exit := challenging(t, func(line string) string {
		if strings.HasPrefix(line, "RCPT TO:<gone@") {
			return "550 5.1.1 nobody"
		}
		return ""
	})
	ann := domain(t, m, "test.example", "--challenge", "notice")
	other := domain(t, m, "other.example", "--challenge", "notice")
	content := "Message-ID: <1@sender.example>\r\n" + note("offer", "a pest")
	mailFrom(t, m, goodClient, sender, content, ann).id(t)
	until(t, 20*time.Second, "the notice is sent", func() bool { return len(exit.heard("RCPT TO:<"+sender+">")) == 1 })
	var text string
	until(t, 10*time.Second, "the notice is there", func() bool {
		for _, l := range exit.heard("From: ") {
			text = l
		}
		return text != ""
	})
	if from := exit.heard("MAIL FROM:"); len(from) != 1 || !strings.HasPrefix(from[0], "MAIL FROM:<>") {
		t.Errorf("reverse-path: %q", from)
	}
	sees(t, "the notice", text, "\r\nAuto-Submitted: auto-replied\r\n", "\r\nIn-Reply-To: <1@sender.example>\r\n", "\r\nTo: <"+sender+">\r\n",
		"https://mail.test.example/c/", "Subject: offer", "test.example")
	for i := range 3 {
		mailFrom(t, m, goodClient, sender, note(fmt.Sprint("more ", i), "a pest"), ann).id(t)
	}
	mailFrom(t, m, goodClient, sender, note("elsewhere", "a pest"), other).id(t)
	until(t, 20*time.Second, "one about the other domain", func() bool { return len(exit.heard("RCPT TO:<"+sender+">")) == 2 })
	mailFrom(t, m, goodClient, "gone@sender.example", note("gone", "a pest"), ann).id(t)
	until(t, 20*time.Second, "the notice failed", func() bool {
		return len(exit.heard("RCPT TO:<gone@")) == 1 && len(queued(t, m)) == 0
	})
	mailFrom(t, m, goodClient, "gone@sender.example", note("gone again", "a pest"), other).id(t)
	counted(t, m, map[string]string{"notice": "3", "told lately": "3", "bounces": "1", "due": "7"})
	if got := exit.heard("RCPT"); len(got) != 3 {
		t.Errorf("sent to %q", got)
	}
}

// counted waits until so much is counted of what senders heard.
func counted(t *testing.T, m *machine.Machine, want map[string]string) {
	t.Helper()
	for what, n := range want {
		until(t, 20*time.Second, what+" is counted "+n+" times", func() bool {
			return strings.Contains(metrics(t, m), `gatepost_challenge_total{told="`+what+`"} `+n+"\n")
		})
	}
}

// Forged spam of a day, as far as it goes through the real server here: no mail leaves,
// and of each message it is counted why. (The whole day is in quarantine/challenge.)
func TestForgedDay(t *testing.T) {
	t.Parallel()
	m, exit := challenging(t, nil)
	ann := domain(t, m, "test.example", "--challenge", "notice")
	bob := domain(t, m, "reply.example", "--challenge", "reply")
	clean := domain(t, m, "clean.example", "--challenge", "notice")
	p := connect(t, m, listedClient)
	victims := []string{"ann@victim.example", "bob@unsure.example", "cy@neutral.example", "dan@broken.example", "eve@nothing.example", "fay@away.example",
		"SRS0=ab=TT=victim.example=ann@fwd.example", "noreply@fwd.example", ""}
	const rounds = 30
	sent := 0
	for i := range rounds {
		for j, from := range victims {
			subject := fmt.Sprintf("offer %d %d", i, j)
			extra := ""
			if i%3 == 1 {
				extra = "DKIM-Signature: v=1; a=rsa-sha256; d=victim.example; s=x; h=from; bh=eA==; b=eA==\r\n"
			}
			for _, to := range [][]string{{ann}, {bob, clean}} {
				content := extra + note(subject, "a pest "+to[0])
				if len(to) > 1 && i%2 == 0 { // one of two is wanted there, so that the other needs a 250
					content = extra + note(subject, "a pest for all")
				}
				p.send(from, content, to...)
				sent++
			}
		}
	}
	time.Sleep(time.Second) // a notice would be under way
	if got := exit.heard("MAIL"); got != nil {
		t.Fatalf("%d mails were sent to forged addresses, the first by %q", len(got), got[0])
	}
	if left := queued(t, m); len(left) > 0 {
		t.Errorf("queued: %+v", left[0])
	}
	reasons := regexp.MustCompile(`gatepost_challenge_total\{told="([a-z ]+)"\} (\d+)`).FindAllStringSubmatch(metrics(t, m), -1)
	sum := 0
	for _, r := range reasons {
		n := 0
		fmt.Sscan(r[2], &n)
		sum += n
		if r[1] == "due" || r[1] == "notice" || r[1] == "reply" {
			t.Errorf("%s senders: %s", r[2], r[1])
		}
	}
	if sum != sent {
		t.Errorf("%d are counted of %d: %v", sum, sent, reasons)
	}
}
