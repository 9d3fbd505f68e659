package test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

const relayConfig = `
hostname: mx.test.example
limits: {errors: 1000}
queue: {retry: 1s, retry_max: 2s, lifetime: 1h, delay_notice: 3s}
policies: [{name: default, pipeline: [{filter: keywords, spam_from: 1, patterns: [{word: pest}]}]}]
`

// A far is a machine, a customer's real mail server for far.example with a wire
// before it, and what that server says of recipients.
type far struct {
	m       *machine.Machine
	postfix *mta.Postfix
	wire    *mta.Wire

	mu    sync.Mutex
	says  map[string]string // by local part, "*" of those not there; "": it is taken
	asked map[string]int
}

func newFar(t *testing.T, config string, sets ...string) *far {
	t.Helper()
	f := &far{says: map[string]string{}, asked: map[string]int{}}
	policy, err := mta.ServePolicy(f.decide)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	f.postfix = postfix(t, mta.PostfixConfig{Domains: []string{"far.example", "two.example", "elsewhere.example"}, Main: []string{
		"smtpd_recipient_restrictions = check_policy_service inet:" + policy.Addr + ", permit", "smtpd_error_sleep_time = 0",
	}})
	f.wire = wire(t, f.postfix.SMTP)
	zone := "elsewhere.example. MX 10 mx.elsewhere.example.\nmx.elsewhere.example. A 127.0.0.1\n"
	f.m = prepare(t, config, flowZone+zone, append([]string{"relay.port=" + port(t, f.wire.Addr)}, sets...)...)
	away(t, f.m, "far.example", f.wire.Addr)
	domain(t, f.m, "test.example")
	run(t, f.m, password, "mailbox", "add", reported, "--password-stdin")
	if err := f.m.Start(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *far) decide(_ context.Context, attributes map[string]string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	local, _, _ := strings.Cut(attributes["recipient"], "@")
	f.asked[local]++
	says, known := f.says[local]
	if !known {
		says = f.says["*"]
	}
	switch {
	case says == "", strings.HasPrefix(says, "once ") && f.asked[local] > 1:
		return "DUNNO"
	}
	return strings.TrimPrefix(says, "once ")
}

// say is what the server answers to a recipient from now on; "once …" the first time.
func (f *far) say(local, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.says[local] = what
}

// send sends a note from sam and returns its transaction.
func (f *far) send(t *testing.T, subject string, to ...string) string {
	t.Helper()
	return mailFrom(t, f.m, goodClient, reported, note(subject, "x"), to...).id(t)
}

// report waits for the report about a message whose subject begins so, and returns
// it.
func (f *far) report(t *testing.T, subject string) (text string) {
	t.Helper()
	until(t, 20*time.Second, "the report "+subject, func() bool {
		for _, text = range box(t, f.m, reported, "INBOX") {
			if strings.Contains(text, "\r\nSubject: "+subject) {
				return true
			}
		}
		return false
	})
	return text
}

// sees fails for each text that is not in another.
func sees(t *testing.T, what, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, text)
		}
	}
}

