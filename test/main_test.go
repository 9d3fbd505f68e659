package test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"gatepost/internal/resolve/resolvetest"
	"gatepost/test/machine"
)

// bin is the program under test, built once.
var bin string

// atOnce is how many tests run at a time where nobody says -parallel: most wait for other
// processes, so that one for each processor would leave it idle for more than half of the time.
const atOnce = 4

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		flag.Set("test.parallel", strconv.Itoa(max(atOnce, runtime.GOMAXPROCS(0))))
	}
	dir, err := os.MkdirTemp("", "gatepost-test-")
	if err == nil {
		bin, err = machine.Build(context.Background(), dir)
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
	run(t, m, "", "domain", "add", "test.example")
	run(t, m, password, "mailbox", "add", address, "--password-stdin")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	return m
}

func run(t *testing.T, m *machine.Machine, stdin string, args ...string) string {
	t.Helper()
	out, err := m.Run(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
