package test

import (
	"strings"
	"testing"
)

// People send as themselves, and for those who let them; what they send has a policy of its own, and
// tells nobody from where it came.
func TestSubmissionIdentities(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, "hostname: mx.test.example\nlimits: {errors: 1000}\npolicies:\n  - {name: default, pipeline: []}\n"+
		"  - {name: outgoing, pipeline: [{filter: keywords, spam_from: 1, patterns: [{word: pest}]}]}\n", flowZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	const bob, boss = "bob@test.example", "boss@test.example"
	for _, box := range []string{bob, boss} {
		run(t, m, password, "mailbox", "add", box, "--password-stdin")
	}
	run(t, m, "", "mailbox", "senders", boss, "--on-behalf", ann)
	run(t, m, "", "group", "add", "sales@test.example", "--member", ann)
	p := dialAt(t, submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(ann, password)))
	for _, c := range []struct{ from, author, want string }{
		{"sales@test.example", "Sales <sales@test.example>", "250"},
		{ann, boss, "250"},
		{bob, ann, "550 5.7.1 ann@test.example may not send as bob@test.example"},
		{ann, bob, "550 5.7.1 ann@test.example may not send as bob@test.example"},
		{ann, ann + ", " + bob, "550 5.7.1 ann@test.example may not send as bob@test.example"},
	} {
		reply := p.say("MAIL FROM:<" + c.from + ">")
		if strings.HasPrefix(reply, "250") {
			p.want("250", p.say("RCPT TO:<"+bob+">"))
			p.want("354", p.say("DATA"))
			p.write("Bcc: secret@elsewhere.example\r\n" + noteBy(c.author, "own", "x") + ".\r\n")
			reply = p.answer()
		}
		p.want(c.want, reply)
	}
	got := withSubject(box(t, m, bob, "INBOX"), "own")
	if len(got) != 2 {
		t.Fatalf("bob has %q", got)
	}
	for _, message := range got {
		if strings.Contains(message, "Bcc:") || strings.Contains(message, "127.0.0.1") || strings.Contains(message, "laptop.example") ||
			!strings.Contains(message, "Received: from submission by mx.test.example with ESMTPA") || !strings.Contains(message, "Message-ID: <") || !strings.Contains(message, "Date: ") {
			t.Errorf("bob has\n%s", message)
		}
		if strings.Contains(message, "From: "+boss) != strings.Contains(message, "Sender: <"+ann+">") || strings.Contains(message, "From: Sales") == strings.Contains(message, ann) {
			t.Errorf("who wrote it:\n%s", message)
		}
	}
	if sent := p.send(ann, noteBy(ann, "offer", "a pest"), bob); !strings.HasPrefix(sent.data, "550 5.7.1 keywords: ") {
		t.Errorf("spam: %q", sent.data)
	}

	t.Run("SCRAM, with an application password", func(t *testing.T) {
		secret := strings.TrimSpace(run(t, m, "", "mailbox", "app-password", "add", ann, "--name", "phone"))
		for _, c := range []struct {
			mechanism, password string
			want                bool
		}{
			{"SCRAM-SHA-256", password, true}, {"SCRAM-SHA-256", secret, true}, {"SCRAM-SHA-256", "guess", false}, {"PLAIN", secret, true}, {"LOGIN", secret, true},
		} {
			cmd := runs(t, "gsasl", "--smtp", "--connect", submission, "--no-starttls", "--mechanism", c.mechanism, "--authentication-id", ann, "--password", c.password, "--verbose")
			cmd.Stdin = strings.NewReader("")
			out, _ := cmd.CombinedOutput()
			if got := strings.Contains(string(out), "235 2.7.0"); got != c.want {
				t.Errorf("%s with %s: logged in is %v, want %v\n%s", c.mechanism, c.password, got, c.want, out)
			}
		}
	})
}
