package test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
	"gatepost/test/vacant"
)

// freePort returns a loopback address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	addr, err := vacant.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// plain is AUTH PLAIN with its initial response (RFC 4954 §4, RFC 4616).
func plain(user, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
}

// dialAt is dialProxy to another port.
func dialAt(t *testing.T, addr, client string) *peer {
	t.Helper()
	return dialProxy(t, &machine.Machine{SMTP: addr}, client)
}

// secure turns the connection into one over TLS.
func (p *peer) secure() {
	p.t.Helper()
	c := tls.Client(p.conn, &tls.Config{InsecureSkipVerify: true})
	p.conn.SetDeadline(time.Now().Add(time.Minute))
	if err := c.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.r = c, bufio.NewReader(c)
}

// Submission takes mail from log-ins, under an address of their own, for anybody; what
// judges strangers is not for it. Where it can't be carried on the sender has a report.
func TestSubmission(t *testing.T) {
	t.Parallel()
	submission, smtps := freePort(t), freePort(t)
	m := serve(t, "hostname: mx.test.example\nlimits: {errors: 100}\npolicies: [{name: default, pipeline: [{filter: keywords, spam_from: 1, patterns: [{word: pest}]}]}]\n", flowZone,
		"listen.submission="+submission, "listen.smtps="+smtps)
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin")
	run(t, m, "", "alias", "add", "ann.smith@test.example", ann)

	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("530 5.7.0", p.say("MAIL FROM:<"+ann+">"))
	p.want("535 5.7.8", p.say(plain(ann, "wrong")))
	p.want("535 5.7.8", p.say(plain("nobody@test.example", password)))
	p.want("235", p.say(plain(ann, password)))
	for from, want := range map[string]string{
		"bob@test.example": "550 5.7.1", "eve@sender.example": "550 5.7.1", "ann@elsewhere.example": "550 5.7.1",
		ann: "250", "ann+x@test.example": "250", "ann.smith@test.example": "250", "": "250",
	} {
		p.want(want, p.say("MAIL FROM:<"+from+">"))
		p.want("250", p.say("RSET"))
	}
	sent := p.send(ann, noteBy(ann, "from a log-in", "what a pest"), "bob@test.example", "friend@elsewhere.example")
	p.want("250", sent.rcpt[1])
	until(t, 10*time.Second, "a report to ann", func() bool {
		return len(withSubject(box(t, m, ann, "INBOX"), "Undelivered / Non remis : friend@elsewhere.example")) == 1
	})
	followed(t, m, sent.id(t), "bob@test.example delivered", "friend@elsewhere.example bounced")
	if n := len(withSubject(box(t, m, "bob@test.example", "INBOX"), "from a log-in")); n != 1 {
		t.Errorf("bob has it %d times", n)
	}

	t.Run("no password in the clear from elsewhere", func(t *testing.T) {
		p := dialAt(t, submission, goodClient)
		p.want("220", p.answer())
		p.want("250", p.say("EHLO laptop.example"))
		if reply := p.say(plain(ann, password)); !strings.HasPrefix(reply, "538") && !strings.HasPrefix(reply, "530") && !strings.HasPrefix(reply, "50") {
			t.Errorf("AUTH without TLS: %s", reply)
		}
		p.want("220", p.say("STARTTLS"))
		p.secure()
		p.want("250", p.say("EHLO laptop.example"))
		p.want("235", p.say(plain(ann, password)))
		p.send(ann, noteBy(ann, "over TLS", "x"), "bob@test.example").id(t)
	})
	t.Run("TLS from the first byte", func(t *testing.T) {
		p := dialAt(t, smtps, "")
		p.secure()
		p.want("220", p.answer())
		p.want("250", p.say("EHLO laptop.example"))
		p.want("235", p.say(plain(ann, password)))
		p.send(ann, noteBy(ann, "over TLS", "x"), "bob@test.example").id(t)
	})
	t.Run("no log-in on port 25", func(t *testing.T) {
		p := connect(t, m, goodClient)
		if reply := p.say(plain(ann, password)); strings.HasPrefix(reply, "2") || strings.HasPrefix(reply, "3") {
			t.Errorf("AUTH: %s", reply)
		}
	})
	if got := withSubject(box(t, m, "bob@test.example", "INBOX"), "over TLS"); len(got) != 2 || !strings.Contains(got[0], " with ESMTPSA") {
		t.Errorf("bob has %q", got)
	}
}

