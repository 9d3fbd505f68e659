package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// recordPeer makes a machine that lets everybody in and notes who it is.
func recordPeer(m *machine) func(mail.Client) mail.Verdict {
	return func(c mail.Client) mail.Verdict {
		m.note("%s %d %s %s", c.Addr, c.Port, c.Local, c.TLS)
		return mail.Verdict{}
	}
}

func TestConnectRefused(t *testing.T) {
	tests := []struct {
		name    string
		verdict mail.Verdict
		want    string
	}{
		{"shut", mail.Verdict{Answer: mail.Shut, Reason: "listed"}, "554 5.7.1 listed"},
		{"busy", mail.Verdict{Answer: mail.Busy}, "421 4.3.2 busy, come back later"},
		{"refused is 554 here", mail.Verdict{Answer: mail.Refused, ID: "id9"}, "554 5.7.1 refused by policy (id9)"},
		{"deferred is 421 here", mail.Verdict{Answer: mail.Deferred}, "421 4.7.1 deferred by policy, come back later"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := &machine{connect: func(mail.Client) mail.Verdict { return test.verdict }}
			addr, _ := start(t, testConfig(), m)
			p := dial(t, addr)
			p.exchange("S: "+test.want, "E:")
		})
		t.Run(test.name+"/implicit TLS", func(t *testing.T) {
			m := &machine{connect: func(mail.Client) mail.Verdict { return test.verdict }}
			c := testConfig()
			c.ImplicitTLS = true
			addr, _ := start(t, c, m)
			p := dialTLS(t, addr)
			p.exchange("S: "+test.want, "E:")
		})
	}
}

func dialTLS(t *testing.T, addr string) *player {
	t.Helper()
	p := dial(t, addr)
	c := tls.Client(p.conn, testTLS())
	p.conn = c
	p.in.Reset(c)
	return p
}

func TestImplicitTLS(t *testing.T) {
	c := testConfig()
	c.ImplicitTLS, c.Submission = true, true
	m := new(machine)
	m.connect = recordPeer(m)
	addr, _ := start(t, c, m)
	p := dialTLS(t, addr)
	p.exchange("S: 220 mx.test.example ESMTP", "C: EHLO client.example", "S: 250-mx.test.example", "S: 250-PIPELINING",
		"S: 250-SIZE 52428800", "S: 250-8BITMIME", "S: 250-SMTPUTF8", "S: 250-CHUNKING", "S: 250-ENHANCEDSTATUSCODES",
		"S: 250-DSN", "S: 250-LIMITS RCPTMAX=1000", "S: 250-REQUIRETLS", "S: 250 AUTH PLAIN LOGIN", "C: STARTTLS", "S: 503 *", "C: QUIT", "S: 221 *", "E:")
	if got := m.log(); !strings.Contains(got, " TLS1.3 TLS_AES_128_GCM_SHA256\n") {
		t.Errorf("the machine saw %s", got)
	}
}

