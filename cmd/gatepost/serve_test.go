package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/systemd"
)

// A runner is a machine that tells a test how it is treated.
type runner struct {
	fake
	events chan string
	load   *func() (*config.Config, error)
}

func (r runner) Run(ctx context.Context) error {
	r.events <- "run"
	<-ctx.Done()
	return nil
}

func (runner) SupervisedBy(systemd.Supervisor) {}

func (r runner) ReloadFrom(load func() (*config.Config, error), _ func(*config.Config)) {
	*r.load = load
}

func (r runner) Handle(_ context.Context, op string, _ json.RawMessage) (any, error) {
	c, err := (*r.load)()
	if err != nil {
		r.events <- err.Error()
		return nil, err
	}
	r.events <- op + " " + c.Log.Level
	return nil, nil
}

func (r runner) Close() error {
	r.events <- "close"
	return nil
}

// A paper is a buffer that is written and read at the same time.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// serving makes a program that opens m, or fails.
func serving(out *paper, m machine, err error) *program {
	return &program{
		in: strings.NewReader(""), out: out, errs: out, now: time.Now, zone: time.UTC,
		node: node{
			open:  func(context.Context, *config.Config, *slog.Logger) (machine, error) { return m, err },
			check: func(*config.Config) error { return nil },
			try:   func(context.Context, *config.Config) error { return nil },
		},
	}
}

// TestSignals: SIGHUP reloads, a broken configuration is left aside, SIGTERM ends.
func TestSignals(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(text string) {
		if err := os.WriteFile("config.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("dnsbl_zone: {origin: bl.example.org}")
	events := make(chan string)
	out := &paper{}
	status := make(chan int)
	go func() {
		status <- serving(out, runner{events: events, load: new(func() (*config.Config, error))}, nil).run(t.Context(), []string{"serve"})
	}()
	expect := func(want string) {
		t.Helper()
		if got := <-events; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	expect("run")
	write("log: {level: debug}")
	signal(syscall.SIGHUP)
	expect("reload debug")
	write("log: {level: lowd}")
	signal(syscall.SIGHUP)
	expect("config.yaml:1: log.level: \"lowd\" is none of debug, info, warn, error")
	signal(syscall.SIGTERM)
	expect("close")
	if got := <-status; got != fine {
		t.Errorf("status %d, want %d", got, fine)
	}
	if want := "dnsbl_zone.origin: listen.dns is off"; !strings.Contains(out.String(), want) {
		t.Errorf("log %q lacks %q", out, want)
	}
}

func TestServeFails(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("var", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := (&control.Server{Dir: "var"}).Listen(); err != nil { // the owner, where the directory is locked
		t.Fatal(err)
	}
	cases := []struct {
		name string
		err  error
		args string
		want string
	}{
		{"locked", fmt.Errorf("control: claim ./var: %w (process 7)", control.ErrLocked), "serve", "in use by another process (process 7); a data directory has one owner"},
		{"disk", errors.New("store: open: disk on fire"), "serve", "disk on fire"},
		{"config", nil, "serve --config nope.yaml", "nope.yaml"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := &paper{}
			if got := serving(out, nil, c.err).run(t.Context(), arguments(c.args)); got != failed || !strings.Contains(out.String(), c.want) {
				t.Errorf("status %d, %q; want %d, %q", got, out, failed, c.want)
			}
		})
	}
}
