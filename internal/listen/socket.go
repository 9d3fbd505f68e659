package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// A socket is one listening socket, and who serves it at the moment. Its board's lock
// guards the point; its own who serves.
type socket struct {
	board    *Board
	key      key
	listener *net.TCPListener
	point    Point

	mu      sync.Mutex
	current *edition
	accepts bool
}

func newSocket(b *Board, k key, l *net.TCPListener) *socket {
	return &socket{board: b, key: k, listener: l}
}

// serve has the point's server take those who come from now on.
func (s *socket) serve(r *run) {
	e := newEdition(r, s.listener.Addr(), s.point.Networks)
	serve := s.point.Serve
	r.servers.Go(func() {
		defer e.cancel()
		if err := serve(e.ctx, e); err != nil && e.ctx.Err() == nil {
			r.fail(fmt.Errorf("%s on %s: %w", s.key.protocol, s.key.address, err))
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.retire()
	}
	s.current = e
	if !s.accepts {
		s.accepts = true
		r.accepts.Go(func() { s.accept(r) })
	}
}

// accept hands clients on until the socket is closed.
func (s *socket) accept(r *run) {
	delay := time.Duration(0)
	for {
		c, err := s.listener.AcceptTCP()
		switch {
		case err == nil:
			delay = 0
			s.hand(c)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		// Out of file descriptors, most likely: others will close theirs.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.board.log.Warn("accept failed", "protocol", s.key.protocol, "address", s.key.address, "error", err)
		select {
		case <-time.After(delay):
		case <-r.ctx.Done():
		}
	}
}

// hand gives a client to who serves.
func (s *socket) hand(c *net.TCPConn) {
	s.mu.Lock()
	e := s.current
	if !e.lets(c.RemoteAddr()) {
		s.mu.Unlock()
		c.Close()
		s.board.away(s.key.protocol, c.RemoteAddr())
		return
	}
	taken := e.take(c)
	s.mu.Unlock()
	select {
	case e.conns <- taken:
	case <-e.closed:
		taken.Close()
	}
}

func (b *Board) away(protocol string, from net.Addr) {
	b.mu.Lock()
	count := b.refused
	b.mu.Unlock()
	count(protocol)
	b.log.Debug("connection refused: not from a network of the listener", "protocol", protocol, "peer", from.String())
}

// close closes the socket. Who is connected is served on until he goes.
func (s *socket) close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.retire()
	}
}

// An edition is one server at one socket, from when it is in force until its last client
// is gone. For the server it is the net.Listener.
type edition struct {
	ctx      context.Context
	cancel   context.CancelFunc // ends the server
	addr     net.Addr
	networks []netip.Prefix
	conns    chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	open    int
	retired bool
}

func newEdition(r *run, addr net.Addr, networks []netip.Prefix) *edition {
	e := &edition{addr: addr, networks: networks, conns: make(chan net.Conn), closed: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(r.ctx)
	return e
}

// lets reports whether clients of a's network are let in.
func (e *edition) lets(a net.Addr) bool {
	if len(e.networks) == 0 {
		return true
	}
	ap, err := netip.ParseAddrPort(a.String())
	at := mail.Unmap(ap.Addr()).WithZone("")
	return err == nil && slices.ContainsFunc(e.networks, func(n netip.Prefix) bool { return n.Contains(at) })
}

// take counts a connection among those that the edition has.
func (e *edition) take(c *net.TCPConn) net.Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open++
	return &conn{TCPConn: c, gone: sync.OnceFunc(e.leave)}
}

func (e *edition) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open--
	if e.retired && e.open == 0 {
		e.cancel()
	}
}

// retire says that nobody comes any more: with the last client the server ends.
func (e *edition) retire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retired = true
	if e.open == 0 {
		e.cancel()
	}
}

// Accept implements net.Listener.
func (e *edition) Accept() (net.Conn, error) {
	select {
	case c := <-e.conns:
		return c, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: the server takes nobody any more.
func (e *edition) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

// Addr implements net.Listener.
func (e *edition) Addr() net.Addr { return e.addr }

// A conn tells its edition when it is closed.
type conn struct {
	*net.TCPConn
	gone func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.TCPConn.Close()
	c.gone()
	return err
}
