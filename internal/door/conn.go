package door

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/proxy"
)

// ErrInterrupted is what a Read returns once the server shuts down, or the connection was
// interrupted.
var ErrInterrupted = errors.New("door: shutting down")

// A Conn is a client's connection, on which no read and no write lasts for ever. One goroutine
// owns it, but for Interrupt.
type Conn struct {
	Peer      netip.Addr
	Log       *slog.Logger // with protocol and peer
	Encrypted bool

	door   *Door
	limits Limits
	wire   *wire
	stream io.ReadWriteCloser // wire, or TLS over it
	cancel context.CancelFunc
	placed bool // it counts among those of its network that have not logged in

	claimed bool // it counts among those of box
	box     int64
	keys    []uint64 // that opened the box then

	expired atomic.Bool // see Farewell
}

func (d *Door) newConn(nc net.Conn) *Conn {
	c := NewConn(nc, d.Limits)
	c.door = d
	c.Log = d.Log.With("protocol", d.Protocol, "peer", c.Peer)
	return c
}

// NewConn wraps a connection that no Door has accepted, for tests of sessions.
func NewConn(nc net.Conn, limits Limits) *Conn {
	l := limits.Usual()
	c := &Conn{door: &Door{}, limits: l, Peer: peerOf(nc), cancel: func() {}, Log: slog.New(slog.DiscardHandler)}
	c.wire = &wire{Conn: nc, patience: l.Login, until: time.Now().Add(l.Login), write: l.Write}
	_, c.Encrypted = nc.(*tls.Conn)
	c.stream = c.wire
	return c
}

// Read reads within the time that Expect and the log-in allow.
func (c *Conn) Read(p []byte) (int, error) { return c.stream.Read(p) }

// Write writes within the time for one buffer.
func (c *Conn) Write(p []byte) (int, error) { return c.stream.Write(p) }

// Close ends the connection.
func (c *Conn) Close() error { return c.stream.Close() }

// Expect sets how long the next reads may wait.
func (c *Conn) Expect(d time.Duration) { c.wire.expect(d) }

// LoggedIn ends the limit of time that stands from the start to the log-in.
func (c *Conn) LoggedIn() { c.wire.limit(time.Time{}) }

// Claim takes one of the places that a mailbox has at this door, until the connection ends or Release; false where
// there is none, or the connection has one of another mailbox. It is asked for when the password is known to be right: nobody else can take
// the places.
func (c *Conn) Claim(box int64) bool { return c.door.claim(c, box) }

// Release gives back the place of a mailbox, where the client says that it is somebody else from now on.
func (c *Conn) Release() { c.door.release(c) }

// Interrupt ends the read under way and all later ones, from any goroutine.
func (c *Conn) Interrupt() { c.wire.interrupt() }

// MayLogIn reports whether a password may be asked for: only where nobody can listen.
func (c *Conn) MayLogIn() bool { return c.Encrypted || c.Peer.IsLoopback() }

// OffersTLS reports whether StartTLS would work.
func (c *Conn) OffersTLS() bool { return !c.Encrypted && c.door.TLS != nil }

// StartTLS makes the handshake, of which the client has been told. The caller must have read
// nothing beyond the command.
func (c *Conn) StartTLS(ctx context.Context) error {
	t := tls.Server(c.wire, c.door.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Log.Debug("TLS handshake failed", "error", err)
		return err
	}
	c.Encrypted, c.stream = true, t
	return nil
}

// binding is what binds a log-in to this connection's TLS; nil where it has none.
func (c *Conn) binding() []byte {
	t, ok := c.stream.(*tls.Conn)
	if !ok {
		t, ok = c.wire.Conn.(*tls.Conn)
	}
	if !ok {
		return nil
	}
	return Binding(t)
}

// Binding is what binds a log-in to a TLS connection (tls-exporter, RFC 9266); nil where that has
// nothing that can be trusted, as TLS 1.2 without an extended master secret.
func Binding(t *tls.Conn) []byte {
	state := t.ConnectionState()
	b, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return b
}

// handshake ends TLS's on ports where it comes first.
func (c *Conn) handshake(ctx context.Context) bool {
	t, ok := c.wire.Conn.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Login)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		c.Log.Debug("TLS handshake failed", "error", err)
		return false
	}
	return true
}

// readProxy takes the header of a peer that must send one, and makes its client the peer.
// It closes the connection where there is none in time.
func (c *Conn) readProxy(ctx context.Context, nc net.Conn) bool {
	defer context.AfterFunc(ctx, c.Interrupt)()
	raw := nc
	if t, encrypted := nc.(*tls.Conn); encrypted {
		raw = t.NetConn() // it stands before the handshake
	}
	c.wire.expect(c.limits.Header)
	err := c.wire.arm()
	var h proxy.Header
	if err == nil {
		h, err = proxy.Parse(raw)
	}
	if err != nil {
		raw.Close()
		c.Log.Info("connection refused", "reason", err)
		return false
	}
	c.wire.expect(c.limits.Login)
	if h.Source.IsValid() {
		c.Peer = mail.Unmap(h.Source.Addr())
		c.Log = c.door.Log.With("protocol", c.door.Protocol, "peer", c.Peer)
	}
	return true
}

// network is what counts as one address: of IPv6 the /64 that one client has.
func (c *Conn) network() netip.Addr {
	if !c.Peer.Is6() {
		return c.Peer
	}
	p, _ := c.Peer.Prefix(64)
	return p.Addr()
}

func peerOf(nc net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return mail.Unmap(ap.Addr())
}

// A wire is a connection on which no read and no write lasts for ever.
type wire struct {
	net.Conn
	mu          sync.Mutex
	patience    time.Duration // of the next reads
	until       time.Time     // no read beyond it, where set
	write       time.Duration
	interrupted bool
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.arm(); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if err != nil && w.isInterrupted() {
		err = ErrInterrupted
	}
	return n, err
}

func (w *wire) arm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.interrupted {
		return ErrInterrupted
	}
	t := time.Now().Add(w.patience)
	if !w.until.IsZero() && w.until.Before(t) {
		t = w.until
	}
	return w.Conn.SetReadDeadline(t)
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.write)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

func (w *wire) expect(d time.Duration) {
	w.mu.Lock()
	w.patience = d
	w.mu.Unlock()
}

func (w *wire) limit(t time.Time) {
	w.mu.Lock()
	w.until = t
	w.mu.Unlock()
}

func (w *wire) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupted = true
	w.Conn.SetReadDeadline(time.Unix(1, 0))
}

func (w *wire) isInterrupted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.interrupted
}