// Mail for a domain that lives on a customer's server is handed on to it.
func TestRelay(t *testing.T) {
	t.Parallel()
	f := newFar(t, strings.Replace(relayConfig, "lifetime: 1h", "lifetime: 1m", 1))
	f.say("doomed", "450 4.2.1 the mailbox rests")
	doomed := f.send(t, "doomed", "doomed@far.example")
	config, err := os.ReadFile(f.m.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.m.Config, bytes.Replace(config, []byte("lifetime: 1m"), []byte("lifetime: 1h"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, f.m, "", "reload") // for all others, however long they take here
	for _, part := range []struct {
		name string
		test func(*testing.T, *far)
	}{
		{"octets and header", relayContent},
		{"recipients share a transaction", relayRecipients},
		{"a refusal is reported", relayRefused},
		{"greylisting", relayGreylisted},
		{"a delay is told", relayDelayed},
		{"the next host where the first is down", relayFailOver},
		{"spam is held", relaySpam},
		{"spam for a host that wants it", relaySpamTagged},
		{"spam for a forward is held", relaySpamForward},
		{"queue commands", relayCommands},
		{"released without a server", relayReleasedLater},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, f) })
	}
	t.Run("the end of a lifetime is told", func(t *testing.T) {
		until(t, time.Minute, "the doomed message is given up", func() bool { return len(queued(t, f.m, "--tx", doomed)) == 0 })
		text := f.report(t, "Undelivered / Non remis : doomed@far.example")
		sees(t, "the report", text, "\r\nAction: failed\r\n", "\r\nStatus: 5.4.7\r\n", "the mailbox rests", "Diagnostic-Code: smtp; 450")
		followed(t, f.m, doomed, "doomed@far.example bounced")
	})
}

func relayContent(t *testing.T, f *far) {
	content := "X-Spam-Flag: NO\r\nX-Odd:  a \r\n\tfold\r\nSubject: octets\r\nMessage-ID: <1@sender.example>\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\nFrom: <sam@test.example>\r\n\r\n" +
		".\r\n..dots\r\nlatin \xe9 and \x7f\r\n\r\n\ttabs \r\n" + strings.Repeat("long ", 180) + "\r\n.\r\n\r\n\r\n"
	id := mailFrom(t, f.m, goodClient, reported, content, "Bob@far.example").id(t)
	settled(t, f.m, id)
	followed(t, f.m, id, "bob@far.example relayed")
	passed := passages(f.wire, "octets")
	if len(passed) != 1 {
		t.Fatalf("the server was handed it %d times", len(passed))
	}
	header, rest, _ := strings.Cut(unstuffed(passed[0].Content), "X-Odd:")
	_, want, _ := strings.Cut(content, "X-Odd:")
	if rest != want {
		t.Errorf("the server got %q, want %q", rest, want)
	}
	if !strings.HasPrefix(header, "Received: from mx.sender.example ([192.0.2.7]) by mx.test.example with ESMTP") {
		t.Errorf("Received is not on top:\n%s", header)
	}
	sees(t, "the header", header, "\r\nX-Gatepost-Id: "+id+"\r\n", "\r\nX-Spam-Status: No, ")
	if strings.Contains(header, "Return-Path:") || strings.Contains(header, "X-Spam-Flag") {
		t.Errorf("these fields are not to go on:\n%s", header)
	}
	if !slices.Equal(passed[0].Recipients, []string{"Bob@far.example"}) {
		t.Errorf("recipients %q: the local part is not ours to change", passed[0].Recipients)
	}
	landed(t, f.postfix, "octets", 1)
}

// passages are the contents with a subject that passed a wire.
func passages(w *mta.Wire, subject string) (found []mta.Passage) {
	for _, p := range w.Passages() {
		if strings.Contains(string(p.Content), "\r\nSubject: "+subject+"\r\n") {
			found = append(found, p)
		}
	}
	return found
}

// unstuffed takes the dots away that SMTP put before dots (RFC 5321 §4.5.2).
func unstuffed(content []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix("\r\n"+string(content), "\r\n"), "\r\n..", "\r\n.")
}

func relayRecipients(t *testing.T, f *far) {
	id := f.send(t, "three", "a@far.example", "b@far.example", "c@far.example")
	settled(t, f.m, id)
	if got := landed(t, f.postfix, "three", 3); strings.Contains(got[0], "for <") {
		t.Errorf("a copy for one of three names a recipient:\n%s", got[0])
	}
	if passed := passages(f.wire, "three"); len(passed) != 1 || len(passed[0].Recipients) != 3 {
		t.Fatalf("handed on as %d contents", len(passed))
	}
	numbers := regexp.MustCompile(`nrcpt=(\d+)`).FindAllStringSubmatch(f.postfix.Log(), -1)
	if !slices.ContainsFunc(numbers, func(n []string) bool { return n[1] == "3" }) {
		t.Error("Postfix has no message with nrcpt=3")
	}
}

