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
	told := func(want ...string) {
		t.Helper()
		b := make([]byte, 1000)
		l.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := l.Read(b)
		for _, w := range want {
			if err != nil || !strings.Contains("\n"+string(b[:n])+"\n", w) {
				t.Fatalf("told %q, %v; want %q", b[:n], err, w)
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
}
