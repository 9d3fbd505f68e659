package systemd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWatchdog(t *testing.T) {
	for _, c := range []struct {
		name, micros, pid string
		want              time.Duration // negative: an error
	}{
		{"nobody asks", "", "", 0},
		{"it asks", "30000000", "", 30 * time.Second},
		{"this process", "30000000", "7", 30 * time.Second},
		{"another process", "30000000", "8", 0},
		{"nothing", "0", "7", -1},
		{"no number", "soon", "7", -1},
		{"for ever", "9223372036854775807", "7", -1},
	} {
		got, err := watchdog(c.micros, c.pid, 7)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s: got %v, %v", c.name, got, err)
		}
	}
}

// TestWatch: the supervisor hears of the program as long as that says that it is alive.
func TestWatch(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv(Variable, socket)
	t.Setenv("WATCHDOG_USEC", "30000")
	s, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Environment(), " "); got != "NOTIFY_SOCKET="+socket+" WATCHDOG_USEC=30000" {
		t.Errorf("a successor gets %q", got)
	}
	if again, err := FromEnvironment(); err != nil || again.Environment() != nil {
		t.Errorf("programs that are started here get %q, %v", again.Environment(), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	asked := 0
	alive := func(ctx context.Context) error {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("it may take as long as it likes")
		}
		switch asked++; asked {
		case 2:
			return errors.New("it is stuck")
		case 4:
			stop() // the fourth word is the last one
		}
		return nil
	}
	var log bytes.Buffer
	s.Watch(ctx, alive, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		b := make([]byte, 100)
		l.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := l.Read(b); err != nil || string(b[:n]) != "WATCHDOG=1" {
			t.Errorf("told %q, %v", b[:n], err)
		}
	}
	l.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := l.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d octets more are told", n)
	}
	if strings.Count(log.String(), "it is stuck") != 1 {
		t.Errorf("the log says %s", log.String())
	}
	var none Supervisor
	none.Watch(t.Context(), alive, nil) // returns
}
