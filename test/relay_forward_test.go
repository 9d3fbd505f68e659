package test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// A crossing is a machine with forwards to another server, there, and a sender's
// server, back.
type crossing struct {
	m           *machine.Machine
	there, back *sink
	ann         string // has a mailbox here
}

func newCrossing(t *testing.T) crossing {
	t.Helper()
	list, on := sinks(t, "127.0.0.3", "127.0.0.4")
	there, back := list[0], list[1]
	there.say(func(line string) string {
		if strings.HasPrefix(line, "RCPT TO:<gone@") {
			return "550 5.1.6 gone for good"
		}
		return ""
	})
	m := prepare(t, relayConfig, flowZone+"elsewhere.example. A 127.0.0.3\nsender.example. MX 10 back.sender.example.\nback.sender.example. A 127.0.0.4\n", "relay.port="+on)
	ann := domain(t, m, "test.example")
	run(t, m, "", "forward", "add", "fwd@test.example", "Me@elsewhere.example")
	run(t, m, "", "forward", "add", "dead@test.example", "gone@elsewhere.example")
	away(t, m, "far.example", freePort(t))
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return crossing{m, there, back, ann}
}

// What is forwarded leaves under an address of ours, and what comes back to that goes
// to who had sent it.
func TestForward(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	m, there, back := c.m, c.there, c.back
	settled(t, m, mailFrom(t, m, goodClient, sender, note("onward", "x"), "fwd@test.example").id(t))
	from := there.heard("MAIL FROM:")
	if len(from) != 1 || !strings.HasPrefix(from[0], "MAIL FROM:<SRS0=") || !strings.Contains(from[0], "=sender.example=eve@test.example>") || there.has("onward") != 1 {
		t.Fatalf("the next server heard %q", from)
	}
	if rcpt := there.heard("RCPT"); !slices.Equal(rcpt, []string{"RCPT TO:<Me@elsewhere.example>"}) {
		t.Errorf("the next server heard %q", rcpt)
	}
	rewritten, _, _ := strings.Cut(strings.TrimPrefix(from[0], "MAIL FROM:<"), ">")

	t.Run("a report that comes back", func(t *testing.T) {
		settled(t, m, mailFrom(t, m, "198.51.100.9", "", note("bounce", "x"), rewritten).id(t))
		if back.has("bounce") != 1 || !slices.Equal(back.heard("MAIL"), []string{"MAIL FROM:<>"}) || !slices.Equal(back.heard("RCPT"), []string{"RCPT TO:<" + sender + ">"}) {
			t.Errorf("the sender's server heard %q", append(back.heard("MAIL"), back.heard("RCPT")...))
		}
	})
	t.Run("mail that is no report", func(t *testing.T) {
		if sent := mailFrom(t, m, "198.51.100.9", "x@spam.example", note("abuse", "x"), rewritten); !strings.HasPrefix(sent.rcpt[0], "550 5.1.1") {
			t.Errorf("got %q", sent.rcpt)
		}
	})
	t.Run("an address that we did not make", func(t *testing.T) {
		forged := strings.Replace(rewritten, "=eve@", "=mallory@", 1)
		if sent := mailFrom(t, m, "198.51.100.9", "", note("abuse", "x"), forged); !strings.HasPrefix(sent.rcpt[0], "550 5.1.1") {
			t.Errorf("got %q", sent.rcpt)
		}
	})
}

// What becomes of forwarded mail is told to who sent it, and to the journal.
func TestForwardEnds(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	m, there, back, ann := c.m, c.there, c.back, c.ann
	t.Run("two that lead to one", func(t *testing.T) {
		run(t, m, "", "forward", "add", "too@test.example", "Me@elsewhere.example")
		id := mailFrom(t, m, goodClient, sender, note("one for two", "x"), "fwd@test.example", "too@test.example").id(t)
		settled(t, m, id)
		if n := there.has("one for two"); n != 1 {
			t.Errorf("it was handed on %d times", n)
		}
		followed(t, m, id, "fwd@test.example relayed", "too@test.example relayed")
	})
	t.Run("our own report about what was refused", func(t *testing.T) {
		id := mailFrom(t, m, goodClient, sender, note("refused", "x"), "dead@test.example").id(t)
		settled(t, m, id)
		followed(t, m, id, "dead@test.example bounced")
		if n := back.has("Undelivered / Non remis : gone@elsewhere.example"); n != 1 {
			t.Errorf("the sender was told %d times", n)
		}
	})
	t.Run("the same, from a domain that lives elsewhere", func(t *testing.T) {
		run(t, m, "", "forward", "add", "dead@far.example", "gone@elsewhere.example")
		settled(t, m, mailFrom(t, m, goodClient, sender, note("refused too", "x"), "dead@far.example").id(t))
		if n := back.has("Undelivered / Non remis : gone@elsewhere.example"); n != 2 {
			t.Errorf("the sender was told %d times in all, want 2", n)
		}
	})
	t.Run("one takes it and one does not", func(t *testing.T) {
		run(t, m, "", "alias", "add", "some@test.example", "you@elsewhere.example", "gone@elsewhere.example")
		id := mailFrom(t, m, goodClient, sender, note("partial", "x"), "some@test.example").id(t)
		settled(t, m, id)
		followed(t, m, id, "some@test.example partial")
	})
	t.Run("held here and elsewhere", func(t *testing.T) {
		run(t, m, "", "alias", "add", "both@test.example", ann, "you@elsewhere.example")
		id := mailFrom(t, m, goodClient, sender, note("both", "a pest"), "both@test.example").id(t)
		if there.has("both") > 0 || len(withSubject(box(t, m, ann, "INBOX"), "both")) > 0 {
			t.Error("spam was not held")
		}
		for _, h := range asked[[]row](t, m, "quarantine", "list", "--subject", "both") {
			run(t, m, "", "quarantine", "release", h.ID)
		}
		settled(t, m, id)
		if here, away := len(withSubject(box(t, m, ann, "INBOX"), "both")), there.has("both"); here != 1 || away != 1 {
			t.Errorf("after the release %d here, %d there", here, away)
		}
	})
	t.Run("a copy of what a mailbox gets", func(t *testing.T) {
		run(t, m, "", "mailbox", "set", ann, "--copy-to", "Me@elsewhere.example")
		settled(t, m, mailFrom(t, m, goodClient, sender, note("copied", "x"), ann).id(t))
		if here := len(withSubject(box(t, m, ann, "INBOX"), "copied")); here != 1 || there.has("copied") != 1 {
			t.Errorf("%d here, %d there", here, there.has("copied"))
		}
		settled(t, m, mailFrom(t, m, goodClient, sender, note("copied pest", "a pest"), ann).id(t))
		if there.has("copied pest") != 0 {
			t.Error("spam was copied to elsewhere")
		}
	})
}