func TestHandshakeFails(t *testing.T) {
	addr, _ := start(t, testConfig(), new(machine))
	p := dial(t, addr)
	p.exchange("S: 220 *", "H: client.example", "C: STARTTLS", "S: 220 *", "C: this is no handshake at all")
	p.flush()
	if _, err := io.ReadAll(p.in); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

// What is sent in the clear behind STARTTLS is never seen again (RFC 3207 §6),
// and what was said before is forgotten.
func TestSTARTTLSInjection(t *testing.T) {
	m := new(machine)
	addr, stop := start(t, testConfig(), m)
	p := dial(t, addr)
	p.exchange("S: 220 *", "H: before.example", "C: MAIL FROM:<a@client.example>", "S: 250 *",
		`c: "STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@client.example>\r\n"`, "S: 220 *")
	c := tls.Client(p.conn, testTLS())
	p.conn = c
	p.in.Reset(c)
	p.exchange("C: RCPT TO:<ann@test.example>", "S: 503 *", "C: MAIL FROM:<a@client.example>", "S: 503 *",
		"C: EHLO after.example", "S: 250-mx.test.example", "S: 250-*", "S: 250-*", "S: 250-*", "S: 250-*", "S: 250-*", "S: 250-ENHANCEDSTATUSCODES",
		"S: 250-DSN", "S: 250-LIMITS RCPTMAX=1000", "S: 250 REQUIRETLS", "C: STARTTLS", "S: 503 *", "C: QUIT", "S: 221 *", "E:")
	stop()
	want := "ehlo before.example\nmail <a@client.example>\nabort STARTTLS\nehlo after.example"
	if got := m.log(); got != want {
		t.Errorf("the machine was asked\n%s\nwant\n%s", got, want)
	}
}

// A log-in in the clear, which this machine's own clients may do, does not
// outlive STARTTLS.
func TestSTARTTLSForgetsLogin(t *testing.T) {
	c := testConfig()
	c.Submission = true
	addr, _ := start(t, c, new(machine))
	p := dial(t, addr)
	p.exchange("S: 220 *", "H: client.example", "C: AUTH PLAIN AGFubgBzZWNyZXQ=", "S: 235 2.7.0 authenticated", "C: STARTTLS", "S: 220 *")
	secured := tls.Client(p.conn, testTLS())
	p.conn = secured
	p.in.Reset(secured)
	p.exchange("H: client.example", "C: MAIL FROM:<ann@test.example>", "S: 530 5.7.0 *", "C: QUIT", "S: 221 *", "E:")
}

func TestNoSTARTTLS(t *testing.T) {
	c := testConfig()
	c.TLS, c.Submission = nil, true
	l := newPipes()
	startOn(t, l, c, new(machine))
	p := l.dialFrom(t, "192.0.2.7:1025")
	p.exchange("S: 220 *", "H: client.example", "C: STARTTLS", "S: 502 5.5.1 *",
		// and no password in the clear from elsewhere
		"C: AUTH PLAIN AGFubgBzZWNyZXQ=", "S: 538 5.7.11 encryption required",
		"C: MAIL FROM:<ann@test.example>", "S: 530 5.7.0 issue STARTTLS first", "C: QUIT", "S: 221 *")
}

// await waits until n connections are counted: that happens a moment after the
// client has seen the end.
func (l *Limits) await(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		open := l.open
		l.mu.Unlock()
		if open == n {
			return
		}
	}
	t.Fatalf("there are not %d connections", n)
}

func TestConnectionLimits(t *testing.T) {
	c := testConfig()
	c.Limits = &Limits{Connections: 3, PerNetwork: 2}
	c.TLS = nil
	l := newPipes()
	stop := startOn(t, l, c, new(machine))
	a := l.dialFrom(t, "192.0.2.7:1")
	a.exchange("S: 220 *")
	rest := []*player{l.dialFrom(t, "192.0.2.200:1")}
	rest[0].exchange("S: 220 *")
	l.dialFrom(t, "[::ffff:192.0.2.9]:1").exchange("S: 421 4.3.2 too many connections, come back later", "E:")
	a.exchange("C: QUIT", "S: 221 *", "E:")
	c.Limits.await(t, 1)
	for _, peer := range []string{"192.0.2.7:2", "[2001:db8::1]:1"} {
		p := l.dialFrom(t, peer)
		p.exchange("S: 220 *")
		rest = append(rest, p)
	}
	l.dialFrom(t, "[2001:db8::2]:1").exchange("S: 421 4.3.2 too many connections, come back later", "E:")
	go stop()
	for _, p := range rest {
		p.exchange("S: 421 4.3.2 going down, come back later")
		p.conn.Close()
	}
	stop()
	if c.Limits.open != 0 || len(c.Limits.networks) != 0 || c.Limits.bytes != 0 {
		t.Errorf("left over: %d connections, networks %v, %d octets", c.Limits.open, c.Limits.networks, c.Limits.bytes)
	}
}

