package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
)

// While the database is away each message is there once, whoever fails and however often; all else is
// written as ever.
func TestOutageIsToldOnce(t *testing.T) {
	var b bytes.Buffer
	log, o := quietly(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	now := time.Now()
	o.now = func() time.Time { return now }
	away, session := fmt.Errorf("store: view: %w", mail.ErrAway), log.With("peer", "192.0.2.1").WithGroup("g")
	all := func() string {
		b.Reset()
		for range 100 {
			log.Error("bans", "error", away)
			session.Error("command failed", "command", "FETCH", "error", away)
			log.With("error", fmt.Errorf("put: %w", blob.ErrAway)).Warn("content not read")
			log.Error("queue stands still", "error", errors.New("another cause"))
			log.Info("transaction", "id", "x")
		}
		return b.String()
	}
	for i, want := range []int{1, 0, 1} { // the third ten minutes later
		if i == 2 {
			now = now.Add(outageEach)
		}
		got := all()
		for _, line := range []string{
			`level=ERROR msg=bans error="store: view: the database is out of reach"`,
			`level=ERROR msg="command failed" peer=192.0.2.1 g.command=FETCH g.error="store: view: the database is out of reach"`,
			`level=WARN msg="content not read" error="put: blob: contents are out of reach"`,
		} {
			if n := strings.Count(got, line+"\n"); n != want {
				t.Errorf("%d: %s: %d times, want %d", i, line, n, want)
			}
		}
		if n := strings.Count(got, "queue stands still"); n != 100 || strings.Count(got, "id=x") != 100 {
			t.Errorf("%d: %d lines of another cause", i, n)
		}
	}
	if left := o.over(); left != 0 {
		t.Errorf("it is over too early, after %d lines", left)
	}
	if left := o.leftOut(); left != 3*(99+100+99) {
		t.Errorf("%d were left out", left)
	}
	// What began before the end and fails after it.
	if got := all(); strings.Contains(got, "msg=bans") {
		t.Error("what the outage explained is told again after its end")
	}
	now = now.Add(outageOver)
	if left := o.over(); left != 300 {
		t.Errorf("%d were left out after the end", left)
	}
	if got := all(); strings.Count(got, "msg=bans") != 1 {
		t.Error("the next outage is not told")
	}
}
