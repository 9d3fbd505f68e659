package test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// greylistConfig has strangers wait for a moment.
const greylistConfig = `
hostname: mx.test.example
policies:
  - name: default
    pipeline:
      - {filter: greylist, delay: 2s, private_networks: true}
`

// greylistRows are what the journal has of a recipient, the oldest first.
func greylistRows(t *testing.T, m *machine.Machine, to string) (states, ids []string) {
	t.Helper()
	rows := asked[[]row](t, m, "journal", "search", "--recipient", to)
	slices.Reverse(rows)
	for _, r := range rows {
		states, ids = append(states, r.State), append(ids, r.ID)
	}
	return states, ids
}

// What is deferred is tried again by a real server, and arrives once; and is counted.
func TestGreylistPostfix(t *testing.T) {
	t.Parallel()
	m := serve(t, greylistConfig, flowZone)
	to := domain(t, m, "test.example")
	p := postfix(t, mta.PostfixConfig{Relay: bracketed(m.SMTP)})
	l := parcel{name: "grey", from: "author@far.example", to: []string{to}, content: note("grey", "x"), copies: 1}
	hand(t, p.SMTP, l, "")
	until(t, 30*time.Second, "the first attempt is deferred", func() bool {
		states, _ := greylistRows(t, m, to)
		return len(states) > 0
	})
	flushed := time.Now()
	until(t, 60*time.Second, "Postfix has tried again", func() bool {
		if time.Since(flushed) > time.Second {
			flushed = time.Now()
			p.Flush()
		}
		n, err := p.Waiting()
		return err == nil && n == 0
	})
	if got := box(t, m, to, "INBOX"); len(got) != 1 {
		t.Errorf("%d messages arrived", len(got))
	}
	if !strings.Contains(p.Log(), "451 4.7.1 temporarily deferred, please retry in") || strings.Contains(p.Log(), "bounced") {
		t.Errorf("Postfix's log:\n%s", p.Log())
	}
	states, ids := greylistRows(t, m, to)
	if last := len(states) - 1; states[0] != "greylisted" || states[last] != "delivered" || slices.Contains(states, "refused") {
		t.Errorf("the journal has %q", states)
	} else {
		sees(t, "journal show", run(t, m, "", "journal", "show", ids[last]), "after the first, "+ids[0])
	}
	type delay struct {
		Domain             string
		Deferred, Returned int
		P95                float64 `json:"p95_seconds"`
	}
	if got := asked[[]delay](t, m, "greylist", "stats"); len(got) != 1 || got[0].Domain != "far.example" || got[0].Deferred != 1 || got[0].Returned != 1 || got[0].P95 < 60 {
		t.Errorf("stats: got %+v", got)
	}
	sees(t, "greylist show", run(t, m, "", "greylist", "show", "author@far.example"), "127.0.0.0/24", "far.example", "passed", ids[0])
}

// A node that is killed a second after a first attempt knows of it. Nothing of it looks like
// a refusal, to the client or in the journal.
func TestFieldNote15GreylistedIsNoReject(t *testing.T) {
	t.Parallel()
	m := serve(t, greylistConfig, flowZone)
	to := domain(t, m, "test.example")
	first := mailFrom(t, m, goodClient, sender, note("one", "x"), to)
	if want := "451 4.7.1 temporarily deferred, please retry in 2 seconds ("; !strings.HasPrefix(first.rcpt[0], want) {
		t.Errorf("got %q, want %q", first.rcpt[0], want)
	}
	if got := mailFrom(t, m, goodClient, sender, note("to the postmaster", "x"), "postmaster@test.example"); !strings.HasPrefix(got.data, "250") {
		t.Errorf("to the postmaster: %+v", got)
	}
	report := mailFrom(t, m, goodClient, "", note("report", "x"), to) // RCPT is answered, as callouts want
	if !strings.HasPrefix(report.rcpt[0], "250") || !strings.HasPrefix(report.data, "451 4.7.1 temporarily deferred") {
		t.Errorf("a report: %+v", report)
	}
	until(t, 10*time.Second, "the attempts are written", func() bool { return len(asked[[]struct{}](t, m, "greylist", "list")) == 2 })
	id := strings.TrimSuffix(first.rcpt[0][strings.LastIndexByte(first.rcpt[0], '(')+1:], ")")
	followed(t, m, id, to+" greylisted greylist")
	m.Kill()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	sent := mailing{}
	until(t, 20*time.Second, "the second attempt passes", func() bool {
		sent = mailFrom(t, m, goodClient, sender, note("one", "x"), to)
		return strings.HasPrefix(sent.data, "250")
	})
	followed(t, m, sent.id(t), to+" delivered")
	shown := run(t, m, "", "journal", "show", sent.id(t))
	sees(t, "journal show", shown, "after the first, "+id)
}

// Field note 15: a client that brings to all again what one recipient's answer told it to
// bring again has it arrive once, and so has a pool of which two try again. It is in the
// journal and the log.
func TestFieldNote15GreylistedArrivesOnce(t *testing.T) {
	t.Parallel()
	m := serve(t, greylistConfig, flowZone)
	ann, bob := domain(t, m, "test.example"), "bob@test.example"
	run(t, m, password, "mailbox", "add", bob, "--password-stdin")
	message := func(id, subject string) string {
		return "Message-ID: <" + id + "@sender.example>\r\n" + note(subject, "x")
	}
	taken := func(sent mailing, rcpts ...string) bool {
		for i, want := range rcpts {
			if !strings.HasPrefix(sent.rcpt[i], want) {
				return false
			}
		}
		return strings.HasPrefix(sent.data, "250")
	}
	until(t, 20*time.Second, "a first message to ann passes", func() bool { return taken(mailFrom(t, m, goodClient, sender, message("1", "first"), ann), "250") })

	part := mailFrom(t, m, goodClient, sender, message("2", "twice"), ann, bob)
	if !taken(part, "250", "451") {
		t.Fatalf("got %+v", part)
	}
	var again mailing
	until(t, 20*time.Second, "bob's passes", func() bool {
		again = mailFrom(t, m, goodClient, sender, message("2", "twice"), ann, bob)
		return taken(again, "250", "250")
	})
	followed(t, m, again.id(t), ann+" duplicate", bob+" delivered")
	sees(t, "journal show", run(t, m, "", "journal", "show", again.id(t)), "the same message was delivered before, as "+part.id(t))
	once := mailFrom(t, m, goodClient, sender, message("2", "twice"), bob)
	followed(t, m, once.id(t), bob+" duplicate")
	other := mailFrom(t, m, goodClient, sender, message("3", "twice"), ann) // says the same, and is another
	followed(t, m, other.id(t), ann+" delivered")
	for user, want := range map[string]int{ann: 2, bob: 1} {
		if got := withSubject(box(t, m, user, "INBOX"), "twice"); len(got) != want {
			t.Errorf("%s has %d", user, len(got))
		}
	}
}