// All connections of many are answered, and the numbers come out.
func TestManyConnections(t *testing.T) {
	c := testConfig()
	c.Limits = &Limits{Connections: 50, PerNetwork: 50, Bytes: 10 << 20}
	c.SpoolOver, c.SpoolDir = 1000, t.TempDir()
	m := new(machine)
	addr, stop := start(t, c, m)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			p := dial(t, addr)
			if i%2 == 0 {
				p.startTLS()
			} else {
				p.exchange("S: 220 *")
			}
			p.exchange("H: client.example")
			for j := range 10 {
				p.exchange(begun...)
				p.exchange(fmt.Sprintf(`c: "%d\r\n"*%d`, i, 1+i*j*10), "C: .", "S: 250 2.0.0 accepted *")
			}
			p.exchange("C: QUIT", "S: 221 *", "E:")
		})
	}
	wg.Wait()
	stop()
	if got := strings.Count(m.log(), "data "); got != 200 {
		t.Errorf("%d messages, want 200", got)
	}
	if c.Limits.open != 0 || c.Limits.bytes != 0 {
		t.Errorf("left over: %d connections, %d octets", c.Limits.open, c.Limits.bytes)
	}
}

// Content above SpoolOver is in a file without a name, and the file is gone
// with the transaction.
func TestSpool(t *testing.T) {
	for _, test := range []struct {
		name    string
		octets  int
		spooled bool
	}{{"small", 1000, false}, {"just in memory", 10000, false}, {"large", 10002, true}, {"larger", 100000, true}} {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig()
			c.SpoolOver, c.SpoolDir = 10000, t.TempDir()
			c.Limits = new(Limits)
			m := new(machine)
			var got []byte
			files := -1
			m.data = func(_ context.Context, msg *mail.Message) mail.Verdict {
				got, _ = io.ReadAll(msg.Reader())
				files = deleted(t, c.SpoolDir)
				return mail.Verdict{}
			}
			addr, stop := start(t, c, m)
			p := dial(t, addr)
			p.exchange("S: 220 *", "H: client.example")
			p.exchange(begun...)
			content := strings.Repeat("x", test.octets-2) + "\r\n"
			p.send.WriteString(content)
			p.exchange("C: .", "S: 250 *")
			if string(got) != content {
				t.Errorf("got %d octets, want %d, or others", len(got), len(content))
			}
			if (files == 1) != test.spooled {
				t.Errorf("%d spool files open", files)
			}
			if left := deleted(t, c.SpoolDir); left != 0 {
				t.Errorf("%d spool files left open", left)
			}
			if names, _ := os.ReadDir(c.SpoolDir); len(names) != 0 {
				t.Errorf("left in the spool: %v", names)
			}
			p.exchange("C: QUIT", "S: 221 *")
			stop()
			if c.Limits.bytes != 0 {
				t.Errorf("%d octets held", c.Limits.bytes)
			}
		})
	}
}

// deleted counts this process's open files that had a name in dir.
func deleted(t *testing.T, dir string) int {
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(links) == 0 {
		t.Skip("no /proc")
	}
	n := 0
	for _, l := range links {
		if to, _ := os.Readlink(l); strings.HasPrefix(to, dir) && strings.HasSuffix(to, "(deleted)") {
			n++
		}
	}
	return n
}

func TestSpoolFails(t *testing.T) {
	c := testConfig()
	c.SpoolOver, c.SpoolDir = 10, filepath.Join(t.TempDir(), "missing")
	m := new(machine)
	addr, stop := start(t, c, m)
	p := dial(t, addr)
	p.exchange("S: 220 *", "H: client.example")
	p.exchange(begun...)
	p.exchange(`c: "MAIL FROM:<evil@x>\r\n"*20`, "C: .", "S: 451 4.3.0 local error, come back later")
	p.exchange(begun...)
	p.exchange("C: .", "S: 250 *", "C: QUIT", "S: 221 *")
	stop()
	if got := m.log(); !strings.Contains(got, "abort smtpd: spool") {
		t.Errorf("the machine was asked\n%s", got)
	}
}

