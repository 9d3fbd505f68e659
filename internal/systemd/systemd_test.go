package systemd

import (
	"net"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// What is told comes in one datagram each, at a path and at an abstract name.
func TestTold(t *testing.T) {
	for name, socket := range map[string]string{"path": filepath.Join(t.TempDir(), "notify"), "abstract": "@gatepost-" + t.Name() + time.Now().Format("150405.000000000")} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s, err := New(socket)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			tell func() error
			want string
		}{
			{func() error { return s.Ready("2 listeners,\nsince\tnow") }, `^READY=1\nSTATUS=2 listeners, since now$`},
			{s.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]{5,}\nSTATUS=reading the configuration$`},
			{s.Stopping, `^STOPPING=1\nSTATUS=`},
			{func() error { return s.MainPID(4711) }, `^MAINPID=4711\nSTATUS=`},
		} {
			if err := c.tell(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			b := make([]byte, 500)
			l.SetReadDeadline(time.Now().Add(time.Minute))
			n, err := l.Read(b)
			if err != nil || !regexp.MustCompile(c.want).Match(b[:n]) {
				t.Errorf("%s: %q, %v; want %s", name, b[:n], err, c.want)
			}
		}
	}
}

func TestNobody(t *testing.T) {
	s, err := New("")
	if err != nil || s.Ready("x") != nil || s.Reloading() != nil || s.Stopping() != nil {
		t.Errorf("where nobody asked: %v", err)
	}
	if _, err := New("vsock:2:1234"); err == nil {
		t.Error("a socket of another kind is taken")
	}
	gone, err := New(filepath.Join(t.TempDir(), "none"))
	if err != nil || gone.Stopping() == nil {
		t.Errorf("a socket that is not there: no error, %v", err)
	}
}
