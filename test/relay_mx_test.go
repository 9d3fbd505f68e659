package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// The world of these tests: a, b and six have servers, dead has none.
const worldZone = flowZone + `
a.mx.example.         A    127.0.0.3
b.mx.example.         A    127.0.0.4
dead.mx.example.      A    127.0.0.5
six.mx.example.       AAAA ::1
mx.test.example.      A    127.0.0.6
order.example.        MX   10 a.mx.example.
order.example.        MX   20 b.mx.example.
reverse.example.      MX   20 a.mx.example.
reverse.example.      MX   10 b.mx.example.
over.example.         MX   10 dead.mx.example.
over.example.         MX   20 b.mx.example.
implicit.example.     A    127.0.0.3
sixth.example.        MX   10 six.mx.example.
null.example.         MX   0  .
half.example.         MX   10 dead.mx.example.
half.example.         MX   20 mx.test.example.
half.example.         MX   30 b.mx.example.
ours.example.         MX   10 mx.test.example.
ours.example.         MX   20 b.mx.example.
nowhere.example.      MX   10 nosuch.mx.example.
`

// userOf starts a machine with users who log in, and returns one who is logged in
// as sam.
func userOf(t *testing.T, m *machine.Machine) *peer {
	t.Helper()
	submission := freePort(t)
	m.Sets = append(m.Sets, "listen.submission="+submission)
	run(t, m, "", "domain", "add", "test.example")
	run(t, m, password, "mailbox", "add", reported, "--password-stdin")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(reported, password)))
	return p
}

// Users' mail goes into the world by the DNS (RFC 5321 §5.1, RFC 7505).
func TestRelayMX(t *testing.T) {
	t.Parallel()
	list, on := sinks(t, "127.0.0.3", "127.0.0.4", "::1")
	a, b, six := list[0], list[1], list[2]
	m := prepare(t, relayConfig, worldZone, "relay.port="+on, "relay.source=127.0.0.7")
	p := userOf(t, m)
	for _, c := range []struct {
		name, domain string
		to           *sink  // who gets it
		report       string // the status that the sender is told
		waits        string // the status with which it stays in the queue
	}{
		{"the lower preference first", "order.example", a, "", ""},
		{"whatever the order in the answer", "reverse.example", b, "", ""},
		{"the next where the first is down", "over.example", b, "", ""},
		{"no MX: the domain's own address", "implicit.example", a, "", ""},
		{"by IPv6", "sixth.example", six, "", ""},
		{"an address literal", "[127.0.0.4]", b, "", ""},
		{"null MX", "null.example", nil, "5.1.10", ""},
		{"no such domain", "nosuch.example", nil, "5.1.2", ""},
		{"servers without an address", "nowhere.example", nil, "5.4.4", ""},
		{"we are the best: a loop", "ours.example", nil, "5.4.6", ""},
		{"not to those behind us", "half.example", nil, "", "4.4.1"},
		{"nobody can tell", "broken.example", nil, "", "4.4.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			subject := "to " + c.domain
			before := a.has(subject) + b.has(subject) + six.has(subject)
			rcpt := "friend@" + c.domain
			sent := p.send(reported, noteBy(reported, subject, "x"), rcpt)
			id := sent.id(t)
			if c.waits != "" {
				until(t, 20*time.Second, "it was tried", func() bool {
					left := queued(t, m, "--tx", id)
					return len(left) == 1 && left[0].Attempts > 0 && left[0].Status == c.waits
				})
			} else {
				settled(t, m, id)
			}
			if c.to != nil && c.to.has(subject) != 1 || c.to == nil && a.has(subject)+b.has(subject)+six.has(subject) > before {
				t.Errorf("a has it %d times, b %d, six %d", a.has(subject), b.has(subject), six.has(subject))
			}
			if c.report == "" {
				return
			}
			followed(t, m, id, rcpt+" bounced")
			text := withSubject(box(t, m, reported, "INBOX"), "Undelivered / Non remis : "+rcpt)
			if len(text) != 1 {
				t.Fatalf("%d reports", len(text))
			}
			sees(t, "the report", text[0], "\r\nStatus: "+c.report+"\r\n", "\r\nFinal-Recipient: rfc822; "+rcpt+"\r\n")
		})
	}
	if from := a.heard("MAIL FROM:"); len(from) == 0 || !strings.HasPrefix(from[0], "MAIL FROM:<"+reported+">") {
		t.Errorf("a heard %q", from)
	}
	if from := a.heard("connect"); len(from) == 0 || from[0] != "connect from 127.0.0.7" {
		t.Errorf("a heard %q, want relay.source", from)
	}
	if hello := a.heard("EHLO"); len(hello) == 0 || hello[0] != "EHLO mx.test.example" {
		t.Errorf("a heard %q", hello)
	}
}

// A smarthost takes what leaves, from who has logged in there; a domain may have its
// own.
func TestRelaySmarthost(t *testing.T) {
	t.Parallel()
	login := func(line string) string {
		if strings.HasPrefix(line, "AUTH") && line != plain("us", "open sesame") {
			return "535 5.7.8 I don't know you"
		}
		return ""
	}
	exit, own := newSink(t, "127.0.0.1:0", login), newSink(t, "127.0.0.1:0", nil)
	m := prepare(t, relayConfig, worldZone, "relay.smarthost=exit")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "host", "add", "exit", "--address", exit.addr, "--roles", "smtp-out", "--tls", "never", "--user", "us", "--password-file", secret)
	run(t, m, "", "host", "add", "own", "--address", own.addr, "--roles", "smtp-out", "--tls", "never")
	p := userOf(t, m)

	id := p.send(reported, noteBy(reported, "out", "x"), "friend@order.example", "other@nosuch.example").id(t)
	settled(t, m, id)
	if n, rcpts := exit.has("out"), exit.heard("RCPT"); n != 1 || len(rcpts) != 2 {
		t.Errorf("the smarthost has it %d times, for %q", n, rcpts)
	}
	if got := exit.heard("AUTH"); len(got) != 1 {
		t.Errorf("the smarthost heard %q", got)
	}
	followed(t, m, id, "friend@order.example relayed", "other@nosuch.example relayed")

	t.Run("a domain's own", func(t *testing.T) {
		run(t, m, "", "domain", "set", "test.example", "--smarthost", "own")
		settled(t, m, p.send(reported, noteBy(reported, "own", "x"), "friend@order.example").id(t))
		if exit.has("own") != 0 || own.has("own") != 1 {
			t.Errorf("the node's has it %d times, the domain's own %d", exit.has("own"), own.has("own"))
		}
		run(t, m, "", "domain", "set", "test.example", "--smarthost", "")
	})
	t.Run("a wrong password: the mail waits, and why is told", func(t *testing.T) {
		run(t, m, "wrong\n", "host", "set", "exit", "--user", "us", "--password-file", "-")
		id := p.send(reported, noteBy(reported, "locked out", "x"), "friend@order.example").id(t)
		until(t, 20*time.Second, "it was tried", func() bool {
			left := queued(t, m, "--tx", id)
			return len(left) == 1 && left[0].Code == 535 && strings.Contains(left[0].Reply, "I don't know you")
		})
		run(t, m, "open sesame\n", "host", "set", "exit", "--user", "us", "--password-file", "-")
		run(t, m, "", "queue", "flush", "--all")
		settled(t, m, id)
		if exit.has("locked out") != 1 {
			t.Error("it did not come through")
		}
	})
	if strings.Contains(m.Output.String(), "sesame") {
		t.Error("the log has a password")
	}
}
