package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/internal/proxy"
	"gatepost/mailbox"
)

// A Store is the mailstore, in all the roles that package mailbox names.
type Store interface {
	mailbox.Boxes
	mailbox.Folders
	mailbox.FolderEditor
	mailbox.Held
	mailbox.Subscriptions
	mailbox.Reader
	mailbox.Writer
	mailbox.Copier
}

// Bodies keeps the octets of messages; a blob.Store is one.
type Bodies interface {
	Put(ctx context.Context, r io.Reader, size int64) (blob.ID, error)
	Open(ctx context.Context, id blob.ID) (blob.Content, error)
}

// ErrLogin is the cause of an Authenticator's error when user and password do
// not go together; any other error means that it could not tell.
var ErrLogin = errors.New("imap: wrong user or password")

// ErrLater is the cause where no password was looked at, since there were too many wrong
// ones: it may be tried again later.
var ErrLater = errors.New("imap: too many failed log-ins")

// An Authenticator tells whose mailbox a user and a password open.
type Authenticator interface {
	Login(ctx context.Context, user, password string, peer netip.Addr) (box int64, address string, err error)
}

// A Server serves IMAP on any number of listeners. Set its fields before the
// first Serve; those marked optional may stay zero.
type Server struct {
	Store    Store
	Bodies   Bodies
	Auth     Authenticator
	Changes  *mailbox.Changes
	Releaser Releaser // optional: without one no mailbox is given a folder of what is held
	Sorter   Sorter   // optional: hears what owners put into other folders
	Log      *slog.Logger
	TLS      *tls.Config      // optional: offers STARTTLS on listeners in the clear
	Spool    string           // optional: directory for large messages on their way in
	Language string           // optional: of the folders of a new mailbox
	Limits   Limits           // optional, each of them
	Now      func() time.Time // optional: the clock that INTERNALDATE is read from

	// Refuse is optional: it says why a client may not even connect, in one line; "" lets
	// it in. It must not wait. A session that is open goes on.
	Refuse func(client netip.Addr) string

	// ProxyTrusted are the peers that speak the PROXY protocol, and must: who they say
	// their client is counts as the peer. On listeners of TLS the header comes before it.
	ProxyTrusted []netip.Prefix // optional

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	perIP     map[netip.Addr]int
	running   sync.WaitGroup
}

// Serve accepts connections from l until Shutdown, or until ctx is done; then it
// returns nil. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if !s.addListener(l) {
		return nil
	}
	defer s.removeListener(l)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			s.admit(ctx, nc)
		case ctx.Err() != nil || s.isClosing():
			return nil
		case !isTemporary(err):
			return err
		default:
			s.Log.Warn("accept failed", "protocol", "imap", "error", err)
			pause(ctx, 50*time.Millisecond)
		}
	}
}

// isTemporary: too few descriptors, or a client gone before its turn.
func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// pause waits for d, or less where ctx ends it.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// admit starts a connection, or turns it away where there are too many.
func (s *Server) admit(ctx context.Context, nc net.Conn) {
	c := newConn(s, nc)
	if reason := s.add(c); reason != "" {
		s.turnAway(c, nc, "UNAVAILABLE", reason)
		return
	}
	behind := proxy.Trusted(s.ProxyTrusted, c.peer)
	if !behind && !s.place(c, nc) {
		s.remove(c)
		return
	}
	go func() {
		defer s.remove(c)
		if behind && !(c.readProxy(ctx, nc) && s.place(c, nc)) {
			return
		}
		c.serve(ctx)
	}()
}

// place lets in a connection whose client is known, or turns it away.
func (s *Server) place(c *conn, nc net.Conn) bool {
	if s.Refuse != nil {
		if reason := s.Refuse(c.peer); reason != "" {
			s.turnAway(c, nc, "CONTACTADMIN", reason) // RFC 5530 §3
			return false
		}
	}
	if !s.count(c) {
		s.turnAway(c, nc, "UNAVAILABLE", "Too many connections from your address")
		return false
	}
	return true
}

// count takes a place among those of a client's network.
func (s *Server) count(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perIP[c.network()] >= s.limits().PerIP {
		return false
	}
	s.perIP[c.network()]++
	c.placed = true
	return true
}

// turnAway says why a client is not let in. It is not worth waiting for, nor a TLS
// handshake.
func (s *Server) turnAway(c *conn, nc net.Conn, code, reason string) {
	if _, encrypted := nc.(*tls.Conn); !encrypted {
		nc.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(nc, "* BYE ["+code+"] "+reason+"\r\n")
	}
	nc.Close()
	s.Log.Info("connection refused", "protocol", "imap", "peer", c.peer, "reason", reason)
}

func (s *Server) add(c *conn) (refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits()
	switch {
	case s.closing:
		return "Shutting down"
	case len(s.conns) >= l.Connections:
		return "Too many connections"
	}
	if s.conns == nil {
		s.conns, s.perIP = map[*conn]struct{}{}, map[netip.Addr]int{}
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	return ""
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if n := c.network(); c.placed {
		if s.perIP[n]--; s.perIP[n] == 0 {
			delete(s.perIP, n)
		}
	}
	s.running.Done()
}

// Shutdown stops accepting, lets each connection finish its command and say BYE,
// and waits for them until ctx is done; then it closes them and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.wire.interrupt()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.cancel()
		c.wire.Close()
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = map[net.Listener]struct{}{}
	}
	s.listeners[l] = struct{}{}
	return !s.closing
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// network is what counts as one address: of IPv6 the /64 that one client has.
func (c *conn) network() netip.Addr {
	if !c.peer.Is6() {
		return c.peer
	}
	p, _ := c.peer.Prefix(64)
	return p.Addr()
}

func peerOf(nc net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return mail.Unmap(ap.Addr())
}
