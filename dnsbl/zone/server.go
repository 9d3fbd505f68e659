package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatepost/internal/mail"
)

// A Server answers for one zone on any number of addresses.
type Server struct {
	log    *slog.Logger
	zone   atomic.Pointer[packed]
	rate   *rate
	counts [fates]atomic.Uint64
	seats  seats
}

// New returns a server for a zone, or says what is wrong with the zone. now may be nil.
func New(z Zone, log *slog.Logger, now func() time.Time) (*Server, error) {
	if now == nil {
		now = time.Now
	}
	s := &Server{log: log, rate: newRate(now), seats: newSeats()}
	return s, s.Set(z)
}

// Set has the server answer for another zone from now on, or leaves it as it is where
// something is wrong with that.
func (s *Server) Set(z Zone) error {
	p, err := z.pack()
	if err != nil {
		return err
	}
	s.zone.Store(p)
	return nil
}

// Counts tells how many packets there were since the start, by what became of them: dropped,
// listed, unlisted, apex, denied, invalid, limited.
func (s *Server) Counts() map[string]uint64 {
	names := [fates]string{"dropped", "listed", "unlisted", "apex", "denied", "invalid", "limited"}
	counts := make(map[string]uint64, fates)
	for i, name := range names {
		counts[name] = s.counts[i].Load()
	}
	return counts
}

// A Listener is an address on which a Server can answer, by UDP and TCP.
type Listener struct {
	udp []*net.UDPConn
	tcp *net.TCPListener
}

// Listen opens an address, host:port; port 0 is any. The caller serves or closes it.
func Listen(ctx context.Context, addr string) (*Listener, error) { return Adopt(ctx, addr, nil, nil) }

// Adopt is Listen where some of the sockets are open already: what is nil is opened.
func Adopt(ctx context.Context, addr string, tcp *net.TCPListener, udp []*net.UDPConn) (*Listener, error) {
	l := &Listener{tcp: tcp, udp: udp}
	if l.tcp == nil {
		// TCP first: unlike the UDP sockets, which share their port, it finds out who else is there.
		fresh, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			for _, u := range udp {
				u.Close()
			}
			return nil, err
		}
		l.tcp = fresh.(*net.TCPListener)
	}
	if l.udp == nil {
		return l, l.openUDP(ctx)
	}
	return l, nil
}

// openUDP opens the sockets by UDP; where one can't be had all are closed.
func (l *Listener) openUDP(ctx context.Context) error {
	shared := net.ListenConfig{Control: sharePort}
	for range runtime.GOMAXPROCS(0) { // the kernel shares out the clients among them
		c, err := shared.ListenPacket(ctx, "udp", l.tcp.Addr().String())
		if err != nil {
			return errors.Join(err, l.Close())
		}
		u := c.(*net.UDPConn)
		u.SetReadBuffer(socketBuffer) // as much as the system grants
		l.udp = append(l.udp, u)
	}
	return nil
}

// A Socket is one that can be given to another process.
type Socket interface{ File() (*os.File, error) }

// Sockets returns all of a listener.
func (l *Listener) Sockets() []Socket {
	list := []Socket{l.tcp}
	for _, u := range l.udp {
		list = append(list, u)
	}
	return list
}

// socketBuffer is room for the questions that come while we answer others, in octets.
const socketBuffer = 1 << 20

func sharePort(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); err != nil {
		return err
	}
	return failed
}

// Addr returns where the listener listens.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Close closes all sockets.
func (l *Listener) Close() error {
	errs := []error{l.tcp.Close()}
	for _, u := range l.udp {
		errs = append(errs, u.Close())
	}
	return errors.Join(errs...)
}

// Serve answers on a listener until ctx ends, and closes it.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	var wg sync.WaitGroup
	for _, u := range l.udp {
		wg.Go(func() { s.serveUDP(ctx, u) })
	}
	wg.Go(func() { s.serveTCP(ctx, l.tcp) })
	<-ctx.Done()
	err := l.Close()
	wg.Wait()
	if err != nil {
		return fmt.Errorf("zone: close %s: %w", l.Addr(), err)
	}
	return nil
}

// maxQuery is the longest packet that is looked at: a question with its options.
const maxQuery = 2048

func (s *Server) serveUDP(ctx context.Context, c *net.UDPConn) {
	var r reply
	in, out := make([]byte, maxQuery), make([]byte, 0, maxQuery)
	for {
		n, from, err := c.ReadFromUDPAddrPort(in)
		if err != nil {
			if !s.goesOn(ctx, err) {
				return
			}
			continue
		}
		a := s.datagram(&r, out, in[:n], mail.Unmap(from.Addr()))
		if len(a) == 0 {
			continue
		}
		if _, err := c.WriteToUDPAddrPort(a, from); err != nil && ctx.Err() == nil {
			s.log.Debug("DNS answer not sent", "to", from, "error", err)
		}
	}
}

// goesOn reports whether a socket that failed is still of use, and lets a moment pass, so that
// one that fails for good does not take all of a processor.
func (s *Server) goesOn(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	s.log.Warn("DNS question not read", "error", err)
	select {
	case <-time.After(100 * time.Millisecond):
		return true
	case <-ctx.Done():
		return false
	}
}

// datagram answers one packet over UDP; what it returns is empty where none is due.
func (s *Server) datagram(r *reply, out, packet []byte, from netip.Addr) []byte {
	r.zone = s.zone.Load()
	a := r.answer(out, packet, from, false)
	if len(a) > 0 && r.zone.PerSecond > 0 {
		if n := s.rate.count(from); n > uint32(r.zone.PerSecond) {
			r.fate = limited
			a = a[:0]
			if n%2 == 0 && r.q.section != nil { // a way on for who is really there
				r.truncate(out)
				a = r.out
			}
		}
	}
	s.counts[r.fate].Add(1)
	return a
}
