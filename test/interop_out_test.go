package test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// hurried retries at once: the tests wait for it.
const hurried = "queue.retry=1s"

// livesAt has a domain live on a server.
func livesAt(t *testing.T, m *machine.Machine, name, addr string, flags ...string) {
	t.Helper()
	run(t, m, "", append([]string{"host", "add", name, "--address", addr, "--roles", "smtp-in"}, flags...)...)
	run(t, m, "", "domain", "add", name+".example", "--host", name)
}

// We hand awkward parcels to other people's servers, over TLS; what they keep is
// what we were given. Who is refused there, the sender hears of, in their words.
func TestInteropOut(t *testing.T) {
	t.Parallel()
	m := serve(t, interopConfig, "", hurried)
	for name, words := range map[string]string{"postfix": mta.RefusedText, "exim": mta.RefusedText, "opensmtpd": "Invalid recipient"} {
		t.Run(name, func(t *testing.T) {
			author := domain(t, m, "author-"+name+".example")
			s := startServer(t, name, mta.Config{Domains: []string{name + ".example"}, Refused: []string{"refused"}, ClientTLS: true})
			security := "encrypt"
			if name == "opensmtpd" { // on Debian 12 its STARTTLS fails: then it goes on in the clear (RFC 7435 §3)
				security = "may"
			}
			livesAt(t, m, name, s.addr, "--tls", security)
			all := parcels(author, "any@"+name+".example")
			all[0].to = append(all[0].to, "refused@"+name+".example")
			for _, p := range all {
				hand(t, m.SMTP, p, " BODY=8BITMIME")
			}
			arrived(t, all, func() []string { return s.mails(t) })
			refusalTold(t, m, author, "refused@"+name+".example", words)
		})
	}
}

// Over LMTP each recipient has an answer of its own after the content (RFC 2033 §4.2);
// Dovecot keeps what it can.
func TestInteropLMTP(t *testing.T) {
	t.Parallel()
	m := serve(t, interopConfig, "", hurried)
	author := domain(t, m, "author.example")
	s := startServer(t, "dovecot", mta.Config{Domains: []string{"any@dovecot.example", "two@dovecot.example"}})
	livesAt(t, m, "dovecot", s.addr, "--protocol", "lmtp")
	all := parcels(author, "any@dovecot.example")
	all = all[:len(all)-1] // it has no mailboxes for fifty
	for i := range all {
		all[i].to = append(all[i].to, "nobody@dovecot.example", "two@dovecot.example")
		all[i].copies = 2
		hand(t, m.SMTP, all[i], " BODY=8BITMIME")
	}
	arrived(t, all, func() []string { return s.mails(t) })
	refusalTold(t, m, author, "nobody@dovecot.example", "User doesn't exist")
}