func TestReceived(t *testing.T) {
	base := mail.Client{Addr: mail.Unmap(addrPort(tcpAddr("192.0.2.7:1")).Addr()), Helo: "client.example"}
	var utf8 bool
	var to mail.Path
	tests := []struct {
		name   string
		rcpts  int
		change func(c *mail.Client)
		want   string
	}{
		{"HELO", 1, func(c *mail.Client) {}, "from client.example ([192.0.2.7]) by mx.test.example with SMTP id id1 for <ann@test.example>; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"EHLO, two recipients", 2, func(c *mail.Client) { c.ESMTP = true }, "from client.example ([192.0.2.7]) by mx.test.example with ESMTP id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"TLS", 2, func(c *mail.Client) { c.ESMTP, c.TLS = true, "TLS1.3 X" }, "from client.example ([192.0.2.7]) by mx.test.example with ESMTPS (TLS1.3 X) id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"login", 2, func(c *mail.Client) { c.ESMTP, c.TLS, c.Login = true, "TLS1.3 X", "ann@test.example" }, "from client.example ([192.0.2.7]) by mx.test.example with ESMTPSA (TLS1.3 X) id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"SMTPUTF8", 1, func(c *mail.Client) { c.ESMTP, utf8, to = true, true, "用户@xn--fsqu00a.example" }, "from client.example ([192.0.2.7]) by mx.test.example with UTF8SMTP id id1 for <用户@xn--fsqu00a.example>; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"SMTPUTF8, login", 2, func(c *mail.Client) { c.ESMTP, c.TLS, c.Login, utf8 = true, "TLS1.3 X", "ann@test.example", true }, "from client.example ([192.0.2.7]) by mx.test.example with UTF8SMTPSA (TLS1.3 X) id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"IPv6", 2, func(c *mail.Client) { c.Addr = addrPort(tcpAddr("[2001:db8::7]:1")).Addr() }, "from client.example ([IPv6:2001:db8::7]) by mx.test.example with SMTP id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"HELO is no name", 2, func(c *mail.Client) { c.Helo = "a(b;c" }, "from [192.0.2.7] by mx.test.example with SMTP id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
		{"HELO is a literal", 2, func(c *mail.Client) { c.Helo = "[192.0.2.7]" }, "from [192.0.2.7] ([192.0.2.7]) by mx.test.example with SMTP id id1; Sun, 22 Nov 2026 10:00:00 +0000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := base
			utf8, to = false, "ann@test.example"
			test.change(&c)
			s := &session{connection: &connection{client: c, gate: &gate{Server: &Server{cfg: testConfig()}}}, rcpts: test.rcpts, to: to, utf8: utf8}
			got := string(s.received("id1"))
			unfolded := strings.ReplaceAll(strings.TrimSuffix(got, "\r\n"), "\r\n", "")
			unfolded = strings.Join(strings.Fields(unfolded), " ")
			if unfolded != "Received: "+test.want || !strings.HasSuffix(got, "\r\n") {
				t.Errorf("got %q\nwant %q", unfolded, test.want)
			}
		})
	}
}

// A panic of the machine, wherever it is, is logged, told to nobody, and ends
// one connection only.
func TestPanics(t *testing.T) {
	byRequest := func() { panic("by request") }
	tests := []struct {
		name     string
		machine  *machine
		dialogue []string
	}{
		{"Connect", &machine{connect: func(mail.Client) mail.Verdict { panic("by request") }}, []string{"S: 421 4.3.0 *", "E:"}},
		{"Helo", new(machine), []string{"S: 220 *", "C: EHLO panic", "S: 421 4.3.0 *", "E:"}},
		{"Mail", new(machine), []string{"S: 220 *", "H: c", "C: MAIL FROM:<panic@client.example>", "S: 421 4.3.0 *", "E:"}},
		{"Rcpt", new(machine), []string{"S: 220 *", "H: c", "C: MAIL FROM:<>", "S: 250 *", "C: RCPT TO:<panic@test.example>", "S: 421 4.3.0 *", "E:"}},
		{"Data", &machine{data: func(context.Context, *mail.Message) mail.Verdict { panic("by request") }},
			append(append([]string{"S: 220 *", "H: c"}, begun...), "C: .", "S: 421 4.3.0 *", "E:")},
		{"Abort by RSET", &machine{abort: byRequest}, []string{"S: 220 *", "H: c", "C: MAIL FROM:<>", "S: 250 *", "C: RSET", "S: 250 *", "C: QUIT", "S: 221 *", "E:"}},
		{"Abort by QUIT", &machine{abort: byRequest}, []string{"S: 220 *", "H: c", "C: MAIL FROM:<>", "S: 250 *", "C: QUIT", "S: 221 *", "E:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var buf bytes.Buffer
			c := testConfig()
			c.Log = slog.New(slog.NewTextHandler(&buf, nil))
			addr, stop := start(t, c, test.machine)
			dial(t, addr).exchange(test.dialogue...)
			stop()
			if !strings.Contains(buf.String(), "by request") {
				t.Errorf("log: %s", buf.String())
			}
		})
	}
}

// An observed is an Observer that writes down what it sees.
type observed struct{ machine }

func (o *observed) Connection(fate string)        { o.note("connection %s", fate) }
func (o *observed) Reply(verb string, code int)   { o.note("%s %d", verb, code) }
func (o *observed) Content(octets int64, sp bool) { o.note("content %d %v", octets, sp) }

func TestObserver(t *testing.T) {
	o := new(observed)
	c := testConfig()
	c.Observer = o
	addr, stop := start(t, c, new(machine))
	p := dial(t, addr)
	p.exchange("S: 220 *", "H: client.example")
	p.exchange(begun...)
	p.exchange("C: one", "C: .", "S: 250 *", "C: FOO", "S: 500 *", "C: QUIT", "S: 221 *", "E:")
	stop()
	want := "connection accepted\n 220\nEHLO 250\nMAIL 250\nRCPT 250\nDATA 354\ncontent 5 false\nDATA 250\n 500\nQUIT 221"
	if got := o.log(); got != want {
		t.Errorf("saw\n%s\nwant\n%s", got, want)
	}
}

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
	}{
		{"no host name", func(c *Config) { c.Hostname = "" }},
		{"implicit TLS without TLS", func(c *Config) { c.TLS, c.ImplicitTLS = nil, true }},
		{"submission without log-ins", func(c *Config) { c.Submission = true }},
		{"lines longer than the buffer", func(c *Config) { c.MaxCommandLine = readBuffer + 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig()
			test.change(&c)
			if _, err := New(c, new(machine), nil); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestServeFailsWithItsListener(t *testing.T) {
	l := newPipes()
	s, err := New(testConfig(), new(machine), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Serve(context.Background(), l); err == nil {
		t.Error("no error")
	}
}

const pythonClient = `
import smtplib, ssl, sys
host, port = sys.argv[1], int(sys.argv[2])
s = smtplib.SMTP(host, port, timeout=10)
s.starttls(context=ssl._create_unverified_context())
s.login("ann", "secret")
refused = s.sendmail("ann@test.example", ["ann@test.example", "nobody@test.example"], b"Subject: one\r\n\r\n.two\r\n")
assert refused["nobody@test.example"][0] == 550, refused
s.quit()
`

// Real clients send a message by submission, after STARTTLS and log-in.
func TestRealClients(t *testing.T) {
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte("Subject: one\r\n\r\n.two\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"python3", "curl"} {
		t.Run(client, func(t *testing.T) {
			if _, err := exec.LookPath(client); err != nil {
				t.Skip(err)
			}
			c := testConfig()
			c.Submission = true
			m := new(machine)
			addr, stop := start(t, c, m)
			host, port, _ := net.SplitHostPort(addr)
			cmd := exec.Command("python3", "-c", pythonClient, host, port)
			if client == "curl" {
				cmd = exec.Command("curl", "-sS", "--max-time", "10", "--ssl-reqd", "-k", "-u", "ann:secret", "smtp://"+addr+"/client.example",
					"--mail-from", "ann@test.example", "--mail-rcpt", "ann@test.example", "-T", message)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			stop()
			if got := m.log(); !strings.Contains(got, `data "Subject: one\r\n\r\n.two\r\n"`) || !strings.Contains(got, "login=ann@test.example") {
				t.Errorf("the machine was asked\n%s", got)
			}
		})
	}
}
