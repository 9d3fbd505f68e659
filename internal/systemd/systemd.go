// Package systemd is what the supervisor that started the program gives it, and is told
// (sd_notify(3)): sockets that are open already; ready, reloading, stopping, alive, who serves now.
// Where none asked, nothing is told.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Variable names the environment's variable that has the supervisor's socket.
const Variable = "NOTIFY_SOCKET"

// A Supervisor is who started the program. The zero Supervisor is nobody. It is safe for use by many goroutines.
type Supervisor struct {
	socket   string        // path, or "@" and an abstract name; "": nobody
	patience time.Duration // within which it wants to hear that the program is alive; 0: it does not
}

// New returns the supervisor whose datagram socket has that name, as it stands in NOTIFY_SOCKET;
// "" is nobody. Sockets of other kinds (vsock) are refused.
func New(socket string) (Supervisor, error) {
	if socket != "" && socket[0] != '/' && socket[0] != '@' {
		return Supervisor{}, fmt.Errorf("systemd: %s=%s: neither a path nor an abstract name", Variable, socket)
	}
	return Supervisor{socket: socket}, nil
}

// FromEnvironment returns the supervisor that the environment names, with what it wants to be told,
// and removes it from there: no program that is started here speaks for this one.
func FromEnvironment() (Supervisor, error) {
	s, err := New(os.Getenv(Variable))
	if err == nil {
		s.patience, err = watchdog(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID"), os.Getpid())
	}
	for _, v := range []string{Variable, "WATCHDOG_USEC", "WATCHDOG_PID"} {
		err = errors.Join(err, os.Unsetenv(v))
	}
	return s, err
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

// tellTime is how long a supervisor may take to be told something.
const tellTime = 2 * time.Second

func (s Supervisor) tell(lines ...string) error {
	if s.socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: %s: %w", Variable, err)
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(tellTime))
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
	list := []string{Variable + "=" + s.socket}
	if s.patience > 0 {
		list = append(list, fmt.Sprintf("WATCHDOG_USEC=%d", s.patience.Microseconds()))
	}
	return list
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