// A new mailbox of an old name has nothing of the old one.
func TestSecondLife(t *testing.T) {
	t.Parallel()
	m := start(t)
	if reply := offer(t, m, []byte("Subject: mine\r\n\r\nx\r\n")); reply != "" {
		t.Fatal(reply)
	}
	run(t, m, "", "mailbox", "remove", address)
	run(t, m, password, "mailbox", "add", address, "--password-stdin")
	if got := box(t, m, address, "INBOX"); len(got) != 0 {
		t.Errorf("the new owner reads %q", got)
	}
	run(t, m, "", "check", "store")
}

// Block and allow entries for the author of the header, and which of two counts.
func TestListPrecedence(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [{filter: sender-block, on: {blocked: reject}}, {filter: keywords, spam_from: 1, patterns: [{word: pest}]}]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	other := domain(t, m, "other.example")
	run(t, m, "", "list", "add", "block", "sender.example")
	run(t, m, "", "list", "add", "allow", "sender.example", "--scope", ann)
	run(t, m, "", "list", "add", "block", "boss@bank.example", "--author", "--scope", "other.example")
	run(t, m, "", "list", "add", "block", ".spam.example")
	for _, c := range []struct {
		name, from, author, to, want string
	}{
		{"blocked by its domain", sender, sender, other, "550"},
		{"the mailbox allows what all block", sender, sender, ann, "250"},
		{"a domain below", "x@a.b.spam.example", sender, ann, "550"},
		{"not the domain itself", "x@spam.example", sender, ann, "250"},
		{"not a longer one", "x@notspam.example", sender, ann, "250"},
		{"the author", "list@elsewhere.example", "The Boss <boss@bank.example>", other, "550"},
		{"the author, of no concern to others", "list@elsewhere.example", "The Boss <boss@bank.example>", ann, "250"},
		{"another author", "list@elsewhere.example", "boss@bank.example.org", other, "250"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := mailFrom(t, m, goodClient, c.from, "From: "+c.author+"\r\nSubject: x\r\n\r\nx\r\n", c.to)
			reply := sent.data
			if reply == "" {
				reply = sent.rcpt[0]
			}
			if !strings.HasPrefix(reply, c.want) {
				t.Errorf("got %q, want %s", reply, c.want)
			}
		})
	}
	type entry struct {
		Value string
		Hits  int64
	}
	until(t, 20*time.Second, "hits of list entries are counted", func() bool {
		for _, e := range asked[[]entry](t, m, "list", "list", "block", "--value", ".spam.example") {
			return e.Hits == 1
		}
		return false
	})
}

// The limits hold what strangers can make the program do to what the admin set.
func TestLimits(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\nlimits: {message_size: 64 KiB, in_flight: 128 KiB, connections_per_network: 3, errors: 3}\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	p := connect(t, m, goodClient)
	p.want("552 5.3.4", p.say("MAIL FROM:<"+sender+"> SIZE=65537"))
	if sent := p.send(sender, "Subject: big\r\n\r\n"+strings.Repeat(strings.Repeat("x", 62)+"\r\n", 1100), ann); !strings.HasPrefix(sent.data, "552 5.3.4") {
		t.Errorf("a message past message_size: %q, want 552 5.3.4", sent.data)
	}
	p.send(sender, note("small", "x"), ann).id(t)

	second := connect(t, m, goodClient)
	third := connect(t, m, "192.0.2.200") // of the same /24
	fourth := dialProxy(t, m, "192.0.2.201")
	fourth.want("421", fourth.answer())
	connect(t, m, "198.51.100.1")
	third.say("QUIT")
	third.conn.Close()
	until(t, 10*time.Second, "a place is free again", func() bool {
		p := dialProxy(t, m, "192.0.2.202")
		defer p.conn.Close()
		return strings.HasPrefix(p.answer(), "220")
	})

	for n := 1; ; n++ {
		if reply := second.say("NONSENSE"); strings.HasPrefix(reply, "421") {
			break
		}
		if n > 4 {
			t.Errorf("after %d errors the connection is still open", n)
			break
		}
	}
}
