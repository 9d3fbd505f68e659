package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatepost/test/machine"
)

// heirs is a machine whose process can be followed by others; sets are as for start.
func heirs(t *testing.T, sets ...string) (m *machine.Machine, write func(form string)) {
	t.Helper()
	m, write = reloadedBy(t, fmt.Sprintf(reloadForm, 10, 2, ""), func(m *machine.Machine) { m.Heirs = true }, sets...)
	return m, write
}

// upgrade has another process take over and returns it.
func upgrade(t *testing.T, m *machine.Machine) (pid int) {
	t.Helper()
	var u struct{ Process int }
	if err := json.Unmarshal([]byte(run(t, m, "", "upgrade", "--json")), &u); err != nil {
		t.Fatal(err)
	}
	return u.Process
}

// started returns the process that the n-th upgrade has started.
func started(t *testing.T, m *machine.Machine, n int) (pid int) {
	t.Helper()
	until(t, time.Minute, "a process that takes over", func() bool {
		found := regexp.MustCompile(`msg="upgrade: another process takes over" process=(\d+)`).FindAllStringSubmatch(m.Output.String(), -1)
		if len(found) < n {
			return false
		}
		pid, _ = strconv.Atoi(found[n-1][1])
		return true
	})
	return pid
}

func gone(t *testing.T, pid int) {
	t.Helper()
	until(t, time.Minute, fmt.Sprintf("the end of process %d", pid), func() bool { return syscall.Kill(pid, 0) != nil })
}

// sendAlways sends a message by a connection each, as swaks does, until ctx ends. Whatever does not
// go well is an error of the test. It calls sent with the subject of each.
func sendAlways(ctx context.Context, t *testing.T, smtp, name string, sent func(subject string)) {
	for n := 0; ctx.Err() == nil; n++ {
		subject := fmt.Sprintf("%s-%d", name, n)
		if err := sendOne(smtp, subject); err != nil {
			t.Errorf("%s: %v", subject, err)
			return
		}
		sent(subject)
	}
}

func sendOne(smtp, subject string) error {
	raw, err := net.DialTimeout("tcp", smtp, time.Minute)
	if err != nil {
		return err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(2 * time.Minute))
	c := textproto.NewConn(raw)
	for _, step := range []struct {
		say  string
		code int
	}{
		{"", 220},
		{"EHLO friend.example", 250},
		{"MAIL FROM:<eva@elsewhere.example>", 250},
		{"RCPT TO:<" + address + ">", 250},
		{"DATA", 354},
		{"Subject: " + subject + "\r\n\r\ntext\r\n.", 250},
	} {
		if step.say != "" {
			if err := c.PrintfLine("%s", step.say); err != nil {
				return err
			}
		}
		if _, _, err := c.ReadResponse(step.code); err != nil {
			return fmt.Errorf("after %.20q: %w", step.say, err)
		}
	}
	c.PrintfLine("QUIT") // its answer may be 421
	return nil
}

// TestUpgrade: processes follow each other under load. Nobody is refused or cut off, mail programs
// are told, and each message that was accepted is there once.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	testUpgrade(t)
}

// The same over PostgreSQL, where each process has a lock on the database while it serves.
func TestUpgradeOverPostgres(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	testUpgrade(t, "store.dsn="+dsn)
}

