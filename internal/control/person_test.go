package control

import (
	"context"
	"encoding/json"
	"os"
	"os/user"
	"strings"
	"testing"
)

type whoami struct{}

func (whoami) Op() string { return "whoami" }

type aMachine struct{ Handlers }

func (aMachine) Close() error { return nil }

// Who asks is known by the system's word, whether another process serves or none does.
func TestPerson(t *testing.T) {
	all := Handlers{}
	On(all, func(ctx context.Context, _ whoami) (string, error) { return Person(ctx), nil })
	if got, err := all.Handle(t.Context(), "whoami", nil); err != nil || got != "" {
		t.Errorf("in the program itself: %q, %v", got, err)
	}
	want := ""
	if raw, err := os.ReadFile("/proc/self/loginuid"); err == nil && strings.TrimSpace(string(raw)) != "4294967295" {
		u, err := user.LookupId(strings.TrimSpace(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		want = u.Username
	} else if u, err := user.Current(); err == nil {
		want = u.Username
	}
	dir := t.TempDir()
	open := func(context.Context) (Machine, error) { return aMachine{all}, nil }
	var here string
	if err := Do(t.Context(), dir, open, whoami{}, &here); err != nil || here != want {
		t.Errorf("where none serves: %q, %v; want %q", here, err, want)
	}
	s := &Server{Dir: dir, Handle: func(ctx context.Context, op string, params json.RawMessage) (any, error) {
		return all.Handle(ctx, op, params)
	}}
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx) }()
	var there string
	err = Do(t.Context(), dir, open, whoami{}, &there)
	stop()
	<-done
	if err != nil || there != want || want == "" {
		t.Errorf("through the socket: %q, %v; want %q", there, err, want)
	}
	if got := personOf("none", 4_000_000_000); got != "uid 4000000000" {
		t.Errorf("an unknown one: %q", got)
	}
}
