package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
)

// Commands that are given at the same moment, and no server runs: each is done.
func TestCommandsAtOnce(t *testing.T) {
	t.Parallel()
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if _, errs, status := m.Try("", "domain", "add", fmt.Sprintf("d%d.example", i)); status != 0 {
				t.Errorf("domain add: exit status %d, %s", status, errs)
			}
		})
	}
	wg.Wait()
	if got := asked[[]struct{ Name string }](t, m, "domain", "list"); len(got) != 6 {
		t.Errorf("%d domains, want 6", len(got))
	}
}

// A data directory's path may be long, though that of a socket may not.
func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	m, err := machine.New(bin, dir)
	if err != nil {
		t.Fatal(err)
	}
	run(t, m, "", "domain", "add", "test.example")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	run(t, m, "", "domain", "add", "other.example")
	if got := asked[[]struct{ Name string }](t, m, "domain", "list"); len(got) != 2 {
		t.Errorf("%d domains, want 2", len(got))
	}
}

// Nobody but the process's user looks into the data directory or gives it commands.
func TestPrivate(t *testing.T) {
	t.Parallel()
	m := start(t)
	if reply := offer(t, m, []byte("Subject: private\r\n\r\nx\r\n")); reply != "" {
		t.Fatal(reply)
	}
	err := filepath.Walk(m.Dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && path != m.Dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A password never shows in log, journal or what commands say.
func TestPasswordUnseen(t *testing.T) {
	t.Parallel()
	m := start(t, "log.level=debug")
	box(t, m, address, "INBOX")
	if err := load.FetchAll(m.IMAP, address, "wrong "+password, "INBOX", func([]byte) {}); err == nil {
		t.Error("a wrong password logs in")
	}
	out, errs, _ := m.Try(password+" x\n", "mailbox", "add", address, "--password-stdin")
	if text := out + errs + m.Output.String(); strings.Contains(text, password) {
		t.Errorf("the password is in\n%s", text)
	}
}

// A setting comes from file, environment and command line, the later over the earlier.
func TestSettings(t *testing.T) {
	t.Parallel()
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := runs(t, bin, "check", "--data", m.Dir)
	cmd.Env = append(os.Environ(), "GATEPOST_LIMITS_ERRORS=none")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "GATEPOST_LIMITS_ERRORS") || !strings.Contains(string(out), "none") {
		t.Errorf("a wrong variable: %v, %s", err, out)
	}
	cmd = runs(t, bin, "check", "--data", m.Dir, "--set", "limits.message_size=1 GiB") // in_flight has no room for it
	cmd.Env = append(os.Environ(), "GATEPOST_LIMITS_IN_FLIGHT=2 GiB")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("variable and flag together: %v, %s", err, out)
	}
}

// A mailbox is active, suspended (it takes mail, nobody logs in) or closed.
func TestMailboxState(t *testing.T) {
	t.Parallel()
	m := start(t)
	run(t, m, "", "mailbox", "set", address, "--state", "suspended")
	if reply := offer(t, m, []byte("Subject: to a suspended one\r\n\r\nx\r\n")); reply != "" {
		t.Errorf("suspended: %s", reply)
	}
	if err := load.FetchAll(m.IMAP, address, password, "INBOX", func([]byte) {}); err == nil {
		t.Error("suspended, and yet the owner logs in")
	}
	run(t, m, "", "mailbox", "set", address, "--state", "active")
	if got := box(t, m, address, "INBOX"); len(got) != 1 {
		t.Errorf("active again: %d messages, want 1", len(got))
	}
	run(t, m, "a new pass phrase\n", "mailbox", "set", address, "--password-stdin")
	if err := load.FetchAll(m.IMAP, address, password, "INBOX", func([]byte) {}); err == nil {
		t.Error("the old password still logs in")
	}
	if err := load.FetchAll(m.IMAP, address, "a new pass phrase", "INBOX", func([]byte) {}); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// A list entry ends when its time is over, with no command and no restart.
func TestListExpires(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [{filter: sender-block, on: {blocked: reject}}]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	run(t, m, "", "list", "add", "block", sender, "--expires", "2s")
	rcpt := func() string {
		p := connect(t, m, goodClient)
		defer p.conn.Close()
		p.want("250", p.say("MAIL FROM:<"+sender+">"))
		return p.say("RCPT TO:<" + ann + ">")
	}
	if got := rcpt(); !strings.HasPrefix(got, "550") {
		t.Errorf("while it lasts: %s", got)
	}
	until(t, 10*time.Second, "the entry ends", func() bool { return strings.HasPrefix(rcpt(), "250") })
}

// Domains are A-labels inside, whatever an admin writes.
func TestInternationalDomain(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	run(t, m, "", "domain", "add", "BÜCHER.example")
	run(t, m, password, "mailbox", "add", "ann@bücher.example", "--password-stdin")
	sent := mailFrom(t, m, goodClient, sender, note("idn", "x"), "ann@xn--bcher-kva.example")
	sent.id(t)
	if got := withSubject(box(t, m, "ann@xn--bcher-kva.example", "INBOX"), "idn"); len(got) != 1 {
		t.Errorf("the inbox has it %d times", len(got))
	}
	if got := asked[[]row](t, m, "journal", "search", "--recipient", "ann@bücher.example"); len(got) != 1 {
		t.Errorf("the journal finds %d rows by the name as it is read", len(got))
	}
	if got := asked[[]row](t, m, "journal", "search", "--domain", "Bücher.example"); len(got) != 1 {
		t.Errorf("the journal finds %d rows by the domain as it is read", len(got))
	}
	run(t, m, "", "domain", "show", "bücher.example")
}

// Long lists come in pages that neither repeat nor leave out.
func TestPages(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example")
	run(t, m, "", "mailbox", "add", "bob@test.example")
	p := connect(t, m, goodClient)
	for i := range 7 {
		p.send(sender, note(fmt.Sprintf("page %d", i), "a pest"), ann, "bob@test.example").id(t)
	}
	for _, command := range [][]string{{"quarantine", "list"}, {"journal", "search"}} {
		seen := map[string]int{}
		after := ""
		for range 20 {
			args := append(append([]string{}, command...), "--limit", "3")
			if after != "" {
				args = append(args, "--after", after)
			}
			rows := asked[[]row](t, m, args...)
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				seen[r.ID+" "+r.Recipient]++
			}
			after = rows[len(rows)-1].ID
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("%v: %s came %d times", command, key, n)
			}
		}
		if len(seen) != 14 {
			t.Errorf("%v: %d rows by pages of 3, want 14", command, len(seen))
		}
	}
}
