package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
	"gatepost/test/rounds"
)

// stranger is who is erased.
const stranger = "bob@elsewhere.example"

// SIGKILL at random moments while long and short acts of people are under way, all at once: an import, an
// erasure, what is done to the whole queue, a new password, new rules of a person and of a domain. A short
// act is done or not, and is where it was said to be. A long one is done in part, each part is whole, and
// the same command goes on with it.
func TestKillActs(t *testing.T) {
	t.Parallel()
	killActs(t)
}

// The same over PostgreSQL.
func TestKillActsOverPostgres(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	killActs(t, "store.dsn="+dsn)
}

func killActs(t *testing.T, sets ...string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	a := prepareActs(t, prepare(t, actsConfig, strangersZone, sets...), 50)
	for round := range rounds.Of(t, 5) {
		acts := a.of(round)
		var under sync.WaitGroup
		ended := make([]bool, len(acts))
		for i, act := range acts {
			under.Go(func() { _, _, status := a.m.Try(act.stdin, act.line...); ended[i] = status == 0 })
		}
		time.Sleep(time.Duration(20+r.IntN(100<<(round%5))) * time.Millisecond) // the erasure is over soon, the import late
		a.m.Kill()
		under.Wait()
		if err := a.m.Start(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for i, act := range acts {
			act.holds(ended[i])
		}
		t.Logf("round %d: %v; %d imported, %d to be erased", round, ended, a.imported, a.traces)
	}
	a.finish()
	if out, err := a.m.Run("", "check", "store"); err != nil {
		t.Errorf("check store: %v\n%s", err, out)
	}
}

// A disk that fills in the middle of them: each act that can't be done is said to be not, and once there is
// room the same commands go on with all of them.
func TestActsOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "tmpfs", 64)
	m := prepare(t, actsConfig, strangersZone, "limits.min_free=0")
	m.Dir = filepath.Join(disk, "data")
	a := prepareActs(t, m, 5000)
	refused := map[string]bool{}
	for round, left := range []int64{512 << 10, 128 << 10, 0} {
		ballast(t, disk, left)
		acts := a.of(round)
		var under sync.WaitGroup
		ended, says := make([]bool, len(acts)), make([]string, len(acts))
		for i, act := range acts {
			under.Go(func() {
				_, errs, status := m.Try(act.stdin, act.line...)
				ended[i], says[i] = status == 0, errs
			})
		}
		under.Wait()
		for i, act := range acts {
			act.holds(ended[i])
			if !ended[i] {
				t.Logf("with %d left: %s: %s", left, act.line[:2], says[i])
				refused[act.line[1]] = true
			}
		}
		t.Logf("with %d left: %v; %d imported, %d to be erased", left, ended, a.imported, a.traces)
	}
	if !refused["import"] {
		t.Error("the disk was never full")
	}
	unload(t, disk)
	a.finish()
	sane(t, m)
}

// An act is a command, and what must hold after a kill; ended: it was said to be done.
type act struct {
	stdin string
	line  []string
	holds func(ended bool)
}

// acts are a machine and how far its acts are.
type acts struct {
	t *testing.T
	m *machine.Machine

	mbox     string
	lines    int // of each message in it
	imported int
	traces   int // rows that are about the stranger still and can go
	password string
	rules    map[string]string // that are in force, by the command that shows them
}

// How much there is to do.
const (
	toImport = 300
	toErase  = 600
	toHold   = 900 // in several commits
)

const actsConfig = `
hostname: mx.test.example
limits: {errors: 100}
queue: {retry: 1h, retry_max: 1h}
policies: [{name: default, pipeline: []}]
`

