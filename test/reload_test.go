package test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/machine"
	"gatepost/test/vacant"
)

// A speaker is a client that speaks lines.
type speaker struct {
	t *testing.T
	*textproto.Conn
}

func speak(t *testing.T, address string) speaker {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Minute))
	return speaker{t, textproto.NewConn(c)}
}

// hears reads lines until one begins with want, and returns it.
func (s speaker) hears(want string) string {
	s.t.Helper()
	for {
		line, err := s.ReadLine()
		if err != nil {
			s.t.Fatalf("waiting for %q: %v", want, err)
		}
		if strings.HasPrefix(line, want) {
			return line
		}
		if !strings.HasPrefix(line, "250-") && !strings.HasPrefix(line, "* ") {
			s.t.Fatalf("heard %q, want %q", line, want)
		}
	}
}

func (s speaker) says(want, format string, args ...any) string {
	s.t.Helper()
	if err := s.PrintfLine(format, args...); err != nil {
		s.t.Fatal(err)
	}
	return s.hears(want)
}

// reloaded is a machine whose listeners are those of its configuration file.
func reloaded(t *testing.T, form string) (m *machine.Machine, write func(form string)) {
	t.Helper()
	return reloadedBy(t, form, func(*machine.Machine) {})
}

// reloadedBy is reloaded with a last word about the machine before it starts.
func reloadedBy(t *testing.T, form string, set func(*machine.Machine), sets ...string) (m *machine.Machine, write func(form string)) {
	t.Helper()
	ends(t)
	dns, err := resolvetest.Serve(strangersZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	dir := t.TempDir()
	m, err = machine.New(bin, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	m.OwnListeners, m.Config = true, filepath.Join(dir, "config.yaml")
	m.Sets = append(sets, "resolver.servers="+dns.Addr)
	write = func(form string) {
		t.Helper()
		text := strings.NewReplacer("$SMTP", m.SMTP, "$IMAP", m.IMAP, "$WEB", m.Web).Replace(form)
		text += "\ngate: [ip-ban]\n"
		if err := os.WriteFile(m.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(form)
	run(t, m, "", "domain", "add", "test.example")
	run(t, m, password, "mailbox", "add", address, "--password-stdin")
	set(m)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	return m, write
}

const reloadForm = `
hostname: mx.test.example
limits: {message_size: %d MiB, connections_per_network: 1000}
resolver: {timeout: %ds}
listen:
  smtp: [$SMTP%s]
  submission: []
  imap: [{address: $IMAP, domain: test.example}]
  pop3: []
  sieve: []
  web: [$WEB]
`

// TestReload: settings and listeners change under load; nobody is disconnected or turned
// away, and what changed is told.
func TestReload(t *testing.T) {
	t.Parallel()
	second, err := vacant.Addr()
	if err != nil {
		t.Fatal(err)
	}
	m, write := reloaded(t, fmt.Sprintf(reloadForm, 10, 2, ""))
	mail, reader := speak(t, m.SMTP), speak(t, m.IMAP)
	mail.hears("220 mx.test.example ")
	mail.says("250 ", "EHLO friend.example")
	mail.says("250 ", "MAIL FROM:<eva@elsewhere.example>")
	reader.hears("* OK")
	reader.says("a OK", "a LOGIN ann \"%s\"", password) // by the listener's domain
	ctx, cancel := context.WithCancel(t.Context())
	var came atomic.Int64
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() { comeAlways(ctx, t, m.SMTP, &came) })
	}
	more := fmt.Sprintf(", {address: %q, name: mx2.test.example}", second)
	var other speaker
	for i := range 10 {
		write(fmt.Sprintf(reloadForm, 20+i, 2, map[bool]string{true: more}[i%2 == 0]))
		before := came.Load()
		want := "changed: limits.message_size\nchanged: listen.smtp\n"
		if got := run(t, m, "", "reload"); got != want {
			t.Fatalf("reload says %q, want %q", got, want)
		}
		until(t, time.Minute, "load", func() bool { return came.Load() > before })
		if i == 0 {
			other = speak(t, second)
			other.hears("220 mx2.test.example ")
		}
		fresh := speak(t, m.SMTP)
		fresh.hears("220 ")
		fresh.says(fmt.Sprintf("250-SIZE %d", (20+i)<<20), "EHLO friend.example")
		fresh.Close()
		reader.says("b OK", "b NOOP")
		other.says("250 ", "NOOP")
	}
	cancel()
	load.Wait()
	mail.says("250 ", "RCPT TO:<%s>", address)
	mail.says("354 ", "DATA")
	mail.says("250 ", "Subject: over ten reloads\r\n\r\ntext\r\n.")
	if c, err := net.Dial("tcp", second); err == nil {
		c.Close()
		t.Error("a listener that was taken out takes clients")
	}
	if got := withSubject(box(t, m, address, "INBOX"), "over ten reloads"); len(got) != 1 {
		t.Errorf("%d messages were kept", len(got))
	}
}

// comeAlways connects, greets and goes until ctx ends.
func comeAlways(ctx context.Context, t *testing.T, address string, came *atomic.Int64) {
	for ctx.Err() == nil {
		c, err := net.DialTimeout("tcp", address, time.Minute)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		r := bufio.NewReader(c)
		line, err := r.ReadString('\n')
		if err == nil {
			fmt.Fprint(c, "QUIT\r\n")
			_, err = r.ReadString('\n')
		}
		c.Close()
		if err != nil || !strings.HasPrefix(line, "220 ") {
			t.Errorf("heard %q, %v", line, err)
			return
		}
		came.Add(1)
	}
}

// TestReloadMistakes: a configuration with mistakes changes nothing, and each is told; what
// needs a restart is named and stays.
func TestReloadMistakes(t *testing.T) {
	t.Parallel()
	good := fmt.Sprintf(reloadForm, 10, 2, "")
	m, write := reloaded(t, good)
	same := func() {
		t.Helper()
		c := speak(t, m.SMTP)
		c.hears("220 ")
		c.says(fmt.Sprintf("250-SIZE %d", 10<<20), "EHLO friend.example")
		c.Close()
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name, form string
		says       []string
	}{
		{"two mistakes", strings.Replace(fmt.Sprintf(reloadForm, 20, 2, ", {address: x, nam: y}"), "sieve: []", "sieve: 4190", 1),
			[]string{"the old configuration stays", "config.yaml:6: listen.smtp: unknown key \"nam\"", "config.yaml:10: listen.sieve: 4190 is not a list"}},
		{"a port that is taken", fmt.Sprintf(reloadForm, 20, 2, ", "+taken.Addr().String()), []string{"listen.smtp: listen tcp " + taken.Addr().String()}},
		{"no certificate of a customer", fmt.Sprintf(reloadForm, 20, 2, "") + "tls: {certificates: [{cert: /nobody.pem, key: /nobody.key}]}\n", []string{"/nobody.pem"}},
		{"no certificate", fmt.Sprintf(reloadForm, 20, 2, "") + "tls: {cert: /nowhere.pem, key: /nowhere.key}\n", []string{"/nowhere.pem"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(c.form)
			_, errs, status := m.Try("", "reload")
			for _, want := range c.says {
				if !strings.Contains(errs, want) {
					t.Errorf("it says %q, which lacks %q", errs, want)
				}
			}
			if status != 1 {
				t.Errorf("exit status %d", status)
			}
			same()
		})
	}
	write(fmt.Sprintf(reloadForm, 10, 3, ""))
	if got, want := run(t, m, "", "reload"), "needs a restart: resolver.timeout\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	write(good)
	if got, want := run(t, m, "", "reload"), "no setting has changed; files that settings name were read again\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// TestListenerNetworks: who comes from elsewhere is sent away at once, and counted; also
// after a reload that says so.
func TestListenerNetworks(t *testing.T) {
	t.Parallel()
	form := fmt.Sprintf(reloadForm, 10, 2, "")
	m, write := reloaded(t, form)
	speak(t, m.SMTP).hears("220 ")
	write(strings.Replace(form, "[$SMTP]", "[{address: $SMTP, networks: [127.0.0.9]}]", 1))
	if got, want := run(t, m, "", "reload"), "changed: listen.smtp\n"; got != want {
		t.Errorf("reload says %q, want %q", got, want)
	}
	c := speak(t, m.SMTP)
	if line, err := c.ReadLine(); !errors.Is(err, io.EOF) {
		t.Errorf("heard %q, %v", line, err)
	}
	in, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}).Dial("tcp", m.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	in.SetDeadline(time.Now().Add(time.Minute))
	if line, err := bufio.NewReader(in).ReadString('\n'); !strings.HasPrefix(line, "220 ") {
		t.Errorf("heard %q, %v", line, err)
	}
	if _, says := get(t, m, "/metrics"); !strings.Contains(says, `gatepost_listener_refused_total{protocol="smtp"} 1`) {
		t.Error("it was not counted")
	}
}
