package test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/control/ops"
)

// quotaScript asks for the quota with imaplib, fills it, and deletes what one should not.
const quotaScript = `
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login(sys.argv[2], sys.argv[3])
assert b"QUOTA=RES-STORAGE" in m.capability()[1][0]
kind, (roots, quotas) = m.getquotaroot("INBOX")
assert kind == "OK" and roots == [b'"INBOX" "mailbox"'], roots
used, most = map(int, quotas[0].split(b"STORAGE ")[1].rstrip(b")").split())
assert most == 20 and 18 <= used <= 20, quotas
assert m.getquota("mailbox")[1] == quotas
kind, answer = m.append("Brouillons", None, None, b"Subject: large\r\n\r\n" + 200 * (100 * b"x" + b"\r\n"))
assert kind == "NO" and b"OVERQUOTA" in answer[0], answer
m.select("INBOX")
kind, answer = m.copy("1", "Archives")
assert kind == "NO" and b"OVERQUOTA" in answer[0], answer
assert m.uid("MOVE", "1", "Archives")[0] == "OK"
m.store("1:*", "+FLAGS", r"(\Deleted)")
assert m.expunge()[0] == "OK"
m.logout()
`

// A mailbox that is nearly full warns its owner once, and one that is full is told at RCPT;
// what was deleted by mistake comes back.
func TestQuota(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example", "--language", "fr")
	run(t, m, "", "mailbox", "set", ann, "--quota", "20KiB")
	p := dialProxy(t, m, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO friend.example"))
	send := func(subject string, lines int) string {
		sent := p.send("eva@friends.example", note(subject, strings.Repeat(strings.Repeat("x", 98)+"\r\n", lines)), ann)
		return cmp.Or(sent.data, sent.rcpt[0])
	}
	p.want("250", send("one", 80))
	p.want("250", send("two", 95))
	until(t, 30*time.Second, "a warning", func() bool { return len(box(t, m, ann, "INBOX")) == 3 })
	warning := box(t, m, ann, "INBOX")[2]
	for _, want := range []string{"To: <" + ann + ">", "Subject: Votre =?utf-8?q?bo=C3=AEte_est_pleine_=C3=A0?= 9", "From: \"Courrier de test.example\" <postmaster@test.example>", "Auto-Submitted: auto-generated", "presque pleine"} {
		if !strings.Contains(warning, want) {
			t.Errorf("warning without %q:\n%s", want, warning)
		}
	}
	p.want("250", p.say("MAIL FROM:<eva@friends.example> SIZE=3000"))
	p.want("452 4.2.2", p.say("RCPT TO:<"+ann+">"))
	p.want("250", p.say("RSET"))
	p.want("250", p.say("MAIL FROM:<eva@friends.example> SIZE=30000"))
	p.want("552 5.2.2", p.say("RCPT TO:<"+ann+">"))
	p.want("250", p.say("RSET"))
	if out, err := runs(t, "python3", "-c", quotaScript, m.IMAP, ann, password).CombinedOutput(); err != nil {
		t.Fatalf("imaplib: %v\n%s", err, out)
	}
	p.want("250", send("three", 1))
	deleted := asked[[]ops.DeletedMail](t, m, "mailbox", "deleted", ann)
	if len(deleted) != 2 || deleted[1].Subject != "two" || deleted[1].From != "eve@sender.example" || deleted[1].Folder != "INBOX" {
		t.Fatalf("deleted: %+v", deleted)
	}
	if out := run(t, m, "", "mailbox", "recover", ann, deleted[1].ID); out != "1 messages are back in INBOX\n" {
		t.Errorf("recover: %s", out)
	}
	if got := withSubject(box(t, m, ann, "INBOX"), "two"); len(got) != 1 {
		t.Errorf("back: %d", len(got))
	}
	shown := asked[ops.Mailbox](t, m, "mailbox", "show", ann)
	if shown.Messages != 3 || shown.Quota != 20<<10 || shown.Full < 80 || shown.Kept != int64(len(warning)) {
		t.Errorf("shown: %+v, warning of %d", shown, len(warning))
	}
	run(t, m, "", "mailbox", "set", ann, "--quota", "none", "--inbound", "2")
	p.want("452 4.2.1", send("a flood", 1))
	run(t, m, "", "mailbox", "set", ann, "--inbound", "none")
	run(t, m, "", "domain", "set", "test.example", "--total", "10KiB", "--language", "en")
	p.want("452 4.2.2", send("the domain is full", 1))
	mine := readMail(t, m, ann)
	mine.want("EXISTS", mine.say("SELECT INBOX"))
	mine.want("NO [OVERQUOTA] All mailboxes of your domain together are full", mine.say("COPY 1 Archives"))
	until(t, time.Minute, "the postmaster is warned of the domain", func() bool {
		return slices.ContainsFunc(box(t, m, ann, "INBOX"), func(letter string) bool {
			return strings.Contains(letter, "Subject: All mailboxes of your domain together are")
		})
	})
	if out, err := m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

// emptier deletes and expunges all of the inbox, in pieces.
const emptier = `
import imaplib, sys
host, port = sys.argv[1].split(":")
m = imaplib.IMAP4(host, int(port))
m.login(sys.argv[2], sys.argv[3])
m.select("INBOX")
for uid in m.uid("SEARCH", "ALL")[1][0].split():
    m.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
    m.expunge()
`

// SIGKILL while an inbox is emptied and its mail brought back: each message is there once, or
// can be brought back, and all references are right.
func TestKillRecovers(t *testing.T) {
	t.Parallel()
	sent, rounds := 40, 4
	if testing.Short() {
		sent, rounds = 20, 2
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	for i := range sent {
		mailFrom(t, m, "", "eva@friends.example", note(fmt.Sprintf("mail %d.", i), "text"), ann).id(t)
	}
	for round := range rounds {
		var acts sync.WaitGroup
		acts.Go(func() { runs(t, "python3", "-c", emptier, m.IMAP, ann, password).Run() }) // it dies with the server
		acts.Go(func() {
			for range 5 {
				m.Try("", "mailbox", "recover", ann, "--since", "1d")
			}
		})
		time.Sleep(time.Duration(100+r.IntN(400)) * time.Millisecond)
		m.Kill()
		acts.Wait()
		if err := m.Start(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if out, err := m.Run("", "check", "store"); err != nil {
			t.Fatalf("round %d: check store: %v\n%s", round, err, out)
		}
	}
	run(t, m, "", "mailbox", "recover", ann, "--since", "1d")
	inbox := box(t, m, ann, "INBOX")
	for i := range sent {
		if got := len(withSubject(inbox, fmt.Sprintf("mail %d.", i))); got != 1 {
			t.Errorf("mail %d: %d times", i, got)
		}
	}
}
