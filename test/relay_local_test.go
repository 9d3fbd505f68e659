package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

const crowdSize = 120

// crowd adds an alias that leads to many mailboxes.
func crowd(t *testing.T, m *machine.Machine) {
	t.Helper()
	add := []string{"alias", "add", "all@test.example"}
	for i := range crowdSize {
		box := fmt.Sprintf("b%03d@test.example", i)
		run(t, m, "", "mailbox", "add", box)
		add = append(add, box)
	}
	run(t, m, "", add...)
}

// crowded fails unless each mailbox of the crowd has so many messages.
func crowded(t *testing.T, m *machine.Machine, want int64) {
	t.Helper()
	type mailbox struct {
		Address  string
		Messages int64
	}
	n := 0
	for _, b := range asked[[]mailbox](t, m, "mailbox", "list", "--domain", "test.example") {
		if !strings.HasPrefix(b.Address, "b") {
			continue
		}
		if n++; b.Messages != want {
			t.Errorf("%s has %d messages, want %d", b.Address, b.Messages, want)
		}
	}
	if n != crowdSize {
		t.Errorf("%d mailboxes, want %d", n, crowdSize)
	}
}

// An alias to more mailboxes than one commit takes: the answer comes at once, and
// each mailbox gets its copy once, also where the machine is killed in the middle.
func TestCrowd(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, flowZone)
	p := userOf(t, m)
	ann := address
	run(t, m, password, "mailbox", "add", ann, "--password-stdin")
	crowd(t, m)
	sent := mailFrom(t, m, goodClient, reported, note("crowd", "x"), "all@test.example", ann, "b007@test.example")
	id := sent.id(t)
	settled(t, m, id)
	crowded(t, m, 1)
	followed(t, m, id, "all@test.example delivered", ann+" delivered", "b007@test.example delivered")

	p.want("250", p.say("MAIL FROM:<"+reported+">"))
	for _, rcpt := range []string{"all@test.example", ann} {
		p.want("250", p.say("RCPT TO:<"+rcpt+"> NOTIFY=SUCCESS"))
	}
	p.want("354", p.say("DATA"))
	p.write(noteBy(reported, "told", "x") + ".\r\n")
	settled(t, m, mailing{data: p.answer()}.id(t))
	crowded(t, m, 2)
	for _, rcpt := range []string{"all@test.example", ann} {
		if n := len(withSubject(box(t, m, reported, "INBOX"), "Delivered / Remis : "+rcpt)); n != 1 {
			t.Errorf("%d reports about %s", n, rcpt)
		}
	}

	want := int64(2)
	for round := range 8 {
		sent := mailFrom(t, m, goodClient, reported, note(fmt.Sprint("crowd ", round), strings.Repeat("x\r\n", 5000)), "all@test.example")
		if want++; round%2 == 1 {
			time.Sleep(time.Duration(round) * time.Millisecond) // somewhere in the delivery
		}
		m.Kill()
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		settled(t, m, sent.id(t))
		crowded(t, m, want)
	}
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	run(t, m, "", "check", "store")
}

// Spam for a crowd is held once, and is each one's with its release.
func TestCrowdHeld(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, flowZone)
	domain(t, m, "test.example")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	crowd(t, m)
	id := mailFrom(t, m, goodClient, reported, note("crowd", "a pest"), "all@test.example").id(t)
	held := asked[[]row](t, m, "quarantine", "list", "--subject", "crowd")
	if len(held) != 1 {
		t.Fatalf("held %d times, want once: %+v", len(held), held[:min(len(held), 3)])
	}
	crowded(t, m, 0)
	run(t, m, "", "quarantine", "release", held[0].ID)
	settled(t, m, id)
	crowded(t, m, 1)
	run(t, m, "", "check", "store")
}

// A sender who has logged in hears of success when it asks; one who could be anybody
// does not.
func TestNotifySuccess(t *testing.T) {
	t.Parallel()
	f := newSink(t, "127.0.0.1:0", nil) // knows nothing of DSN
	m := prepare(t, relayConfig, flowZone)
	p := userOf(t, m)
	run(t, m, password, "mailbox", "add", address, "--password-stdin")
	away(t, m, "far.example", f.addr)
	reports := func() (subjects []string) {
		for _, text := range box(t, m, reported, "INBOX") {
			subjects = append(subjects, after(text, "\r\nSubject: "))
		}
		slices.Sort(subjects)
		return subjects
	}
	send := func(p *peer, rcpt, notify string) {
		t.Helper()
		p.want("250", p.say("MAIL FROM:<"+reported+"> RET=HDRS ENVID=QQ+2B7"))
		p.want("250", p.say("RCPT TO:<"+rcpt+"> NOTIFY="+notify+" ORCPT=rfc822;Someone@old.example"))
		p.want("354", p.say("DATA"))
		p.write(noteBy(reported, "notify", "x") + ".\r\n")
		id, _ := strings.CutPrefix(p.answer(), "250 2.0.0 accepted ")
		settled(t, m, id)
	}
	stranger := connect(t, m, goodClient)
	send(stranger, address, "SUCCESS")
	send(stranger, "a@far.example", "SUCCESS,FAILURE")
	send(p, address, "FAILURE")
	send(p, address, "NEVER")
	if got := reports(); len(got) > 0 {
		t.Errorf("nobody asked, or nobody proven, and there are reports: %q", got)
	}
	send(p, address, "SUCCESS,FAILURE")
	send(p, "a@far.example", "SUCCESS")
	if got, want := reports(), []string{"Delivered / Remis : " + address, "Passed on / Transmis : a@far.example"}; !slices.Equal(got, want) {
		t.Fatalf("reports %q, want %q", got, want)
	}
	for _, text := range box(t, m, reported, "INBOX") {
		action := "delivered"
		if strings.Contains(text, "a@far.example") {
			action = "relayed"
		}
		sees(t, "the report", text, "Return-Path: <>\r\n", "\r\nAction: "+action+"\r\n", "\r\nStatus: 2.", "\r\nOriginal-Envelope-Id: QQ+7\r\n", "\r\nOriginal-Recipient: rfc822; Someone@old.example\r\n")
	}
}