// A server that wants to see us twice sees us twice.
func TestInteropGreylisting(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	policy, err := mta.ServePolicy(func(_ context.Context, a map[string]string) string {
		mu.Lock()
		defer mu.Unlock()
		if seen[a["recipient"]]++; seen[a["recipient"]] == 1 {
			return "451 4.7.1 greylisted, come back"
		}
		return "DUNNO"
	})
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	p, err := mta.StartPostfix(t.TempDir(), mta.PostfixConfig{
		Domains: []string{"grey.example"}, Main: []string{"smtpd_recipient_restrictions = check_policy_service inet:" + policy.Addr},
	})
	there(t, err)
	defer p.Stop()
	m := serve(t, interopConfig, "", hurried)
	author := domain(t, m, "author.example")
	livesAt(t, m, "grey", p.SMTP)
	all := parcels(author, "any@grey.example")[:1]
	hand(t, m.SMTP, all[0], "")
	arrived(t, all, func() []string { return server{p.SMTP, p}.mails(t) })
	if got := box(t, m, author, "INBOX"); len(got) != 0 {
		t.Errorf("the sender was bothered with %q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if n := seen["any@grey.example"]; n != 2 {
		t.Errorf("it was tried %d times, want 2", n)
	}
}

// refusalTold waits for a report (RFC 3464) in a mailbox that a recipient was refused in
// the words of its server.
func refusalTold(t *testing.T, m *machine.Machine, user, recipient, words string) {
	t.Helper()
	until(t, 20*time.Second, "a report on "+recipient+" that says "+words, func() bool {
		for _, message := range box(t, m, user, "INBOX") {
			// Long lines are folded.
			flat := strings.Join(strings.Fields(message), " ")
			if strings.Contains(flat, "Final-Recipient: rfc822; "+recipient+" ") && strings.Contains(flat, "Action: failed ") && strings.Contains(flat, words) {
				return true
			}
		}
		return false
	})
}

// Where mail is handed on before we answer, a server's refusal is ours, in its words;
// with a callout that is so at RCPT.
func TestInteropRefusedAtOnce(t *testing.T) {
	t.Parallel()
	m := serve(t, interopConfig+"relay_inline: true\n", "", hurried)
	for name, words := range map[string]string{"postfix": mta.RefusedText, "exim": mta.RefusedText, "opensmtpd": "Invalid recipient"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, mta.Config{Domains: []string{name + ".example"}, Refused: []string{"refused"}})
			livesAt(t, m, name, s.addr)
			sent := mailFrom(t, m, "", sender, note("inline", "x"), "refused@"+name+".example")
			if !strings.HasPrefix(sent.data, "550 ") || !strings.Contains(sent.data, words) {
				t.Errorf("handed on at once: %q, want 550 and %q", sent.data, words)
			}
			run(t, m, "", "domain", "set", name+".example", "--lookup", "callout")
			until(t, 10*time.Second, "the callout refuses at RCPT", func() bool {
				sent = mailFrom(t, m, "", sender, note("callout", "x"), "refused@"+name+".example", "any@"+name+".example")
				return strings.HasPrefix(sent.rcpt[0], "550 ")
			})
			if !strings.HasPrefix(sent.rcpt[1], "250 ") {
				t.Errorf("a recipient that is known there: %q", sent.rcpt[1])
			}
			sent.id(t)
		})
	}
}

// A sender of ours that asks for it hears of success: from a server that knows DSN, which is
// asked in turn; from us where it does not (RFC 3461 §4.1, §5.2.2).
func TestInteropNotify(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, interopConfig, "", hurried, "listen.submission="+submission)
	author := domain(t, m, "author.example")
	for name, reporter := range map[string]string{"postfix": "postfix.peer.example", "dovecot": "mx.test.example"} {
		t.Run(name, func(t *testing.T) {
			c, action, flags := mta.Config{Domains: []string{"postfix.example"}, Relay: m.SMTP}, "delivered", []string{}
			if name == "dovecot" {
				c, action, flags = mta.Config{Domains: []string{"any@dovecot.example"}}, "relayed", []string{"--protocol", "lmtp"}
			}
			s := startServer(t, name, c)
			livesAt(t, m, name, s.addr, flags...)
			p := dialAt(t, submission, "")
			p.want("220", p.answer())
			p.want("250", p.say("EHLO laptop.example"))
			p.want("235", p.say(plain(author, password)))
			p.want("250", p.say("MAIL FROM:<"+author+"> RET=HDRS ENVID=envelope-"+name))
			p.want("250", p.say("RCPT TO:<any@"+name+".example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@elsewhere.example"))
			p.want("354", p.say("DATA"))
			p.write(noteBy(author, "notify", "x") + ".\r\n")
			p.want("250", p.answer())
			until(t, 20*time.Second, "a report of success by "+reporter, func() bool {
				for _, message := range box(t, m, author, "INBOX") {
					flat := strings.ReplaceAll(strings.Join(strings.Fields(message), " "), "; ", ";")
					if strings.Contains(flat, "Original-Envelope-Id: envelope-"+name+" ") {
						return strings.Contains(flat, "Reporting-MTA: dns;"+reporter+" ") &&
							strings.Contains(flat, "Original-Recipient: rfc822;first@elsewhere.example ") && strings.Contains(flat, "Action: "+action+" ")
					}
				}
				return false
			})
		})
	}
}