// A SIGTERM while a server lets us wait: the machine ends in its time, nothing is lost,
// and the message is carried by the next life.
func TestStopWhileCarrying(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	asked := make(chan struct{}, 100)
	slow := newSink(t, "127.0.0.1:0", func(line string) string {
		if line == "DATA" {
			asked <- struct{}{}
			<-wait
		}
		return ""
	})
	m := prepare(t, relayConfig, flowZone, "limits.drain_timeout=1s")
	away(t, m, "far.example", slow.addr)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	mailFrom(t, m, goodClient, sender, note("slow", "x"), "a@far.example").id(t)
	select {
	case <-asked:
	case <-time.After(2 * time.Minute):
		t.Fatal("it was not tried")
	}
	err := m.Stop() // while the server keeps it waiting
	close(wait)
	if err != nil {
		t.Fatal(err)
	}
	if left := queued(t, m); len(left) != 1 || left[0].State != "waiting" {
		t.Errorf("left: %+v", left)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "queue", "flush", "--all")
	until(t, 20*time.Second, "the server has it", func() bool { return slow.has("slow") > 0 && len(queued(t, m)) == 0 })
	if n := slow.has("slow"); n != 1 {
		t.Errorf("the server has it %d times", n)
	}
}

// A domain whose MX is this very machine, and which it does not know.
func TestRelaySelf(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, flowZone+"self.example. MX 10 other.name.example.\nother.name.example. A 127.0.0.1\n")
	m.Sets = append(m.Sets, "relay.port="+port(t, m.SMTP))
	p := userOf(t, m)
	id := p.send(reported, noteBy(reported, "self", "x"), "friend@self.example").id(t)
	settled(t, m, id)
	followed(t, m, id, "friend@self.example bounced")
	if got := box(t, m, reported, "INBOX"); len(got) != 1 {
		t.Errorf("%d reports", len(got))
	} else {
		sees(t, "the report", got[0], "\r\nStatus: 5.4.6\r\n")
	}
}

// A list's copies leave under its owner's address, who is told what becomes of them.
func TestDistribution(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	m, there, back, ann := c.m, c.there, c.back, c.ann
	run(t, m, password, "mailbox", "add", reported, "--password-stdin")
	run(t, m, ann+"\nyou@elsewhere.example\nme@elsewhere.example\ngone@elsewhere.example\n", "distribution", "add", "staff@test.example",
		"--owner", reported, "--post", "all", "--members-file", "-")
	id := mailFrom(t, m, goodClient, sender, note("to all", "x"), "staff@test.example").id(t)
	settled(t, m, id)
	if got := there.heard("MAIL FROM:"); len(got) != 1 || !strings.HasPrefix(got[0], "MAIL FROM:<"+reported+">") || there.has("to all") != 1 {
		t.Errorf("the members' server heard %q and has it %d times", got, there.has("to all"))
	}
	if got := there.heard("RCPT"); len(got) != 3 {
		t.Errorf("the members' server heard %q", got)
	}
	got := withSubject(box(t, m, ann, "INBOX"), "to all")
	if len(got) != 1 || !strings.HasPrefix(got[0], "Return-Path: <"+reported+">\r\n") {
		t.Errorf("the member here has %q", got)
	}
	if n := len(withSubject(box(t, m, reported, "INBOX"), "Undelivered / Non remis : gone@elsewhere.example")); n != 1 {
		t.Errorf("the owner was told %d times", n)
	}
	if got := back.heard(""); len(got) > 0 {
		t.Errorf("the sender was told: %q", got)
	}
	run(t, m, "", "distribution", "set", "staff@test.example", "--post", "members")
	if sent := mailFrom(t, m, goodClient, sender, note("again", "x"), "staff@test.example"); !strings.HasPrefix(sent.rcpt[0], "550 5.7.1") {
		t.Errorf("who is no member: %q, want 550 5.7.1", sent.rcpt)
	}
	mailFrom(t, m, goodClient, "you@elsewhere.example", note("again", "x"), "staff@test.example").id(t)
}
