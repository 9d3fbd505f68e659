package test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
)

// ready asks /readyz.
func ready(t *testing.T, m *machine.Machine) (status int, says string) {
	t.Helper()
	return get(t, m, "/readyz")
}

// get asks for a page.
func get(t *testing.T, m *machine.Machine, path string) (status int, says string) {
	t.Helper()
	c := http.Client{Timeout: time.Minute}
	r, err := c.Get("http://" + m.Web + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// A sync that fails: from then on nothing is taken, what was taken before is kept,
// and log and /readyz say why.
func TestSyncError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, inject string }{
		{"content and journal", "inject=fdatasync:error=EIO:when=9+"},
		{"database", "inject=fsync:error=EIO:when=16+"},
	} {
		t.Run(c.name, func(t *testing.T) { testSyncError(t, c.inject) })
	}
}

func testSyncError(t *testing.T, inject string) {
	m := start(t)
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	m.Wrap = []string{"strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", t.TempDir() + "/trace", "-e", inject}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	l := &ledger{taken: map[string][]byte{}}
	failed := ""
	for i := 0; i < 600 && failed == ""; i++ { // strace counts each thread's calls
		token := fmt.Sprintf("sync-%d", i)
		content := letter(r, token)
		failed = offer(t, m, content)
		if failed == "" {
			l.add(token, content)
		}
	}
	if !strings.HasPrefix(failed, "451 4.3.0") {
		t.Errorf("the reply to a failed sync is %q, want 451 4.3.0", failed)
	}
	for i := range 3 {
		if reply := offer(t, m, letter(r, fmt.Sprintf("later-%d", i))); !strings.HasPrefix(reply, "451 4.3.0") {
			t.Errorf("after a failed sync: %q, want 451 4.3.0", reply)
		}
	}
	if status, says := ready(t, m); status != http.StatusServiceUnavailable || !strings.Contains(says, "sync") {
		t.Errorf("/readyz says %d %q, want 503 and that a sync failed", status, says)
	}
	var log string
	until(t, time.Minute, "the log says that a sync failed", func() bool {
		log = m.Output.String()
		return strings.Contains(log, "level=ERROR") && strings.Contains(log, "sync failed")
	})
	for line := range strings.Lines(log) { // a lasting cause is told once for each log, however often it was met
		if strings.Count(line, "sync failed") > 2 {
			t.Errorf("a line tells it again and again: %s", line)
			break
		}
	}
	if err := load.FetchAll(m.IMAP, address, password, "INBOX", func([]byte) {}); err != nil {
		t.Errorf("what is there is not served any more: %v", err)
	}
	m.Kill()
	m.Wrap = nil
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	verify(t, m, l)
	if failed := offer(t, m, letter(r, "again")); failed != "" {
		t.Errorf("after a restart: %s", failed)
	}
	run(t, m, "", "check", "store")
}

// offer sends one message and returns the reply that did not take it, or "".
func offer(t *testing.T, m *machine.Machine, content []byte) string {
	t.Helper()
	c, err := load.Dial(m.SMTP, "client.example")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	code, text, err := c.Send("sender@elsewhere.example", []string{address}, content)
	if err != nil {
		t.Fatal(err)
	}
	if code == 250 {
		return ""
	}
	return text
}

// A disk that is short: mail is refused for now, what is stored stays served, and
// it goes on where there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	m := start(t)
	if reply := offer(t, m, []byte("Subject: before\r\n\r\nx\r\n")); reply != "" {
		t.Fatal(reply)
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	roomy := m.Sets
	m.Sets = append(slices.Clone(roomy), "limits.min_free=1000000 GiB")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if reply := offer(t, m, []byte("Subject: full\r\n\r\nx\r\n")); !strings.HasPrefix(reply, "452 4.3.1") {
			t.Errorf("got %q, want 452 4.3.1", reply)
		}
	}
	if got := box(t, m, address, "INBOX"); len(got) != 1 {
		t.Errorf("the inbox serves %d messages, want 1", len(got))
	}
	if status, says := ready(t, m); status != http.StatusServiceUnavailable || says == "" {
		t.Errorf("/readyz says %d %q, want 503 and why", status, says)
	}
	run(t, m, "", "domain", "add", "other.example") // an admin can still work
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	m.Sets = roomy
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if reply := offer(t, m, []byte("Subject: after\r\n\r\nx\r\n")); reply != "" {
		t.Errorf("with room again: %s", reply)
	}
	if got := box(t, m, address, "INBOX"); len(got) != 2 {
		t.Errorf("the inbox serves %d messages, want 2", len(got))
	}
}

