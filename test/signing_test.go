package test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/arc"
	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/internal/signing"
	"gatepost/test/machine"
)

// published are TXT records by name.
type published map[string]string

// LookupTXT implements dkim.Resolver.
func (p published) LookupTXT(_ context.Context, name string) ([]string, error) {
	if text, ok := p[name]; ok {
		return []string{text}, nil
	}
	return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
}

// A signingCrossing is a machine whose domain has keys, a server elsewhere and a sender's.
type signingCrossing struct {
	m           *machine.Machine
	there, back *sink
	submission  string
	ann         string
	keys        published
}

func newSigningCrossing(t *testing.T) signingCrossing {
	t.Helper()
	list, on := sinks(t, "127.0.0.5", "127.0.0.6")
	zone := flowZone + "elsewhere.example. A 127.0.0.5\nsender.example. MX 10 back.sender.example.\nback.sender.example. A 127.0.0.6\n"
	dns, err := resolvetest.Serve(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	c := signingCrossing{there: list[0], back: list[1], submission: freePort(t), keys: published{}}
	c.m = prepare(t, relayConfig, zone, "relay.port="+on, "listen.submission="+c.submission, "resolver.servers="+dns.Addr)
	c.ann = domain(t, c.m, "test.example")
	run(t, c.m, "", "forward", "add", "fwd@test.example", "me@elsewhere.example")
	run(t, c.m, "", "forward", "add", "dead@test.example", "gone@elsewhere.example")
	if err := c.m.Start(); err != nil {
		t.Fatal(err)
	}
	made := run(t, c.m, "", "domain", "dkim", "test.example", "new")
	sees(t, "new", made, "Put these lines into the DNS", `IN TXT "v=DKIM1; k=rsa;`, `IN TXT "v=DKIM1; k=ed25519;`)
	if got := run(t, c.m, "", "domain", "records", "test.example"); strings.Count(got, "IN TXT") != 2 {
		t.Errorf("the domain's records: %s", got)
	}
	c.send(t, "too early", "me@elsewhere.example")
	if got := c.there.content(t, "too early"); strings.Contains(got, "DKIM-Signature") {
		t.Errorf("signed with keys that nobody can look up:\n%s", got)
	}
	for _, k := range asked[[]struct{ Name, Record, Data string }](t, c.m, "domain", "dkim", "test.example", "list") {
		zone += k.Name + " IN TXT " + k.Data + "\n"
		c.keys[strings.TrimSuffix(k.Name, ".")] = k.Record
	}
	if err := dns.Set(zone); err != nil {
		t.Fatal(err)
	}
	if got := run(t, c.m, "", "domain", "dkim", "test.example", "check"); strings.Count(got, " active ") != 2 {
		t.Fatalf("published, and yet: %s", got)
	}
	return c
}

// send submits a note of ann's.
func (c signingCrossing) send(t *testing.T, subject string, to ...string) {
	t.Helper()
	p := dialAt(t, c.submission, "")
	p.want("220", p.answer())
	p.want("250", p.say("EHLO laptop.example"))
	p.want("235", p.say(plain(c.ann, password)))
	settled(t, c.m, p.send(c.ann, strings.Replace(note(subject, "x"), "Eve <eve@sender.example>", "Ann <"+c.ann+">", 1), to...).id(t))
}

// content waits for a message with that subject and returns it, as it came.
func (s *sink) content(t *testing.T, subject string) (text string) {
	t.Helper()
	until(t, 20*time.Second, "the message "+subject, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.IndexFunc(s.lines, func(l string) bool { return strings.Contains(l, "\r\nSubject: "+subject) })
		if i >= 0 {
			text = s.lines[i]
		}
		return i >= 0
	})
	return text
}

