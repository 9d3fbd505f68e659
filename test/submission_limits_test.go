package test

import (
	"strings"
	"testing"
	"time"
)

// An account that was taken over is put off, and then stopped: its postmaster is told once, and
// it sends again when somebody says so.
func TestStolenAccountIsStopped(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, "hostname: mx.test.example\nlimits: {errors: 1000}\nsubmission: {per_hour: 5, recipients: 4, lock_at: 2}\npolicies: [{name: default, pipeline: []}]\n", flowZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	for _, box := range []string{"bob@test.example", "postmaster@test.example"} {
		run(t, m, password, "mailbox", "add", box, "--password-stdin")
	}
	log := func(user string) *peer {
		t.Helper()
		p := dialAt(t, submission, "")
		p.want("220", p.answer())
		p.want("250", p.say("EHLO laptop.example"))
		p.want("235", p.say(plain(user, password)))
		return p
	}
	p := log(ann)
	for range 5 {
		p.send(ann, noteBy(ann, "offer", "buy"), "bob@test.example").id(t)
	}
	p.want("450 4.7.1 too much from ann@test.example: 5 messages in an hour are allowed", p.say("MAIL FROM:<"+ann+">"))
	for range 3 {
		p.want("450", p.say("MAIL FROM:<"+ann+">"))
	}
	stopped := "550 5.7.1 ann@test.example may send nothing for now, ask postmaster@test.example: 10 messages in an hour were asked for, 5 are allowed"
	p.want(stopped, p.say("MAIL FROM:<"+ann+">"))
	p.want(stopped, log(ann).say("MAIL FROM:<"+ann+">"))
	log("bob@test.example").send("bob@test.example", noteBy("bob@test.example", "hello", "x"), ann).id(t)

	warned := func() int {
		return len(withSubject(box(t, m, "postmaster@test.example", "INBOX"), "ann@test.example may not send any more"))
	}
	until(t, 10*time.Second, "a letter to the postmaster", func() bool { return warned() > 0 })
	type login struct {
		Mailbox                     string
		Messages, Refused, Networks int64
		Stopped                     bool
		Signs                       []string
	}
	list := asked[[]login](t, m, "submission", "list", "--stopped")
	if len(list) != 1 || list[0].Mailbox != ann || list[0].Messages != 5 || list[0].Refused != 5 || !list[0].Stopped || list[0].Networks != 1 || len(list[0].Signs) != 1 {
		t.Errorf("stopped: %+v", list)
	}
	if _, metrics := get(t, m, "/metrics"); !strings.Contains(metrics, "gatepost_submission_stopped 1\n") {
		t.Error("the metric does not tell of it")
	}

	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	p = log(ann)
	p.want(stopped, p.say("MAIL FROM:<"+ann+">"))
	run(t, m, "", "submission", "resume", ann)
	p.send(ann, noteBy(ann, "me again", "x"), "bob@test.example").id(t)

	t.Run("recipients", func(t *testing.T) {
		p.t = t
		p.want("250", p.say("MAIL FROM:<"+ann+">"))
		for _, c := range []struct{ rcpt, want string }{
			{"a@elsewhere.example", "250"}, {"b@elsewhere.example", "250"}, {"c@elsewhere.example", "250"}, {"nobody@test.example", "550 5.1.1"},
			{"d@elsewhere.example", "452 4.5.3 too much from ann@test.example: 4 different recipients in a day are allowed"}, {"a+x@elsewhere.example", "250"},
		} {
			p.want(c.want, p.say("RCPT TO:<"+c.rcpt+">"))
		}
		p.say("RSET")
	})
	t.Run("limits of its own, by hand", func(t *testing.T) {
		p.t = t
		run(t, m, "", "submission", "set", ann, "--recipients", "none")
		p.want("250", p.say("MAIL FROM:<"+ann+">"))
		p.want("250", p.say("RCPT TO:<d@elsewhere.example>"))
		p.say("RSET")
		run(t, m, "", "submission", "stop", "bob@test.example", "--reason", "its password leaked")
		bob := log("bob@test.example")
		bob.want("550 5.7.1 bob@test.example may send nothing for now, ask postmaster@test.example: its password leaked", bob.say("MAIL FROM:<bob@test.example>"))
	})
	if n := warned(); n != 1 {
		t.Errorf("the postmaster was told %d times", n)
	}
}
