package test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// What a client says of itself can't write lines into header, log or journal.
func TestInjection(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [spf, rdns, sender-allow]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	p := dialProxy(t, m, goodClient)
	p.want("220", p.answer())
	for _, helo := range []string{"a\tb", "x\x1b[31m", "evil\rX-Gatepost-Allowed: me", "(comment)", "\"quoted\"", "-", "[192.0.2.7]", strings.Repeat("a", 400)} {
		if reply := p.say("EHLO " + helo); !strings.HasPrefix(reply, "250") && !strings.HasPrefix(reply, "5") {
			t.Errorf("EHLO %q: %s", helo, reply)
		} else if strings.HasPrefix(reply, "250") {
			for _, from := range []string{`"a;b (c) <d>\" e"@sender.example`, "eve@sender.example", ""} {
				sent := p.send(from, note("injection", "x"), ann)
				if !strings.HasPrefix(sent.data, "250") {
					t.Errorf("EHLO %q, MAIL %q: %q", helo, from, sent)
				}
			}
		}
		if strings.Contains(helo, "\r") { // the connection is in doubt from here on
			p.conn.Close()
			p = dialProxy(t, m, goodClient)
			p.want("220", p.answer())
		}
	}
	for _, text := range withSubject(box(t, m, ann, "INBOX"), "injection") {
		header, _, _ := strings.Cut(text, "\r\n\r\n")
		for line := range strings.SplitSeq(header, "\r\n") {
			name, _, ok := strings.Cut(line, ":")
			if line[0] != ' ' && line[0] != '\t' && (!ok || strings.ContainsAny(name, " \t")) {
				t.Errorf("not a field: %q", line)
			}
			if strings.ContainsAny(line, "\r\n\x1b") || len(line) > 998 || strings.HasPrefix(line, "X-Gatepost-Allowed") {
				t.Errorf("injected: %q", line)
			}
		}
	}
	for line := range strings.Lines(m.Output.String()) {
		if !strings.HasPrefix(line, "time=") || strings.Contains(line, "\x1b") {
			t.Errorf("injected into the log: %q", line)
		}
	}
	for _, r := range asked[[]row](t, m, "journal", "search", "--recipient", ann) {
		if out := run(t, m, "", "journal", "show", r.ID); strings.ContainsAny(out, "\x1b\r") {
			t.Errorf("injected into what a person reads: %q", out)
		}
	}
}

// The PROXY header is believed from trusted networks alone, and they must send one.
func TestProxyTrust(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [ip-block]\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	run(t, m, "", "list", "add", "block", "203.0.113.99")
	p := dialProxy(t, m, "203.0.113.99")
	p.want("554", p.answer())

	// A stranger who sends one is not believed.
	stranger, err := net.Dial("tcp", m.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	fmt.Fprintf(stranger, "PROXY TCP4 203.0.113.99 192.0.2.1 40000 25\r\nEHLO x.example\r\nMAIL FROM:<eve@sender.example>\r\nRCPT TO:<%s>\r\nQUIT\r\n", ann)
	stranger.SetDeadline(time.Now().Add(time.Minute))
	b, _ := io.ReadAll(stranger) // it may be reset, which is an answer, too
	if strings.HasPrefix(string(b), "554 5.7.1") || strings.Contains(m.Output.String(), "client=203.0.113.99 helo=x.example") {
		t.Errorf("a stranger's PROXY header is believed: %s", b)
	}

	// The proxy itself, without a header, is nobody.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(proxy)}}
	bare, err := d.Dial("tcp", m.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	fmt.Fprint(bare, "EHLO x.example\r\n")
	bare.SetDeadline(time.Now().Add(time.Minute))
	b, _ = io.ReadAll(bare)
	if strings.Contains(string(b), "250") {
		t.Errorf("a proxy without PROXY header is served: %s", b)
	}
}

// Subjects that are marked stay readable, whatever they look like.
func TestTaggedSubject(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [{filter: keywords, spam_from: 1, patterns: [{word: pest}]}]}]\n", flowZone)
	ann := domain(t, m, "test.example", "--disposition", "tag")
	for name, c := range map[string]struct{ header, want string }{
		"plain":     {"Subject: offer\r\nX-N: plain\r\n", "\r\nSubject: SPAM: offer\r\n"},
		"none":      {"X-N: none\r\n", "\r\nSubject: SPAM:"},
		"empty":     {"Subject:\r\nX-N: empty\r\n", "\r\nSubject: SPAM:"},
		"encoded":   {"X-N: encoded\r\nSubject: =?utf-8?q?=C3=A9t=C3=A9?=\r\n", "SPAM:"},
		"forgeries": {"Subject: offer\r\nX-Spam-Flag: NO\r\nX-N: forgeries\r\nX-Keep: 1\r\n", "\r\nSubject: SPAM: offer\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			mailFrom(t, m, goodClient, sender, c.header+"From: eve@sender.example\r\n\r\na pest\r\n\r\n.\r\n", ann).id(t)
			for _, text := range box(t, m, ann, "INBOX") {
				if !strings.Contains(text, "\r\nX-N: "+name+"\r\n") {
					continue
				}
				header, rest, _ := strings.Cut(text, "\r\n\r\n")
				if !strings.Contains("\r\n"+header+"\r\n", c.want) || strings.Count("\r\n"+header, "\r\nSubject:") != 1 {
					t.Errorf("served as\n%s", header)
				}
				if rest != "a pest\r\n\r\n.\r\n" || strings.Count(header, "X-Spam-Flag") != 1 || !strings.Contains(header, "From: eve@sender.example") {
					t.Errorf("served as\n%s", text)
				}
				return
			}
			t.Error("not in the inbox")
		})
	}
}

