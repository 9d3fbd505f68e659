package listen

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"gatepost/internal/mail"
)

// A Socket is one that listens already: the process that served before this one had it, or a
// supervisor opened it.
type Socket struct {
	Name    string         // what it was called there: a protocol, or anything
	Network string         // "tcp", "udp"
	Addr    netip.AddrPort // where it listens
	file    *os.File
}

// NewSocket looks what an open file is; it fails where that is no TCP socket that listens, and no
// UDP socket that has an address. The Socket owns the file.
func NewSocket(name string, f *os.File) (*Socket, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("listen: %s: %w", name, err)
	}
	s := &Socket{Name: name, file: f}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = s.look(int(fd)) }); err != nil {
		return nil, fmt.Errorf("listen: %s: %w", name, err)
	}
	if failed != nil {
		return nil, fmt.Errorf("listen: %s: %w", name, failed)
	}
	return s, nil
}

// look finds out what a descriptor is.
func (s *Socket) look(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return fmt.Errorf("it is no socket: %w", err)
	}
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return err
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		s.Addr = netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	case *unix.SockaddrInet6:
		s.Addr = netip.AddrPortFrom(netip.AddrFrom16(at.Addr), uint16(at.Port))
	default:
		return fmt.Errorf("it is no socket of the Internet")
	}
	switch {
	case kind == unix.SOCK_STREAM && accepts != 0:
		s.Network = "tcp"
	case kind == unix.SOCK_DGRAM && s.Addr.Port() != 0:
		s.Network = "udp"
	default:
		return fmt.Errorf("it does not listen")
	}
	return nil
}

// File is the open socket, for who gives it to another process.
func (s *Socket) File() *os.File { return s.file }

// Close closes this process's end of it.
func (s *Socket) Close() error { return s.file.Close() }

// String says what it is, for people.
func (s *Socket) String() string { return fmt.Sprintf("%s (%s %s)", s.Name, s.Network, s.Addr) }

// Left is the sockets that are there before anything is opened. A nil Left is none. It is safe
// for use by many goroutines.
type Left struct {
	mu      sync.Mutex
	sockets []*Socket
}

// NewLeft returns a Left that owns sockets.
func NewLeft(sockets []*Socket) *Left { return &Left{sockets: sockets} }

// Has reports whether one of the sockets listens by TCP at an address as the configuration has it.
func (l *Left) Has(address string) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.find("tcp", address)) > 0
}

// TCP takes the socket that listens at an address as the configuration has it; nil: there is none.
func (l *Left) TCP(address string) (*net.TCPListener, error) {
	found := l.take("tcp", address, 1)
	if len(found) == 0 {
		return nil, nil
	}
	s := found[0]
	listener, err := net.FileListener(s.file)
	if err := joined(err, s.Close()); err != nil {
		return nil, fmt.Errorf("listen: %s: %w", s, err)
	}
	return listener.(*net.TCPListener), nil
}

// UDP takes all sockets that have an address; several may share one.
func (l *Left) UDP(address string) (list []*net.UDPConn, err error) {
	for _, s := range l.take("udp", address, -1) {
		c, failed := net.FilePacketConn(s.file)
		if failed = joined(failed, s.Close()); failed != nil {
			err = fmt.Errorf("listen: %s: %w", s, failed)
			continue
		}
		list = append(list, c.(*net.UDPConn))
	}
	return list, err
}

func joined(err, closed error) error {
	if err != nil {
		return err
	}
	return closed
}

// take takes the sockets for an address out, most of them at most (-1: all).
func (l *Left) take(network, address string, most int) (taken []*Socket) {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	taken = l.find(network, address)
	if most >= 0 {
		taken = taken[:min(most, len(taken))]
	}
	var rest []*Socket
next:
	for _, s := range l.sockets {
		for _, t := range taken {
			if s == t {
				continue next
			}
		}
		rest = append(rest, s)
	}
	l.sockets = rest
	return taken
}

// find finds the sockets for an address: those that have it, or else, where it is all addresses
// of the host, those for all of IPv4 or IPv6, since ":25" stands for either.
func (l *Left) find(network, address string) (found []*Socket) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil
	}
	want := mail.Unmap(at.AddrPort().Addr())
	all := at.IP == nil || want.IsUnspecified()
	for _, exact := range []bool{true, false} {
		for _, s := range l.sockets {
			fits := mail.Unmap(s.Addr.Addr()) == want || !exact && all && s.Addr.Addr().IsUnspecified()
			if s.Network == network && int(s.Addr.Port()) == at.Port && fits {
				found = append(found, s)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// Rest closes the sockets that nobody took, and returns them.
func (l *Left) Rest() []*Socket {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.sockets
	l.sockets = nil
	for _, s := range rest {
		s.Close()
	}
	return rest
}