func testUpgrade(t *testing.T, sets ...string) {
	m, _ := heirs(t, sets...)
	var mu sync.Mutex
	subjects := map[string]int{}
	sent := func(subject string) {
		mu.Lock()
		defer mu.Unlock()
		subjects[subject] = 0
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(subjects)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	var came atomic.Int64
	for i := range 4 {
		load.Go(func() { sendAlways(ctx, t, m.SMTP, fmt.Sprint("load-", i), sent) })
	}
	load.Go(func() { comeAlways(ctx, t, m.SMTP, &came) })
	pid := m.Pid()
	for i := range 3 {
		slow, reader := speak(t, m.SMTP), speak(t, m.IMAP)
		slow.hears("220 ")
		slow.says("250 ", "EHLO friend.example")
		reader.hears("* OK")
		reader.says("a OK", "a LOGIN ann \"%s\"", password)
		reader.says("b OK", "b SELECT INBOX")
		reader.says("+ ", "c IDLE")
		before := count()
		until(t, time.Minute, "load", func() bool { return count() > before+5 })
		var next int
		done := make(chan struct{})
		go func() { defer close(done); next = upgrade(t, m) }()
		started(t, m, i+1)
		slow.says("250 ", "MAIL FROM:<eva@elsewhere.example>")
		slow.says("250 ", "RCPT TO:<%s>", address)
		slow.says("354 ", "DATA")
		slow.says("250 ", "Subject: slow-%d\r\n\r\ntext\r\n.", i)
		slow.hears("421 ")
		sent(fmt.Sprint("slow-", i))
		for { // news of the mail that came may be first
			line, err := reader.ReadLine()
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "* BYE ") {
				break
			}
		}
		if <-done; next == pid || next == 0 {
			t.Fatalf("process %d comes after %d", next, pid)
		}
		gone(t, pid)
		pid = next
	}
	cancel()
	load.Wait()
	for _, message := range box(t, m, address, "INBOX") {
		header, _, _ := strings.Cut(message, "\r\n\r\n")
		_, subject, _ := strings.Cut(header, "\r\nSubject: ")
		subject, _, _ = strings.Cut(subject, "\r\n")
		subjects[subject]++
	}
	for subject, n := range subjects {
		if n != 1 {
			t.Errorf("%s is there %d times", subject, n)
		}
	}
	t.Logf("%d messages and %d other connections over three upgrades", len(subjects), came.Load())
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
}

// TestUpgradeFails: where the new process can't serve, or either is killed in the middle, the other
// one serves, and who sends notices nothing.
func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	testUpgradeFails(t)
}

// The same over PostgreSQL: who was killed leaves nothing locked.
func TestUpgradeFailsOverPostgres(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	testUpgradeFails(t, "store.dsn="+dsn)
}

func testUpgradeFails(t *testing.T, sets ...string) {
	m, write := heirs(t, sets...)
	good := fmt.Sprintf(reloadForm, 10, 2, "")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ name, form, says string }{
		{"a mistake", strings.Replace(good, "sieve: []", "sieve: 4190", 1), "config.yaml:10: listen.sieve: 4190 is not a list"},
		{"a port that is taken", fmt.Sprintf(reloadForm, 10, 2, ", "+taken.Addr().String()), "the process before serves on: control: hand over to process"},
	} {
		write(c.form)
		if _, errs, status := m.Try("", "upgrade"); status != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: status %d, it says %q, which lacks %q", c.name, status, errs, c.says)
		}
		if err := sendOne(m.SMTP, c.name); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	write(good)
	old := m.Pid()
	kill := func(n int, which func(heir int) int) (failed bool) {
		t.Helper()
		holds := speak(t, m.SMTP) // both wait for him
		holds.hears("220 ")
		holds.says("250 ", "EHLO friend.example")
		holds.says("250 ", "MAIL FROM:<eva@elsewhere.example>")
		holds.says("250 ", "RCPT TO:<%s>", address)
		holds.says("354 ", "DATA")
		status := make(chan int)
		go func() {
			_, _, s := m.Try("", "upgrade")
			status <- s
		}()
		heir := started(t, m, n)
		waits := make(chan error)
		go func() { waits <- sendOne(m.SMTP, "waits") }()
		dead := which(heir)
		syscall.Kill(dead, syscall.SIGKILL)
		if dead == heir {
			holds.says("250 ", "Subject: held\r\n\r\ntext\r\n.")
		} else {
			old = heir
		}
		if err := <-waits; err != nil {
			t.Errorf("who came meanwhile: %v", err)
		}
		return <-status != 0
	}
	if !kill(1, func(heir int) int { return heir }) {
		t.Error("an upgrade whose process was killed is told to have gone well")
	}
	kill(2, func(int) int { return old })
	if next := upgrade(t, m); next == old {
		t.Error("nobody came after")
	}
	if n := len(withSubject(box(t, m, address, "INBOX"), "waits")); n != 2 {
		t.Errorf("%d messages of who came meanwhile, want 2", n)
	}
}
