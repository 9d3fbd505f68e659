package test

import (
	"testing"
	"time"
)

// A message that is to be sent later waits, also over a restart, and can be taken back until then
// (FUTURERELEASE, RFC 4865).
func TestSentLater(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin")
	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(ann, password)))
	p.want("501 5.5.4", p.say("MAIL FROM:<"+ann+"> HOLDFOR=99999999"))
	later := func(subject, hold string) {
		t.Helper()
		p.want("250", p.say("MAIL FROM:<"+ann+"> "+hold))
		p.want("250", p.say("RCPT TO:<bob@test.example>"))
		p.want("354", p.say("DATA"))
		p.write(noteBy(ann, subject, "x") + ".\r\n")
		p.want("250", p.answer())
	}
	later("soon", "HOLDFOR=3")
	later("tomorrow", "HOLDUNTIL="+time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
	if n := len(box(t, m, "bob@test.example", "INBOX")); n != 0 {
		t.Errorf("bob has %d at once", n)
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 60*time.Second, "the first one", func() bool { return len(withSubject(box(t, m, "bob@test.example", "INBOX"), "soon")) == 1 })
	type transfer struct {
		ID      int64
		Release time.Time
	}
	waiting := asked[[]transfer](t, m, "queue", "list")
	if len(waiting) != 1 || waiting[0].Release.Before(time.Now()) {
		t.Fatalf("waiting: %+v", waiting)
	}
	run(t, m, "", "queue", "retry", "--all")
	run(t, m, "", "queue", "recall", "--sender", ann)
	if left := asked[[]transfer](t, m, "queue", "list"); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	if n := len(box(t, m, "bob@test.example", "INBOX")); n != 1 {
		t.Errorf("bob has %d, want 1", n)
	}
}