// One message for very many recipients.
func TestManyRecipients(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [spf]}]\nlimits: {recipients: 120}\n", flowZone)
	ann := domain(t, m, "test.example")
	for i := range 3 {
		run(t, m, "", "mailbox", "add", fmt.Sprintf("u%d@test.example", i))
	}
	var to []string
	for i := range 121 {
		to = append(to, fmt.Sprintf("u%d+%d@test.example", i%3, i))
	}
	to[0] = ann
	sent := mailFrom(t, m, goodClient, sender, note("many", "x"), to...)
	for i, reply := range sent.rcpt {
		if want := map[bool]string{true: "250", false: "452 4.5.3"}[i < 120]; !strings.HasPrefix(reply, want) {
			t.Errorf("recipient %d: %s, want %s", i+1, reply, want)
		}
	}
	id := sent.id(t)
	if n := len(withSubject(box(t, m, ann, "INBOX"), "many")); n != 1 {
		t.Errorf("ann has it %d times", n)
	}
	if got := asked[[]row](t, m, "journal", "search", "--id", id, "--limit", "1000"); len(got) < 120 {
		t.Errorf("the journal has %d rows, want one a recipient", len(got))
	}
	type usage struct{ Messages int }
	for i := range 3 {
		if got := asked[usage](t, m, "mailbox", "show", fmt.Sprintf("u%d@test.example", i)); got.Messages != 1 {
			t.Errorf("u%d has %d messages, want one of all its sub-addresses", i, got.Messages)
		}
	}
}

// However a connection ends, the program serves on.
func TestRudeClients(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [spf, keywords]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	envelope := "EHLO x\r\nMAIL FROM:<eve@sender.example>\r\nRCPT TO:<" + ann + ">\r\n"
	for name, says := range map[string]string{
		"nothing":            "",
		"garbage":            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"no line end":        strings.Repeat("A", 1<<16),
		"half a command":     "EHLO x\r\nMAIL FR",
		"half a header":      envelope + "DATA\r\nSubject: ha",
		"no end of data":     envelope + "DATA\r\nSubject: rude\r\n\r\nx\r\n.",
		"bare LF end":        envelope + "DATA\r\nSubject: rude\r\n\r\nx\n.\nMAIL FROM:<smuggled@sender.example>\r\nRCPT TO:<" + ann + ">\r\nDATA\r\nSubject: rude\r\n\r\nsmuggled\r\n.\r\n",
		"bare CR end":        envelope + "DATA\r\nSubject: rude\r\n\r\nx\r.\rMAIL FROM:<smuggled@sender.example>\r\n.\r\n",
		"half a chunk":       envelope + "BDAT 1000 LAST\r\nSubject: rude\r\n",
		"a huge chunk":       envelope + "BDAT 99999999999999999999 LAST\r\nSubject: rude\r\n",
		"a negative chunk":   envelope + "BDAT -1 LAST\r\nSubject: rude\r\n",
		"a header of fields": envelope + "DATA\r\n" + strings.Repeat("X: y\r\n", 20000) + "\r\n.\r\nQUIT\r\n",
		"deep parts":         envelope + "DATA\r\n" + deep(2000) + "\r\n.\r\nQUIT\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := dialProxy(t, m, goodClient)
			p.write(says)
			p.conn.(*net.TCPConn).CloseWrite()
			p.conn.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, p.r); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Error("the connection is still open after a minute")
			}
		})
	}
	if got := withSubject(box(t, m, ann, "INBOX"), "rude"); len(got) != 0 {
		t.Errorf("taken all the same: %q", got)
	}
	mailFrom(t, m, goodClient, sender, note("polite", "x"), ann).id(t)
	for _, word := range []string{"panic", "goroutine ", "level=ERROR"} {
		if strings.Contains(m.Output.String(), word) {
			t.Errorf("the log has %q", word)
		}
	}
	checkRefused(t, m, ann)
}

// deep is a message of parts in parts.
func deep(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return b.String()
}

// checkRefused: content that can't be taken is refused clearly, and the next message on
// the same connection is judged by itself.
func checkRefused(t *testing.T, m *machine.Machine, ann string) {
	p := connect(t, m, goodClient)
	for _, c := range []struct{ name, content, want string }{
		{"a loop", strings.Repeat("Received: from a by b; Fri, 20 Nov 2026 15:05:00 +0000\r\n", 101) + "\r\nx\r\n", "554 5.4.6"},
		{"no header", "\r\nonly a body\r\n", "250"},
		{"nothing", "", "250"},
		{"NUL", "Subject: nul\r\n\r\na\x00b\r\n", ""},
		{"a long line", "Subject: long\r\n\r\n" + strings.Repeat("x", 2<<20) + "\r\n", "554 5.6.0"},
		{"after all", note("after all", "x"), "250"},
	} {
		sent := p.send(sender, c.content, ann)
		if !strings.HasPrefix(sent.data, c.want) || !strings.HasPrefix(sent.data, "2") && !strings.HasPrefix(sent.data, "5") {
			t.Errorf("%s: %q, want %s", c.name, sent.data, c.want)
		}
	}
}
