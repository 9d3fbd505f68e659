package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
)

func shell(script string, args ...string) engine.Command {
	return engine.Command{Run: append([]string{"/bin/sh", "-c", script, "scan"}, args...), Clean: []int{0}, Infected: []int{1}, Unscanned: []int{3}}
}

func TestScan(t *testing.T) {
	m := mail.NewMessage([]byte("Subject: x\r\n\r\nthe evil thing\r\n"))
	for _, c := range []struct {
		name  string
		cmd   engine.Command
		virus string
		wrong string
	}{
		{name: "clean file", cmd: shell(`! grep -q good "$1"`, "{}")},
		{name: "virus in file", cmd: shell(`grep -q evil "$1" && echo && echo "Evil.Thing found" && exit 1`, "{}"), virus: "Evil.Thing found"},
		{name: "virus on standard input", cmd: shell(`grep -q evil && echo Evil && exit 1`), virus: "Evil"},
		{name: "virus without a name", cmd: shell(`exit 1`), virus: "something that it does not name"},
		{name: "strange name", cmd: shell(`printf 'a\007b\n'; exit 1`), virus: "a_b"},
		{name: "does not read", cmd: shell(`exit 0`)},
		{name: "other code", cmd: shell(`echo no licence >&2; exit 2`), wrong: "ended with 2: no licence"},
		{name: "unscanned", cmd: shell(`echo encrypted; exit 3`), wrong: "encrypted"},
		{name: "killed", cmd: shell(`kill -9 $$`), wrong: "signal: killed"},
		{name: "missing", cmd: engine.Command{Run: []string{"/nonexistent"}, Clean: []int{0}}, wrong: "no such file"},
		// A moment later: limits are set when the program has begun.
		{name: "memory", cmd: shell(`sleep 0.5; exec dd if=/dev/zero of=/dev/null bs=6G count=1`), wrong: "ended with 1"},
		{name: "private", cmd: shell(`test "$(stat -c %a "$1" .)" = "600
700" && test "$HOME" = "$PWD"`, "{}")},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.name == "memory" {
				c.cmd.Infected = nil
			}
			virus, err := Scan(limited(t, 2*time.Minute), dir, c.cmd, m)
			if virus != c.virus || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("got %q, %v", virus, err)
			}
			if errors.Is(err, engine.ErrDeclined) != (c.name == "unscanned") {
				t.Errorf("got %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// TestTime: when the time is over the program and all that it began are killed.
func TestTime(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	cmd := shell(`sleep 1000 & echo $! > "$1"; echo $$ >> "$1"; wait`, pids)
	for limit := 500 * time.Millisecond; ; limit *= 2 {
		if _, err := Scan(limited(t, limit), dir, cmd, mail.NewMessage([]byte("x"))); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if b, _ := os.ReadFile(pids); bytes.Count(b, []byte("\n")) == 2 { // it has come so far
			break
		}
	}
	ended(t, pids)
}

// TestLeftBehind: what the program began and did not wait for does not go on.
func TestLeftBehind(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	cmd := shell(`sleep 1000 > /dev/null 2>&1 & echo $! > "$1"`, pids)
	if _, err := Scan(limited(t, 2*time.Minute), dir, cmd, mail.NewMessage([]byte("x"))); err != nil {
		t.Error(err)
	}
	ended(t, pids)
}

func ended(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(b)) {
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("process %s goes on: %s", pid, stat)
			}
		}
	}
}

// TestOutput: of a program that never stops writing a little is kept.
func TestOutput(t *testing.T) {
	cmd := shell(`head -c 100000000 /dev/zero | tr '\0' x; exit 1`)
	virus, err := Scan(limited(t, 2*time.Minute), t.TempDir(), cmd, mail.NewMessage([]byte("x")))
	if err != nil || virus != strings.Repeat("x", 200) {
		t.Errorf("got %d octets, %v", len(virus), err)
	}
}

func TestProbe(t *testing.T) {
	for program, fine := range map[string]bool{"/bin/sh": true, "sh": false, "/nonexistent": false, "/etc/passwd": false} {
		if err := Probe(program); (err == nil) != fine {
			t.Errorf("%s: got %v", program, err)
		}
	}
}

func limited(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
