// Package systemd tells the supervisor that started the program how it fares (sd_notify(3)): ready,
// reloading, stopping. Where none asked, nothing is told.
package systemd

import (
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Variable names the environment's variable that has the supervisor's socket.
const Variable = "NOTIFY_SOCKET"

// A Supervisor is who started the program. The zero Supervisor is nobody. It is safe for use by many goroutines.
type Supervisor struct {
	socket string // path, or "@" and an abstract name; "": nobody
}

// New returns the supervisor whose datagram socket has that name, as it stands in NOTIFY_SOCKET;
// "" is nobody. Sockets of other kinds (vsock) are refused.
func New(socket string) (Supervisor, error) {
	if socket != "" && socket[0] != '/' && socket[0] != '@' {
		return Supervisor{}, fmt.Errorf("systemd: %s=%s: neither a path nor an abstract name", Variable, socket)
	}
	return Supervisor{socket}, nil
}

// Ready tells that all listeners are open, or a reload is over, and says how it fares in a line.
func (s Supervisor) Ready(status string) error { return s.tell("READY=1", "STATUS="+oneLine(status)) }

// Reloading tells that another configuration is being put in force; Ready ends it.
func (s Supervisor) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return s.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000), "STATUS=reading the configuration")
}

// Stopping tells that the program ends, once what is under way is done.
func (s Supervisor) Stopping() error { return s.tell("STOPPING=1", "STATUS=ending what is under way") }

// patience is how long a supervisor may take to be told something.
const patience = 2 * time.Second

func (s Supervisor) tell(lines ...string) error {
	if s.socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: %s: %w", Variable, err)
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("systemd: %s: %w", Variable, err)
	}
	return nil
}

// MainPID tells that another process has taken over: it is the one to watch from now on.
func (s Supervisor) MainPID(pid int) error {
	return s.tell(fmt.Sprintf("MAINPID=%d", pid), fmt.Sprintf("STATUS=process %d takes over", pid))
}

// Environment is what a process that takes over needs to know, to have the same supervisor.
func (s Supervisor) Environment() []string {
	if s.socket == "" {
		return nil
	}
	return []string{Variable + "=" + s.socket}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