// SIGTERM: who waits is told 421, whose content is on its way may finish it, and what
// is answered with 250 is kept.
func TestTerm(t *testing.T) {
	t.Parallel()
	m := start(t)
	idle, busy := connect(t, m, ""), connect(t, m, "")
	busy.want("250", busy.say("MAIL FROM:<sender@elsewhere.example>"))
	busy.want("250", busy.say("RCPT TO:<"+address+">"))
	busy.want("354", busy.say("DATA"))
	busy.write("Subject: under way\r\n\r\nfirst line\r\n")
	if err := m.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	idle.want("421", idle.answer())
	if _, err := idle.r.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v, want its end", err)
	}
	busy.write("last line\r\n.\r\n")
	busy.want("250 2.0.0 accepted", busy.answer())
	select {
	case <-m.Done():
	case <-time.After(2 * time.Minute):
		t.Fatal("the program did not end")
	}
	if out := m.Output.String(); strings.Contains(out, "level=ERROR") || strings.Contains(out, "gatepost:") {
		t.Errorf("it did not end well:\n%s", out)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	got := withSubject(box(t, m, address, "INBOX"), "under way")
	if len(got) != 1 || !strings.HasSuffix(got[0], "\r\n\r\nfirst line\r\nlast line\r\n") {
		t.Errorf("kept is %q", got)
	}
}

// A client that never ends its message does not keep the program from ending.
func TestTermPatience(t *testing.T) {
	t.Parallel()
	m := start(t)
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	m.Sets = append(m.Sets, "limits.drain_timeout=1s")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	slow := connect(t, m, "")
	slow.want("250", slow.say("MAIL FROM:<sender@elsewhere.example>"))
	slow.want("250", slow.say("RCPT TO:<"+address+">"))
	slow.want("354", slow.say("DATA"))
	slow.write("Subject: never\r\n\r\n")
	if err := m.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	slow.want("421", slow.answer())
	select {
	case <-m.Done():
	case <-time.After(2 * time.Minute):
		t.Error("the program waits for a client that says nothing")
	}
}

// One process owns a data directory.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	m := start(t)
	other, err := machine.New(bin, m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Kill)
	for _, command := range []string{"serve", "demo"} {
		_, errs, status := other.Try("", command)
		if status != 1 || !strings.Contains(errs, m.Dir) || !strings.Contains(errs, "in use by another process") {
			t.Errorf("a second %s: exit status %d, %q; want 1, the directory and why", command, status, errs)
		}
	}
	if reply := offer(t, m, []byte("Subject: still\r\n\r\nx\r\n")); reply != "" {
		t.Errorf("the first one: %s", reply)
	}
	m.Kill() // leaves lock and socket behind
	if err := m.Start(); err != nil {
		t.Errorf("after a kill: %v", err)
	}
	run(t, m, "", "domain", "list")
}

// A port that is taken is said at once.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	m := start(t)
	other, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other.SMTP = m.SMTP
	if _, errs, status := other.Try("", "serve"); status != 1 || !strings.Contains(errs, m.SMTP) {
		t.Errorf("exit status %d, %q; want 1 and the address", status, errs)
	}
}

// SIGHUP puts a new policy in force without dropping a connection; a configuration
// with a mistake leaves the old one in force, and the log says where it is.
func TestHangup(t *testing.T) {
	t.Parallel()
	const form = "hostname: mx.test.example\npolicies:\n  - name: default\n    pipeline:\n      - {filter: keywords, spam_from: 1, patterns: [{word: pest}], on: {spam: %s}}\n"
	m := serve(t, fmt.Sprintf(form, "reject"), flowZone)
	ann := domain(t, m, "test.example")
	reload := func(text, says string) {
		t.Helper()
		if err := os.WriteFile(m.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(m.Output.String())
		if err := m.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		until(t, 10*time.Second, says, func() bool { return strings.Contains(m.Output.String()[before:], says) })
	}
	old := connect(t, m, goodClient)
	refuses := func(p *peer, want string) {
		t.Helper()
		p.want(want, p.send(sender, note("reload", "a pest"), ann).data)
	}
	refuses(old, "550")
	reload(fmt.Sprintf(form, "explode"), "config.yaml:5")
	refuses(old, "550")
	refuses(connect(t, m, goodClient), "550")
	reload("policies: [\n", "the old configuration stays")
	refuses(connect(t, m, goodClient), "550")
	reload(fmt.Sprintf(form, "defer"), "the new configuration is in force")
	refuses(connect(t, m, goodClient), "451")
	old.want("250", old.say("NOOP")) // is not dropped
}
