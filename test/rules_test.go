package test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/test/load"
	"gatepost/test/machine"
)

// annsRules sort by the subject.
const annsRules = `require ["fileinto", "mailbox", "imap4flags", "copy", "vacation", "reject", "editheader", "duplicate", "ihave"];
if header :is "subject" "work" { fileinto :create :flags "\\Flagged" "Work/Bills"; }
elsif header :is "subject" "onward" { redirect :copy "x@elsewhere.example"; }
elsif header :is "subject" "refuse" { reject "no, thanks"; }
elsif header :is "subject" "edit" { addheader "X-Sorted" "yes"; }
elsif header :is "subject" "twice" { if duplicate { discard; } }
elsif header :is "subject" "fault" { error "it does not work"; }
elsif header :contains "subject" "stream" { redirect :copy "y@elsewhere.example"; fileinto :create "Stream"; }
else { vacation :days 7 :subject "I am away" "Back on Monday, à bientôt."; }
`

// ruled is a machine at which ann has rules, beside a server elsewhere and that of who writes.
func ruled(t *testing.T) (m *machine.Machine, there, back *sink, ann string) {
	t.Helper()
	list, on := sinks(t, "127.0.0.3", "127.0.0.4")
	m = prepare(t, relayConfig, flowZone+"elsewhere.example. A 127.0.0.3\nsender.example. MX 10 back.sender.example.\nback.sender.example. A 127.0.0.4\n", "relay.port="+on)
	ann = domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin")
	within(t, m, func(ctx context.Context, db *store.DB) error { return putRules(ctx, db, ann, annsRules) })
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m, list[0], list[1], ann
}

// putRules makes a script a mailbox's active one.
func putRules(ctx context.Context, db *store.DB, address, text string) error {
	var id int64
	err := db.View(ctx, func(tx *store.Tx) error {
		return tx.Row(`SELECT id FROM mailbox WHERE address = ?`, []any{address}, &id)
	})
	if err == nil {
		err = db.Scripts().PutScript(ctx, id, mailbox.Script{Name: "rules", Content: text, Changed: time.Now()})
	}
	if err == nil {
		err = db.Scripts().ActivateScript(ctx, id, "rules")
	}
	return err
}

