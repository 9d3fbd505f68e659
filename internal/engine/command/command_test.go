package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
)

func script(text string, args ...string) engine.Command {
	return engine.Command{Run: append([]string{"/bin/sh", "-c", text, "scan"}, args...), Clean: []int{0}, Infected: []int{1}, Unscanned: []int{3}}
}

func TestScan(t *testing.T) {
	m := mail.NewMessage([]byte("Subject: x\r\n\r\nthe evil thing\r\n"))
	for _, c := range []struct {
		name  string
		cmd   engine.Command
		virus string
		wrong string
	}{
		{name: "clean file", cmd: script(`! grep -q good "$1"`, "{}")},
		{name: "virus in file", cmd: script(`grep -q evil "$1" && echo && echo "Evil.Thing found" && exit 1`, "{}"), virus: "Evil.Thing found"},
		{name: "virus on standard input", cmd: script(`grep -q evil && echo Evil && exit 1`), virus: "Evil"},
		{name: "virus without a name", cmd: script(`exit 1`), virus: "something that it does not name"},
		{name: "strange name", cmd: script(`printf 'a\007b\n'; exit 1`), virus: "a_b"},
		{name: "does not read", cmd: script(`exit 0`)},
		{name: "other code", cmd: script(`echo no licence >&2; exit 2`), wrong: "ended with 2: no licence"},
		{name: "unscanned", cmd: script(`echo encrypted; exit 3`), wrong: "encrypted"},
		{name: "killed", cmd: script(`kill -9 $$`), wrong: "signal: killed"},
		{name: "missing", cmd: engine.Command{Run: []string{"/nonexistent"}, Clean: []int{0}}, wrong: "no such file"},
		{name: "memory", cmd: script(`exec dd if=/dev/zero of=/dev/null bs=6G count=1`), wrong: "ended with 1"},
		{name: "private", cmd: script(`test "$(stat -c %a "$1" .)" = "600
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

// TestLimits: a program has them from its first instruction on.
func TestLimits(t *testing.T) {
	args, err := bounded([]string{"/bin/cat", "/proc/self/limits"}, limits(limited(t, 90*time.Second), 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	b, err := exec.Command(args[0], args[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line[min(len(line), 26):]); len(f) >= 2 {
			got[strings.TrimSpace(line[:26])] = f[0] + " " + f[1] // soft and hard
		}
	}
	for name, want := range map[string]string{
		"Max address space": "1073741824 1073741824", "Max file size": "2147483648 2147483648", "Max open files": "256 256",
		"Max core file size": "0 0", "Max cpu time": "90 90",
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if args, err = bounded([]string{"/bin/true"}, []limit{{unix.RLIMIT_CORE, "-?", 1, 0}}); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(args[0], args[1:]...).Run(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("without a limit: %v", err)
	}
}

// TestTime: when the time is over the program and all that it began are killed.
func TestTime(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	cmd := script(`sleep 1000 & echo $! > "$1"; echo $$ >> "$1"; wait`, pids)
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
	cmd := script(`sleep 1000 > /dev/null 2>&1 & echo $! > "$1"`, pids)
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
	cmd := script(`head -c 100000000 /dev/zero | tr '\0' x; exit 1`)
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