func relayRefused(t *testing.T, f *far) {
	f.say("refused", "550 5.7.1 we have fallen out with you")
	id := f.send(t, "mixed", "taken@far.example", "refused@far.example")
	settled(t, f.m, id)
	text := f.report(t, "Undelivered / Non remis : refused@far.example")
	sees(t, "the report", text, "Return-Path: <>\r\nFrom: Mail Delivery System <mailer-daemon@mx.test.example>\r\n", "\r\nAuto-Submitted: auto-replied\r\n",
		"multipart/report; report-type=delivery-status", "Your message could not be delivered to:", "Votre message n'a pas pu être remis à :",
		"said:", "Réponse de ", "\r\nFinal-Recipient: rfc822; refused@far.example\r\n", "\r\nAction: failed\r\n", "\r\nStatus: 5.7.1\r\n", "\r\nRemote-MTA: dns; [127.0.0.1]\r\n",
		"we have fallen out with you", "\r\nSubject: mixed\r\n")
	if strings.Contains(text, "rfc822; taken@far.example") {
		t.Errorf("the report speaks of who has it:\n%s", text)
	}
	followed(t, f.m, id, "taken@far.example relayed", "refused@far.example bounced")
	landed(t, f.postfix, "mixed", 1)
	if told := attempts(t, f.m, id); !slices.Equal(told, []string{"refused@far.example refused", "sam@test.example carried", "taken@far.example carried"}) {
		t.Errorf("journal show tells of %q", told)
	}
}

// attempts is what the journal tells of a transaction's attempts, "recipient fate" each.
func attempts(t *testing.T, m *machine.Machine, id string) (told []string) {
	t.Helper()
	type delivery struct{ Recipient, What string }
	for _, d := range asked[struct{ Deliveries []delivery }](t, m, "journal", "show", id).Deliveries {
		told = append(told, d.Recipient+" "+d.What)
	}
	slices.Sort(told)
	return told
}

func relayGreylisted(t *testing.T, f *far) {
	f.say("grey", "once 450 4.7.1 come back")
	id := f.send(t, "grey", "grey@far.example", "white@far.example")
	settled(t, f.m, id)
	landed(t, f.postfix, "grey", 2)
	followed(t, f.m, id, "grey@far.example relayed", "white@far.example relayed")
	if told := attempts(t, f.m, id); !slices.Equal(told, []string{"grey@far.example carried", "grey@far.example deferred", "white@far.example carried"}) {
		t.Errorf("journal show tells of %q", told)
	}
}

func relayDelayed(t *testing.T, f *far) {
	f.say("late", "450 4.3.2 busy with other things")
	id := f.send(t, "late", "late@far.example")
	text := f.report(t, "Delayed / En attente : late@far.example")
	sees(t, "the notice", text, "\r\nAction: delayed\r\n", "busy with other things", "\r\nWill-Retry-Until: ",
		"Your message has not been delivered yet to:", "Votre message n'a pas encore été remis à :")
	told := queued(t, f.m, "--tx", id)[0].Attempts
	until(t, 20*time.Second, "two more attempts", func() bool { return queued(t, f.m, "--tx", id)[0].Attempts > told+1 })
	f.say("late", "")
	settled(t, f.m, id)
	landed(t, f.postfix, "late", 1)
	followed(t, f.m, id, "late@far.example relayed")
	if n := len(withSubject(box(t, f.m, reported, "INBOX"), "Delayed / En attente : late@far.example")); n != 1 {
		t.Errorf("the delay was told %d times", n)
	}
}

