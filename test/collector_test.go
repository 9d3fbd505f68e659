package test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"gatepost/internal/control/ops"
	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

const collectorConfig = `hostname: mx.test.example
policies:
  - name: default
    pipeline:
      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: reject}}
`

// elsewhere starts a Dovecot with TLS, and returns the fingerprint of its certificate.
func elsewhere(t *testing.T, users ...string) (d *mta.DovecotMail, fingerprint string) {
	t.Helper()
	d, certificate, err := mta.StartDovecotTLS(t.TempDir(), "old.example", users...)
	if errors.Is(err, mta.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	block, _ := pem.Decode([]byte(certificate))
	sum := sha256.Sum256(block.Bytes)
	return d, hex.EncodeToString(sum[:])
}

// old is a log-in to a Dovecot.
func old(t *testing.T, d *mta.DovecotMail, user string) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialStartTLS(d.IMAP, &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	if err == nil {
		err = c.Login(user, mta.DovecotPassword).Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func put(t *testing.T, c *imapclient.Client, folder, content string) {
	t.Helper()
	a := c.Append(folder, int64(len(content)), nil)
	if _, err := a.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Wait(); err != nil {
		t.Fatal(err)
	}
}

func left(t *testing.T, c *imapclient.Client, folder string) uint32 {
	t.Helper()
	data, err := c.Status(folder, &imap.StatusOptions{NumMessages: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	return *data.NumMessages
}

// came is a message as a provider has it, from 192.0.2.7.
func came(subject, above string) string {
	return "Return-Path: <eve@sender.example>\r\n" + above + "Received: from out.sender.example ([192.0.2.7]) by mx.old.example with ESMTP; Thu, 26 Nov 2026 10:00:00 +0000\r\n" +
		"Delivered-To: forged@test.example\r\nFrom: eve@sender.example\r\nTo: somebody@elsewhere.example\r\nSubject: " + subject + "\r\n\r\nhello\r\n.dots\r\n"
}

// collect runs a collector once and returns what came of it.
func collect(t *testing.T, m *machine.Machine, name string) (o ops.Collector) {
	t.Helper()
	out, errs, _ := m.Try("", "collector", "run", name, "--json")
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	return o
}

func subjects(t *testing.T, m *machine.Machine, address, folder string) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, b := range box(t, m, address, folder) {
		for line := range strings.Lines(string(b)) {
			if s, ok := strings.CutPrefix(line, "Subject: "); ok {
				got[strings.TrimSpace(s)]++
				break
			}
		}
	}
	return got
}

// Mail of a Dovecot comes once over either protocol, over TLS whose certificate is pinned; what the policy would
// reject is held; the client is who handed the message to the provider; what comes later comes with the next visit.
func TestCollector(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"pop3", "imap"} {
		t.Run(protocol, func(t *testing.T) {
			d, fingerprint := elsewhere(t, "maildir-ann")
			m := serve(t, collectorConfig, flowZone)
			ann := domain(t, m, "test.example")
			there := old(t, d, "maildir-ann")
			put(t, there, "INBOX", came("first", ""))
			put(t, there, "INBOX", came("pest", ""))
			server := map[string]string{"pop3": d.POP3, "imap": d.IMAP}[protocol]
			run(t, m, mta.DovecotPassword+"\n", "collector", "add", "old", ann, "--server", server, "--protocol", protocol, "--tls", "starttls",
				"--fingerprint", fingerprint, "--user", "maildir-ann", "--password-file", "-")
			if o := collect(t, m, "old"); o.Fault != "" || o.Taken != 2 {
				t.Fatalf("got %+v", o)
			}
			put(t, there, "INBOX", came("second", ""))
			for range 2 {
				if o := collect(t, m, "old"); o.Fault != "" || o.Taken != 3 {
					t.Fatalf("got %+v", o)
				}
			}
			if got := subjects(t, m, ann, "INBOX"); len(got) != 2 || got["first"] != 1 || got["second"] != 1 {
				t.Errorf("inbox: %v", got)
			}
			for _, b := range box(t, m, ann, "INBOX") {
				if !strings.Contains(b, "X-Gatepost-Client: 192.0.2.7") || !strings.HasSuffix(b, "hello\r\n.dots\r\n") {
					t.Errorf("got %s", b)
				}
			}
			if held := run(t, m, "", "quarantine", "list", "--json"); !strings.Contains(held, `"pest"`) {
				t.Errorf("held: %s", held)
			}
			if n := left(t, there, "INBOX"); n != 3 {
				t.Errorf("%d messages are left there", n)
			}
			run(t, m, "", "collector", "set", "old", "--remove", "at-once")
			collect(t, m, "old")
			if n := left(t, there, "INBOX"); n != 0 {
				t.Errorf("%d messages are left there", n)
			}
		})
	}
}

// A password goes to nobody without TLS, to no other certificate, and a wrong one is told.
func TestCollectorRefuses(t *testing.T) {
	t.Parallel()
	d, fingerprint := elsewhere(t, "maildir-ann")
	plain, err := mta.StartDovecotMail(t.TempDir(), "maildir-ann")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Stop)
	m := serve(t, collectorConfig, flowZone)
	ann := domain(t, m, "test.example")
	other := strings.Repeat("00", 32)
	for n, c := range []struct{ server, protocol, tls, fingerprint, password, want string }{
		{d.IMAP, "imap", "starttls", fingerprint, "wrong", "refused the log-in"},
		{d.POP3, "pop3", "starttls", fingerprint, "wrong", "refused the log-in"},
		{d.IMAP, "imap", "starttls", other, mta.DovecotPassword, "the certificate is another"},
		{d.POP3, "pop3", "starttls", "", mta.DovecotPassword, "no TLS that can be trusted"},
		{plain.IMAP, "imap", "starttls", "", mta.DovecotPassword, "no TLS that can be trusted"},
		{plain.POP3, "pop3", "starttls", "", mta.DovecotPassword, "no TLS that can be trusted"},
		{plain.IMAP, "imap", "none", "", mta.DovecotPassword, "keeps the password secret"},
		{plain.POP3, "pop3", "none", "", mta.DovecotPassword, "keeps the password secret"},
		{plain.POP3, "pop3", "clear", "", mta.DovecotPassword, ""},
		{plain.IMAP, "imap", "clear", "", mta.DovecotPassword, ""},
		{d.IMAP, "imap", "none", "", mta.DovecotPassword, ""}, // by SCRAM
	} {
		name := fmt.Sprint("c", n)
		run(t, m, c.password+"\n", "collector", "add", name, ann, "--server", c.server, "--protocol", c.protocol, "--tls", c.tls,
			"--fingerprint", c.fingerprint, "--user", "maildir-ann", "--password-file", "-")
		o := collect(t, m, name)
		if c.want == "" && o.Fault != "" || !strings.Contains(o.Fault, c.want) {
			t.Errorf("%s %s: got %q, want %q", c.protocol, c.tls, o.Fault, c.want)
		}
	}
	if list := run(t, m, "", "collector", "list", "--failing"); !strings.Contains(list, "c0") || strings.Contains(list, "c9") {
		t.Errorf("got %s", list)
	}
}

// Of many messages each is here once, and none is left there, though the node is killed again and again.
func TestCollectorKill(t *testing.T) {
	t.Parallel()
	for protocol, all := range map[string]int{"pop3": 1000, "imap": 200} {
		t.Run(protocol, func(t *testing.T) {
			d, fingerprint := elsewhere(t, "maildir-ann")
			m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
			ann := domain(t, m, "test.example")
			there := old(t, d, "maildir-ann")
			for n := range all {
				put(t, there, "INBOX", came(fmt.Sprint("letter ", n), ""))
			}
			server := map[string]string{"pop3": d.POP3, "imap": d.IMAP}[protocol]
			run(t, m, mta.DovecotPassword+"\n", "collector", "add", "old", ann, "--server", server, "--protocol", protocol, "--tls", "starttls",
				"--fingerprint", fingerprint, "--user", "maildir-ann", "--password-file", "-", "--remove", "at-once", "--messages", fmt.Sprint(all*2/5))
			killed := 0
			for last := 0; killed < 5; {
				time.Sleep(300 * time.Millisecond)
				if n := len(box(t, m, ann, "INBOX")); n > last && n < all || n == all {
					last = n
					m.Kill()
					if err := m.Start(); err != nil {
						t.Fatal(err)
					}
					killed++
					if n == all {
						break
					}
				}
			}
			for left(t, there, "INBOX") > 0 {
				if o := collect(t, m, "old"); o.Fault != "" {
					t.Fatal(o.Fault)
				}
			}
			got := subjects(t, m, ann, "INBOX")
			for n := range all {
				if c := got[fmt.Sprint("letter ", n)]; c != 1 {
					t.Errorf("letter %d is there %d times", n, c)
				}
			}
			t.Logf("killed %d times", killed)
		})
	}
}

// What comes for a whole domain goes to whom the provider's own header fields name, and the rest to the fallback; what
// a sender wrote there counts for nothing.
func TestCollectorDomain(t *testing.T) {
	t.Parallel()
	d, fingerprint := elsewhere(t, "maildir-all")
	m := serve(t, collectorConfig, flowZone)
	ann := domain(t, m, "test.example")
	for _, a := range []string{"bob@test.example", "forged@test.example"} {
		run(t, m, password+"\n", "mailbox", "add", a, "--password-stdin")
	}
	there := old(t, d, "maildir-all")
	put(t, there, "INBOX", came("bob's", "Delivered-To: bob@test.example\r\n"))
	put(t, there, "INBOX", came("both", "Envelope-To: bob@test.example, ann@test.example\r\n"))
	put(t, there, "INBOX", came("unknown", "X-Original-To: nobody@test.example\r\n"))
	put(t, there, "INBOX", came("none", ""))
	run(t, m, mta.DovecotPassword+"\n", "collector", "add", "all", ann, "--domain", "test.example", "--server", d.IMAP, "--tls", "starttls",
		"--fingerprint", fingerprint, "--user", "maildir-all", "--password-file", "-")
	if o := collect(t, m, "all"); o.Fault != "" || o.Taken != 4 {
		t.Fatalf("got %+v", o)
	}
	for address, want := range map[string]string{
		"bob@test.example": "map[bob's:1 both:1]", ann: "map[both:1 none:1 unknown:1]", "forged@test.example": "map[]",
	} {
		if got := fmt.Sprint(subjects(t, m, address, "INBOX")); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