func TestRules(t *testing.T) {
	t.Parallel()
	m, there, back, ann := ruled(t)
	send := func(content string, to ...string) mailing {
		t.Helper()
		return mailFrom(t, m, goodClient, sender, content, to...)
	}
	t.Run("filed into a folder that is made, with a flag", func(t *testing.T) {
		id := send(note("work", "x"), ann).id(t)
		if got := withSubject(box(t, m, ann, "Work/Bills"), "work"); len(got) != 1 || len(withSubject(box(t, m, ann, "INBOX"), "work")) > 0 {
			t.Errorf("it is there %d times", len(got))
		}
		if out := run(t, m, "", "journal", "show", id); !strings.Contains(out, "filed into Work/Bills by the rules of "+ann+", line 2") {
			t.Errorf("the journal says\n%s", out)
		}
	})
	t.Run("sent on, and kept", func(t *testing.T) {
		settled(t, m, send(note("onward", "x"), ann).id(t))
		from := there.heard("MAIL FROM:")
		if there.has("onward") != 1 || len(from) != 1 || !strings.HasPrefix(from[0], "MAIL FROM:<SRS0=") || len(withSubject(box(t, m, ann, "INBOX"), "onward")) != 1 {
			t.Errorf("the other server heard %q", from)
		}
	})
	t.Run("refused while the client waits", func(t *testing.T) {
		if sent := send(note("refuse", "x"), ann); !strings.HasPrefix(sent.data, "550 5.7.1 no, thanks (") {
			t.Errorf("got %q", sent.data)
		}
	})
	t.Run("sent back beside others", func(t *testing.T) {
		settled(t, m, send(note("refuse", "x"), ann, "bob@test.example").id(t))
		until(t, 10*time.Second, "the report", func() bool {
			return strings.Contains(strings.Join(back.heard("From: Mail Delivery System"), ""), "no, thanks")
		})
		if len(withSubject(box(t, m, "bob@test.example", "INBOX"), "refuse")) != 1 || len(box(t, m, ann, "Junk")) > 0 {
			t.Error("bob has no copy, or ann one")
		}
	})
	t.Run("with another header", func(t *testing.T) {
		send(note("edit", "a body"), ann).id(t)
		got := withSubject(box(t, m, ann, "INBOX"), "edit")
		if len(got) != 1 || strings.Count(got[0], "X-Sorted: yes\r\n") != 1 || !strings.HasSuffix(got[0], "\r\n\r\na body\r\n") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("known again", func(t *testing.T) {
		for range 2 {
			send("Message-ID: <twice@sender.example>\r\n"+note("twice", "x"), ann).id(t)
		}
		if got := withSubject(box(t, m, ann, "INBOX"), "twice"); len(got) != 1 {
			t.Errorf("it is there %d times", len(got))
		}
	})
	t.Run("a fault keeps the mail and is told once", func(t *testing.T) {
		for range 2 {
			settled(t, m, send(note("fault", "x"), ann).id(t))
		}
		until(t, 10*time.Second, "the notice", func() bool { return len(withSubject(box(t, m, ann, "INBOX"), "Your mail rules could not run")) == 1 })
		if got := withSubject(box(t, m, ann, "INBOX"), "fault"); len(got) != 2 {
			t.Errorf("it is there %d times", len(got))
		}
	})
	t.Run("released from quarantine", func(t *testing.T) {
		before := len(box(t, m, ann, "Work/Bills"))
		run(t, m, "", "quarantine", "release", holdOne(t, m, "work", "x", ann))
		until(t, 10*time.Second, "it is filed", func() bool { return len(box(t, m, ann, "Work/Bills")) == before+1 })
		run(t, m, "", "quarantine", "release", holdOne(t, m, "refuse", "x", ann))
		until(t, 10*time.Second, "it is kept", func() bool { return len(withSubject(box(t, m, ann, "INBOX"), "refuse")) == 1 })
	})
	t.Run("answered once", func(t *testing.T) {
		to := strings.Replace(note("hello", "x"), "To: you", "To: "+ann, 1)
		mailFrom(t, m, "198.51.100.9", "who@forged.example", to, ann).id(t) // nobody is proven
		for range 3 {
			settled(t, m, send(to, ann).id(t))
		}
		until(t, 10*time.Second, "the answer", func() bool { return back.has("I am away") == 1 })
		answer := back.heard("From: " + ann)[0]
		for _, want := range []string{"Auto-Submitted: auto-replied", "To: " + sender, "Subject: I am away"} {
			if !strings.Contains(answer, want) {
				t.Errorf("the answer has no %q:\n%s", want, answer)
			}
		}
	})
}

// SIGKILL while mail is sorted: what got its 250 is filed once and sent on once, and of many
// messages of one sender one is answered.
func TestKillRules(t *testing.T) {
	t.Parallel()
	m, there, back, ann := ruled(t)
	wait := func(line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return "450 4.2.1 later"
		}
		return ""
	}
	there.say(wait)
	back.say(wait)
	hello := strings.Replace(note("hello", "x"), "To: you", "To: "+ann, 1)
	var taken []string
	for round := range 3 {
		mailFrom(t, m, goodClient, sender, hello, ann).id(t)
		var n atomic.Int32
		done := make(chan []string)
		go func() { done <- pourStream(m.SMTP, ann, round, &n) }()
		until(t, 20*time.Second, "some are taken", func() bool { return n.Load() > int32(10+7*round) })
		m.Kill()
		taken = append(taken, <-done...)
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
	}
	there.say(nil)
	back.say(nil)
	mailFrom(t, m, goodClient, sender, hello, ann).id(t)
	until(t, 60*time.Second, "the queue is empty", func() bool { return len(queued(t, m)) == 0 })
	filed := box(t, m, ann, "Stream")
	for _, subject := range taken {
		if got, sent := len(withSubject(filed, subject)), there.has(subject); got != 1 || sent != 1 {
			t.Errorf("%s is filed %d times and sent on %d times", subject, got, sent)
		}
	}
	if n := back.has("I am away"); n != 1 {
		t.Errorf("%d answers", n)
	}
}

// pourStream sends until the connection breaks, and returns the subjects that were taken.
func pourStream(addr, to string, round int, n *atomic.Int32) (taken []string) {
	c, err := load.Dial(addr, "client.example")
	if err != nil {
		return nil
	}
	defer c.Close()
	for i := 0; ; i++ {
		subject := fmt.Sprintf("stream %d-%d", round, i)
		code, _, err := c.Send("s@stream.example", []string{to}, []byte(note(subject, mail.NewID(time.Now()))))
		if err != nil {
			return taken
		}
		if code == 250 {
			taken = append(taken, subject)
			n.Add(1)
		}
	}
}