// verified says what comes of the DKIM signatures of a message.
func (c signingCrossing) verified(t *testing.T, text string) string {
	t.Helper()
	m := signing.Parts(mail.NewMessage([]byte(text)))
	var list []string
	for _, f := range m.Fields {
		if f.Name != "DKIM-Signature" {
			continue
		}
		s, err := dkim.ParseSignature(f.Raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dkim.Verify(t.Context(), m, []*dkim.Signature{s}, dkim.NewKeys(c.keys), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(s.Algorithm, " ", got[0].Result, " ", s.Identifier))
	}
	return strings.Join(list, ", ")
}

// What people send leaves with two signatures, the same octets at each try; what is sent on for strangers is sealed; and
// what the node writes is signed for its own name.
func TestSigned(t *testing.T) {
	t.Parallel()
	c := newSigningCrossing(t)
	t.Run("submitted", func(t *testing.T) {
		tries := 0
		c.there.say(func(line string) string {
			switch {
			case strings.HasPrefix(line, "RCPT TO:<gone@"):
				return "550 5.1.6 gone for good"
			case line == ".":
				if tries++; tries == 1 {
					return "451 4.3.0 once more"
				}
			}
			return ""
		})
		c.send(t, "signed", "me@elsewhere.example")
		got := c.there.content(t, "signed")
		if is := c.verified(t, got); is != "rsa-sha256 pass @test.example, ed25519-sha256 pass @test.example" {
			t.Errorf("%s\n%s", is, got)
		}
		var all []string
		until(t, 20*time.Second, "the second try", func() bool {
			c.there.mu.Lock()
			defer c.there.mu.Unlock()
			all = slices.DeleteFunc(slices.Clone(c.there.lines), func(l string) bool { return !strings.Contains(l, "Subject: signed\r\n") })
			return len(all) == 2
		})
		if all[0] != all[1] {
			t.Errorf("another try, other octets:\n%s\n%s", all[0], all[1])
		}
	})
	t.Run("sent on", func(t *testing.T) {
		settled(t, c.m, mailFrom(t, c.m, goodClient, sender, note("onward", "x"), "fwd@test.example").id(t))
		got := c.there.content(t, "onward")
		m := signing.Parts(mail.NewMessage([]byte(got)))
		chain, err := arc.Verify(t.Context(), m, dkim.NewKeys(c.keys), time.Now())
		if err != nil || chain.Result != arc.Pass || len(chain.Sets) != 1 || chain.Sets[0].Sealer != "test.example" || chain.Sets[0].CV != "none" {
			t.Errorf("%+v, %v\n%s", chain, err, got)
		}
		if strings.Contains(got, "DKIM-Signature") {
			t.Errorf("a stranger's mail is signed:\n%s", got)
		}
		set, _, _ := strings.Cut(got, "Delivered-To:")
		settled(t, c.m, mailFrom(t, c.m, goodClient, sender, set+note("onward", "x"), "fwd@test.example").id(t))
		for want, text := range map[arc.Result]string{arc.Pass: c.there.content(t, "onward"), arc.Fail: strings.Replace(got, "Subject: onward", "Subject: inward", 1)} {
			if chain, err := arc.Verify(t.Context(), signing.Parts(mail.NewMessage([]byte(text))), dkim.NewKeys(c.keys), time.Now()); err != nil || chain.Result != want {
				t.Errorf("%s: %+v, %v", want, chain, err)
			}
		}
		var twice string
		until(t, 20*time.Second, "the second one", func() bool {
			c.there.mu.Lock()
			defer c.there.mu.Unlock()
			i := slices.IndexFunc(c.there.lines, func(l string) bool { return strings.HasPrefix(l, "ARC-Seal: i=2;") })
			if i >= 0 {
				twice = c.there.lines[i]
			}
			return i >= 0
		})
		chain, err = arc.Verify(t.Context(), signing.Parts(mail.NewMessage([]byte(twice))), dkim.NewKeys(c.keys), time.Now())
		if err != nil || chain.Result != arc.Pass || len(chain.Sets) != 2 || chain.Sets[1].CV != "pass" || chain.Oldest != 1 {
			t.Errorf("sealed again: %+v, %v\n%s", chain, err, twice)
		}
	})
	t.Run("a report", func(t *testing.T) {
		settled(t, c.m, mailFrom(t, c.m, goodClient, sender, note("doomed", "x"), "dead@test.example").id(t))
		got := c.back.content(t, "Undeliver")
		if is := c.verified(t, got); is != "rsa-sha256 pass @mx.test.example, ed25519-sha256 pass @mx.test.example" {
			t.Errorf("%s\n%s", is, got)
		}
	})
	t.Run("return paths", func(t *testing.T) {
		run(t, c.m, "", "domain", "set", "test.example", "--sign-returns", "on")
		c.send(t, "returned", "me@elsewhere.example")
		c.there.content(t, "returned")
		from := c.there.heard("MAIL FROM:<prvs=")
		if len(from) != 1 || !strings.Contains(from[0], "=ann@test.example>") {
			t.Fatalf("the next server heard %q", c.there.heard("MAIL"))
		}
		path, _, _ := strings.Cut(strings.TrimPrefix(from[0], "MAIL FROM:<"), ">")
		settled(t, c.m, mailFrom(t, c.m, "198.51.100.9", "", note("a bounce", "x"), path).id(t))
		c.send(t, "to nobody", "gone@elsewhere.example")
		until(t, 20*time.Second, "the reports", func() bool {
			all := strings.Join(box(t, c.m, c.ann, "INBOX"), "\n")
			return strings.Contains(all, "Subject: a bounce\r\n") && strings.Contains(all, "gone for good")
		})
	})
}