// What a relay of ours brings is judged by who brought it there.
func TestTrustedRelay(t *testing.T) {
	t.Parallel()
	config := strings.Replace(relayConfig, "pipeline: [", "pipeline: [{filter: ip-block, on: {blocked: reject}}, ", 1)
	m := serve(t, config+"trusted_relays: [198.51.100.0/28]\n", flowZone)
	ann := domain(t, m, "test.example")
	run(t, m, "", "list", "add", "block", "203.0.113.0/24")
	brought := func(subject, from string) string {
		return "Received: from backup.example ([198.51.100.3]) by other.example; Wed, 25 Nov 2026 12:00:00 +0000\r\n" +
			"Received: from evil.example (" + from + ")\r\n\tby backup.example (Postfix) with ESMTP id 4711; Wed, 25 Nov 2026 12:00:00 +0000\r\n" + note(subject, "x")
	}
	for _, c := range []struct{ name, client, from, want, seen string }{
		{"the client behind the relay is blocked", "198.51.100.2", "unknown [203.0.113.5]", "held ip-block", "203.0.113.5 (unknown) by way of 198.51.100.2"},
		{"the client behind the relay is not", "198.51.100.2", "unknown [192.0.2.99]", "delivered", "192.0.2.99 (unknown) by way of 198.51.100.2"},
		{"a stranger's word counts for nothing", goodClient, "unknown [203.0.113.5]", "delivered", goodClient + " (unknown)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := mailFrom(t, m, c.client, sender, brought(c.name, c.from), ann).id(t)
			followed(t, m, id, ann+" "+c.want)
			for _, h := range asked[[]row](t, m, "quarantine", "list", "--subject", c.name) {
				run(t, m, "", "quarantine", "release", h.ID)
			}
			got := withSubject(box(t, m, ann, "INBOX"), c.name)
			if len(got) != 1 {
				t.Fatalf("the inbox has it %d times", len(got))
			}
			sees(t, "the message", got[0], "\r\nX-Gatepost-Client: "+c.seen+"\r\n")
		})
	}
}

// Mail that is sent on and comes back is refused when it comes by the same address
// again, and its sender is told; so is mail that was here often.
func TestLoops(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, flowZone)
	p := postfix(t, mta.PostfixConfig{Domains: []string{"keeps.example"}, Relay: "[127.0.0.1]:" + port(t, m.SMTP), Main: []string{
		"virtual_alias_domains = back.example",
		"virtual_alias_maps = inline:{ {one@back.example = two@test.example}, {two@back.example = one@test.example} }",
	}})
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", reported, "--password-stdin")
	away(t, m, "back.example", p.SMTP)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		run(t, m, "", "alias", "add", name+"@test.example", name+"@back.example")
	}
	run(t, m, "", "alias", "add", "some@test.example", "one@back.example", ann)
	mailFrom(t, m, "", reported, note("round", "x"), "one@test.example").id(t)
	var text string
	until(t, 30*time.Second, "the sender is told", func() bool {
		for _, text = range box(t, m, reported, "INBOX") {
			if strings.Contains(text, "5.4.6") {
				return true
			}
		}
		return false
	})
	sees(t, "Postfix's report", text, "554 5.4.6", "mail loop")
	if n := strings.Count(text, "\nDelivered-To: "); n > 2 {
		t.Errorf("it went round %d times", n)
	}
	until(t, 10*time.Second, "the queue is empty", func() bool { return len(queued(t, m)) == 0 })

	mailFrom(t, m, "", reported, note("some", "x"), "some@test.example").id(t)
	until(t, 30*time.Second, "ann has it", func() bool { return len(withSubject(box(t, m, ann, "INBOX"), "some")) > 0 })
	until(t, 10*time.Second, "the queue is empty", func() bool { return len(queued(t, m)) == 0 })
	if n := len(withSubject(box(t, m, ann, "INBOX"), "some")); n != 1 {
		t.Errorf("ann has it %d times", n)
	}

	trace := "Received: from a.example ([192.0.2.1]) by MX.test.example with ESMTP\r\n id 4711; Wed, 25 Nov 2026 12:00:00 +0000\r\n"
	mailFrom(t, m, goodClient, sender, strings.Repeat(trace, 5)+note("five", "x"), ann).id(t)
	if sent := mailFrom(t, m, goodClient, sender, strings.Repeat(trace, 6)+note("six", "x"), ann); !strings.HasPrefix(sent.data, "554 5.4.6") {
		t.Errorf("the sixth time here: %q, want 554 5.4.6", sent.data)
	}
}