func relayFailOver(t *testing.T, f *far) {
	first, second := wire(t, f.postfix.SMTP), wire(t, f.postfix.SMTP)
	away(t, f.m, "two.example", first.Addr, second.Addr)
	settled(t, f.m, f.send(t, "both up", "ann@two.example"))
	if n, m := len(first.Passages()), len(second.Passages()); n != 1 || m != 0 {
		t.Errorf("%d at the first and %d at the second, want 1 and 0", n, m)
	}
	first.Close()
	settled(t, f.m, f.send(t, "first down", "ann@two.example"))
	if m := len(second.Passages()); m != 1 {
		t.Errorf("%d at the second, want 1", m)
	}
}

func relaySpam(t *testing.T, f *far) {
	id := mailFrom(t, f.m, goodClient, reported, note("offer", "a pest"), "ann@far.example").id(t)
	followed(t, f.m, id, "ann@far.example held keywords")
	checkReleased(t, f, "offer", "ann@far.example")
}

func relaySpamTagged(t *testing.T, f *far) {
	run(t, f.m, "", "host", "set", "host0.far.example", "--spam", "tag")
	defer run(t, f.m, "", "host", "set", "host0.far.example", "--spam", "hold")
	id := mailFrom(t, f.m, goodClient, reported, note("marked", "a pest"), "ann@far.example").id(t)
	settled(t, f.m, id)
	got := landed(t, f.postfix, "SPAM: marked", 1)
	sees(t, "the marked message", got[0], "\nX-Spam-Flag: YES\n", "\n\na pest\n")
	followed(t, f.m, id, "ann@far.example relayed keywords")
}

func relaySpamForward(t *testing.T, f *far) {
	run(t, f.m, "", "forward", "add", "fwd@test.example", "ann@elsewhere.example")
	id := mailFrom(t, f.m, goodClient, reported, note("offer2", "a pest"), "fwd@test.example").id(t)
	followed(t, f.m, id, "fwd@test.example held keywords")
	checkReleased(t, f, "offer2", "fwd@test.example")
	id = f.send(t, "no spam", "fwd@test.example")
	settled(t, f.m, id)
	got := landed(t, f.postfix, "no spam", 1)
	sees(t, "the forwarded message", got[0], "\nDelivered-To: ann@elsewhere.example\n", "\nDelivered-To: fwd@test.example\n")
	followed(t, f.m, id, "fwd@test.example relayed")
}

// checkReleased releases what is held for a recipient whose mail goes on.
func checkReleased(t *testing.T, f *far, subject, rcpt string) {
	t.Helper()
	if n := len(passages(f.wire, subject)); n > 0 {
		t.Errorf("spam was handed on %d times", n)
	}
	held := asked[[]row](t, f.m, "quarantine", "list", "--recipient", rcpt)
	if len(held) != 1 {
		t.Fatalf("held: %+v", held)
	}
	run(t, f.m, "", "quarantine", "release", held[0].ID)
	got := landed(t, f.postfix, subject, 1)
	sees(t, "the released message", got[0], "\nX-Gatepost-Released: ", "\nX-Spam-Flag: YES\n", "\n\na pest\n")
	settled(t, f.m, held[0].Tx)
	followed(t, f.m, held[0].Tx, rcpt+" relayed keywords")
}

// relayReleasedLater: what is released while nobody serves is carried by the next life.
func relayReleasedLater(t *testing.T, f *far) {
	id := mailFrom(t, f.m, goodClient, reported, note("offer3", "a pest"), "ann@far.example").id(t)
	held := asked[[]row](t, f.m, "quarantine", "list", "--subject", "offer3")
	f.m.Kill()
	run(t, f.m, "", "quarantine", "release", held[0].ID)
	if l := queued(t, f.m, "--tx", id); len(l) != 1 || l[0].Recipient != "ann@far.example" {
		t.Errorf("queue: %+v", l)
	}
	if err := f.m.Start(); err != nil {
		t.Fatal(err)
	}
	settled(t, f.m, id)
	landed(t, f.postfix, "offer3", 1)
}

