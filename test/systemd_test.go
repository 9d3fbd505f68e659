package test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSupervised: systemd is told in time: ready when clients are answered, reloading and what came of it,
// who serves after an upgrade, stopping.
func TestSupervised(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "600000000") // one word at once, the next after minutes
	lives := 0                             // words that it is alive, which come beside the others
	read := func() (string, error) {
		b := make([]byte, 1000)
		for {
			l.SetReadDeadline(time.Now().Add(time.Minute))
			n, err := l.Read(b)
			if err != nil || string(b[:n]) != "WATCHDOG=1" {
				return string(b[:n]), err
			}
			lives++
		}
	}
	told := func(want ...string) {
		t.Helper()
		says, err := read()
		for _, w := range want {
			if err != nil || !strings.Contains("\n"+says+"\n", w) {
				t.Fatalf("told %q, %v; want %q", says, err, w)
			}
		}
	}
	m, write := heirs(t)
	told("\nREADY=1\n", "\nSTATUS=mx.test.example serves\n")
	c := speak(t, m.SMTP)
	c.hears("220 ")
	write(fmt.Sprintf(reloadForm, 11, 2, ""))
	run(t, m, "", "reload")
	told("\nRELOADING=1\n", "\nMONOTONIC_USEC=")
	told("\nREADY=1\n", "\nSTATUS=the new configuration is in force\n")
	write("limits: none\n")
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	told("\nRELOADING=1\n")
	told("\nREADY=1\n", "\nSTATUS=the old configuration is in force")
	c.Close()
	write(fmt.Sprintf(reloadForm, 10, 2, ""))
	pid := upgrade(t, m)
	told(fmt.Sprintf("\nMAINPID=%d\n", pid))
	told("\nREADY=1\n", "\nSTATUS=mx.test.example serves\n")
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told("\nSTOPPING=1\n")
	<-m.Done()
	for lives < 2 {
		if _, err := read(); err != nil {
			t.Fatal(err)
		}
	}
	if lives != 2 {
		t.Errorf("it was told %d times that a process is alive, want once of each", lives)
	}
}

// TestActivated: ports that systemd has open are served as they are, one that no listener has is
// named, and who comes while the node is started anew waits.
func TestActivated(t *testing.T) {
	t.Parallel()
	m := prepare(t, "hostname: mx.test.example\n", strangersZone)
	m.Wrap = []string{"sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=smtp:spare exec "$0" "$@"`}
	var spare string
	for _, address := range []string{m.SMTP, "127.0.0.1:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m.Files, spare = append(m.Files, f), l.Addr().String()
	}
	for range 2 {
		waits := speak(t, m.SMTP)
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Kill)
		waits.hears("220 ")
		waits.Close()
		want := fmt.Sprintf("socket=%q", "spare (tcp "+spare+")")
		until(t, time.Minute, "the log says "+want, func() bool { return strings.Contains(m.Output.String(), want) })
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
}
