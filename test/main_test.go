package test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/internal/store"
	"gatepost/test/machine"
)

// bin is the program under test, built once.
var bin string

// atOnce is how many tests run at a time where nobody says -parallel: most wait for other
// processes, so that one for each processor would leave it idle for more than half of the time.
const atOnce = 4

// stripped leaves out of the program what only debuggers read: it is linked in two thirds of the time.
const stripped = "-ldflags=-s -w"

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		flag.Set("test.parallel", strconv.Itoa(max(atOnce, runtime.GOMAXPROCS(0))))
	}
	dir, err := os.MkdirTemp("", "gatepost-test-")
	if err == nil {
		bin, err = machine.Build(context.Background(), dir, stripped)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	address  = "ann@test.example"
	password = "correct horse battery"
)

// start returns a running machine with one mailbox.
func start(t *testing.T, sets ...string) *machine.Machine {
	t.Helper()
	return startOn(t, t.TempDir(), sets...)
}

// The DNS of a machine that nobody gave another: where mail of strangers comes from.
const strangersZone = `
elsewhere.example.    MX 10 mx.elsewhere.example.
mx.elsewhere.example. A  192.0.2.1
`

// startOn is start over a data directory.
func startOn(t *testing.T, dir string, sets ...string) *machine.Machine {
	t.Helper()
	dns, err := resolvetest.Serve(strangersZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	m, err := machine.New(bin, dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Sets = append([]string{"resolver.servers=" + dns.Addr}, sets...)
	if slices.ContainsFunc(sets, func(s string) bool { return strings.HasPrefix(s, "store.") || strings.HasPrefix(s, "hostname=") }) {
		if err := withMailbox(m); err != nil {
			t.Fatal(err)
		}
	} else {
		copied(t, mailboxFile, m)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	return m
}

// withMailbox adds the mailbox that machines of start have.
func withMailbox(m *machine.Machine) error {
	_, err := m.Run("", "domain", "add", "test.example")
	if err == nil {
		_, err = m.Run(password, "mailbox", "add", address, "--password-stdin")
	}
	return err
}

// Databases that many machines begin with, each made once: one of the schema alone, and one
// with the mailbox. To make them takes longer than most tests do with theirs.
var (
	emptyFile = madeOnce(func(dir string) error {
		db, err := store.Open(context.Background(), filepath.Join(dir, store.FileName))
		if err != nil {
			return err
		}
		return db.Close()
	})
	mailboxFile = madeOnce(func(dir string) error {
		m, err := machine.New(bin, dir)
		if err != nil {
			return err
		}
		return withMailbox(m)
	})
)

// madeOnce returns what is in the database after fill has filled a data directory.
func madeOnce(fill func(dir string) error) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "gatepost-made-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if err := fill(dir); err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(dir, store.FileName))
	})
}

// copied gives a machine that was not started yet a copy of a database.
func copied(t *testing.T, file func() ([]byte, error), m *machine.Machine) {
	t.Helper()
	b, err := file()
	if err == nil {
		err = os.MkdirAll(m.Dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(m.Dir, store.FileName), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, m *machine.Machine, stdin string, args ...string) string {
	t.Helper()
	out, err := m.Run(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