func relayCommands(t *testing.T, f *far) {
	f.say("stuck", "450 4.2.0 not yet")
	id := f.send(t, "stuck", "stuck@far.example", "alsostuck@far.example")
	f.say("alsostuck", "450 4.2.0 not yet either")
	id = f.send(t, "stuck twice", "stuck@far.example", "alsostuck@far.example")
	both := func() []transfer { return queued(t, f.m, "--tx", id) }
	until(t, time.Minute, "both were tried", func() bool { l := both(); return len(l) == 2 && l[0].Attempts > 0 && l[1].Attempts > 0 })
	one, other := both()[0], both()[1]
	if one.Destination != "domain:far.example" || one.State != "waiting" || one.Sender != reported || one.Code != 450 || one.Status != "4.2.0" || !strings.Contains(one.Reply, "not yet") || one.Expires.IsZero() {
		t.Errorf("queue list: %+v", one)
	}
	number := strconv.FormatInt(one.ID, 10)
	why := asked[transfer](t, f.m, "queue", "why", number)
	if why.Subject != "stuck twice" || !strings.Contains(why.Why, "450 to RCPT") || len(why.Events) == 0 || why.Events[0].What != "deferred" {
		t.Errorf("queue why: %+v", why)
	}
	sees(t, "queue why for people", run(t, f.m, "", "queue", "why", number), "stuck twice", "not yet", "deferred", one.Recipient)
	sees(t, "queue list for people", run(t, f.m, "", "queue", "list", "--failing"), one.Recipient, "450 4.2.0")
	if got := asked[changed](t, f.m, "queue", "hold", number); got.Changed != 1 {
		t.Errorf("hold: %+v", got)
	}
	held := queued(t, f.m, "--state", "held")
	if len(held) != 1 || held[0].ID != one.ID {
		t.Fatalf("held: %+v", held)
	}
	f.say("stuck", "")
	f.say("alsostuck", "")
	if got := asked[changed](t, f.m, "queue", "flush", "far.example"); got.Changed < 1 {
		t.Errorf("flush: %+v", got)
	}
	until(t, time.Minute, "the other one is gone", func() bool { return !slices.ContainsFunc(both(), func(l transfer) bool { return l.ID == other.ID }) })
	asked[changed](t, f.m, "queue", "retry", number)                                                          // it is held: nothing is tried
	if l := both(); len(l) != 1 || l[0].Attempts != held[0].Attempts && l[0].Attempts != held[0].Attempts+1 { // one may have been under way
		t.Errorf("the held one: %+v", l)
	}
	if got := asked[changed](t, f.m, "queue", "release", "--recipient", one.Recipient, "--state", "held"); got.Changed != 1 {
		t.Errorf("release: %+v", got)
	}
	settled(t, f.m, id)
	landed(t, f.postfix, "stuck twice", 2)

	f.say("stuck", "450 4.2.0 not yet")
	id = f.send(t, "deleted", "stuck@far.example")
	until(t, time.Minute, "it was tried", func() bool { l := both(); return len(l) == 1 && l[0].Attempts > 0 })
	until(t, time.Minute, "it is deleted", func() bool { // one that is under way is not
		return asked[changed](t, f.m, "queue", "delete", "--tx", id).Changed == 1
	})
	if l := both(); len(l) > 0 {
		t.Errorf("deleted and there: %+v", l)
	}
	followed(t, f.m, id, "stuck@far.example deleted")
	for _, refused := range [][]string{{"why", "999999"}, {"hold"}, {"retry", "999999"}, {"flush", "nosuch.example"}, {"list", "--state", "odd"}} {
		if out, errs, status := f.m.Try("", append([]string{"queue"}, refused...)...); status == 0 || errs == "" {
			t.Errorf("queue %v: exit status %d, %q %q, want an error", refused, status, out, errs)
		}
	}
}

// changed is what a command that changes the queue says with --json.
type changed struct{ Changed int }