func prepareActs(t *testing.T, m *machine.Machine, lines int) *acts {
	t.Helper()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	a := &acts{t: t, m: m, lines: lines, mbox: filepath.Join(t.TempDir(), "old.mbox"), password: password, rules: map[string]string{}}
	ann := domain(t, m, "test.example")
	for _, name := range []string{"new@test.example", "other@test.example"} {
		run(t, m, password, "mailbox", "add", name, "--password-stdin")
	}
	away(t, m, "far.example", freePort(t))
	members := make([]string, toHold)
	for i := range members {
		members[i] = fmt.Sprintf("m%d@far.example", i)
	}
	run(t, m, "", append([]string{"alias", "add", "all@test.example"}, members...)...)
	mailFrom(t, m, goodClient, sender, note("for all", "text"), "all@test.example").id(t)
	c, err := load.Dial(m.SMTP, "client.example")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range toErase {
		if code, said, err := c.Send(stranger, []string{ann}, []byte(noteBy(stranger, fmt.Sprint("trace ", i), "text"))); err != nil || code != 250 {
			t.Fatal(code, said, err)
		}
	}
	var mbox strings.Builder
	for i := range toImport {
		fmt.Fprintf(&mbox, "From eve@sender.example Wed Nov 25 12:00:00 2026\n%s\n", strings.ReplaceAll(note(fmt.Sprint("old ", i), strings.Repeat("line\r\n", lines)), "\r\n", "\n"))
	}
	if err := os.WriteFile(a.mbox, []byte(mbox.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, 30*time.Second, "the journal has all of it", func() bool { a.traces = a.known(); return a.traces >= toErase })
	return a
}

// of are the acts of a round, each of which gives other things than those of the rounds before.
func (a *acts) of(round int) []act {
	return []act{
		{"", []string{"mailbox", "import", "new@test.example", a.mbox}, a.importing},
		{"", []string{"privacy", "erase", stranger, "--confirm"}, a.erasing},
		{"", []string{"queue", []string{"hold", "release"}[round%2], "--all"}, a.holding(round%2 == 0)},
		a.setPassword(fmt.Sprintf("the password of round %d", round)),
		a.putRules(round, []string{"domain", "rules"}, "test.example", "in"),
		a.putRules(round, []string{"sieve"}, address, "main"),
	}
}

// importing: each message is there once and whole, and those that were are there still.
func (a *acts) importing(ended bool) {
	a.t.Helper()
	seen := map[string]int{}
	for _, content := range box(a.t, a.m, "new@test.example", "INBOX") {
		if seen[content]++; seen[content] > 1 || strings.Count(content, "line\r\n") != a.lines {
			a.t.Fatalf("there %d times, or not whole:\n%.500s", seen[content], content)
		}
	}
	if len(seen) < a.imported || len(seen) > toImport || ended && len(seen) != toImport {
		a.t.Errorf("%d messages are imported after %d, of %d; ended: %v", len(seen), a.imported, toImport, ended)
	}
	a.imported = len(seen)
}

// erasing: what went stays away, and the mail is Ann's.
func (a *acts) erasing(ended bool) {
	a.t.Helper()
	n := a.known()
	if n > a.traces || ended && n != 0 {
		a.t.Errorf("%d rows are about who is erased, after %d; ended: %v", n, a.traces, ended)
	}
	a.traces = n
}

// known counts what can be erased of the stranger.
func (a *acts) known() (n int) {
	a.t.Helper()
	for _, p := range asked[struct {
		Parts []struct {
			Fate  string
			Count int
		}
	}](a.t, a.m, "privacy", "erase", stranger).Parts {
		if p.Fate != "kept" {
			n += p.Count
		}
	}
	return n
}

// holding: all that was in the queue is, held or not.
func (a *acts) holding(held bool) func(bool) {
	return func(ended bool) {
		a.t.Helper()
		want, state := toHold, "waiting"
		if held {
			state = "held"
		}
		all, some := len(a.queue()), len(a.queue("--state", state))
		if all != want || ended && some != want {
			a.t.Errorf("%d transfers, %d %s, want %d; ended: %v", all, some, state, want, ended)
		}
	}
}

func (a *acts) queue(flags ...string) []transfer {
	return queued(a.t, a.m, append(flags, "--limit", "5000")...)
}

// setPassword gives another password, which opens the mailbox, or else the one before does.
func (a *acts) setPassword(next string) act {
	return act{next, []string{"mailbox", "set", "other@test.example", "--password-stdin"}, func(ended bool) {
		a.t.Helper()
		before, after := a.opens(a.password), a.opens(next)
		if before == after || ended && !after {
			a.t.Errorf("the password before opens: %v, the next one: %v; ended: %v", before, after, ended)
		}
		if after {
			a.password = next
		}
	}}
}

func (a *acts) opens(password string) bool {
	a.t.Helper()
	s := speak(a.t, a.m.IMAP)
	defer s.Close()
	s.hears("* OK")
	if err := s.PrintfLine("a LOGIN other@test.example \"%s\"", password); err != nil {
		a.t.Fatal(err)
	}
	for {
		line, err := s.ReadLine()
		if err != nil {
			a.t.Fatal(err)
		}
		if strings.HasPrefix(line, "a ") {
			return strings.HasPrefix(line, "a OK")
		}
	}
}

// putRules puts long rules in place of others: those or these are in force, whole.
func (a *acts) putRules(round int, of []string, whose, name string) act {
	next := strings.Repeat(fmt.Sprintf("# the rules of round %d\r\n", round), 1500) + "keep;\r\n"
	file := filepath.Join(a.t.TempDir(), "rules.sieve")
	if err := os.WriteFile(file, []byte(next), 0o600); err != nil {
		a.t.Fatal(err)
	}
	show := append(slices.Clone(of), "show", whose, name)
	line := append(slices.Clone(of), "put", whose, name, file)
	if of[0] == "sieve" {
		line = append(line, "--activate")
	}
	return act{"", line, func(ended bool) {
		a.t.Helper()
		said, errs, status := a.m.Try("", show...)
		if status != 0 {
			said = ""
		}
		key, is := strings.Join(show, " "), strings.ReplaceAll(said, "\r\n", "\n")
		if want := strings.ReplaceAll(next, "\r\n", "\n"); is != want && (ended || is != a.rules[key]) {
			a.t.Errorf("%s: these are neither the rules before nor the next ones, ended: %v: %d octets, want %d; %s", key, ended, len(is), len(want), errs)
		}
		a.rules[key] = is
	}}
}

// lastRound comes after all others, and holds the queue.
const lastRound = 1 << 20

// finish ends all of them.
func (a *acts) finish() {
	a.t.Helper()
	for _, act := range a.of(lastRound) {
		run(a.t, a.m, act.stdin, act.line...)
		act.holds(true)
	}
	if n := asked[struct{ Pending int }](a.t, a.m, "privacy", "erase", stranger, "--confirm").Pending; n != 0 {
		a.t.Errorf("%d pieces of evidence wait to be erased", n)
	}
	if n := len(box(a.t, a.m, address, "INBOX")); n != toErase {
		a.t.Errorf("%d messages of who was erased are in the mailbox, want %d", n, toErase)
	}
}
