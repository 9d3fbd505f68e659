package main

import (
	"bytes"
	"context"
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
)

// A runner is a machine that tells a test how it is treated.
type runner struct {
	fake
	events chan string
}

func (r runner) Run(ctx context.Context) error {
	r.events <- "run"
	<-ctx.Done()
	return nil
}

func (r runner) Reload(c *config.Config) error {
	r.events <- "reload " + c.Log.Level
	return nil
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
	go func() { status <- serving(out, runner{events: events}, nil).run(t.Context(), []string{"serve"}) }()
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
	signal(syscall.SIGTERM)
	expect("close")
	if got := <-status; got != fine {
		t.Errorf("status %d, want %d", got, fine)
	}
	for _, want := range []string{"dnsbl_zone.origin: listen.dns is off", "the new configuration is in force"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log %q lacks %q", out, want)
		}
	}
}

func TestReloadBroken(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("config.yaml", []byte("log: {level: lowd}"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &paper{}
	p := serving(out, nil, nil)
	p.reload(nil, &slog.LevelVar{}, slog.New(slog.NewTextHandler(out, nil)))
	if want := "config.yaml:1: log.level"; !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "the old configuration stays") {
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
