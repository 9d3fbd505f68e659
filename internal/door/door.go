// Package door lets the clients of mailboxes in, whatever language they go on to speak: it
// accepts connections, counts them, turns away whom the node keeps out, learns from a load
// balancer who the client is, ends TLS, bounds every wait, and hears log-ins by SASL. IMAP, POP3
// and ManageSieve are served behind such doors.
package door

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"gatepost/internal/proxy"
)

// ErrLogin is the cause of an Authenticator's error when user and password do not go together;
// any other error means that it could not tell.
var ErrLogin = errors.New("door: wrong user or password")

// ErrLater is the cause where no password was looked at, since there were too many wrong ones: it
// may be tried again later.
var ErrLater = errors.New("door: too many failed log-ins")

// ErrShut is the cause where all is right, and the door is not open to the mailbox: to try again is no use before an
// admin opens it.
var ErrShut = errors.New("door: not open to the mailbox")

// An Authenticator tells whose mailbox a user and a password open.
type Authenticator interface {
	Login(ctx context.Context, user, password string, peer netip.Addr) (box int64, address string, err error)
}

// Limits bound what clients may take. A zero field stands for its default.
type Limits struct {
	Connections int           // at once (2000)
	PerIP       int           // at once from one address, of IPv6 from one /64, that have not logged in (100)
	PerLogin    int           // at once into one mailbox (50)
	Header      time.Duration // for the PROXY header of a peer that must send one (30 s)
	Login       time.Duration // from the start to LoggedIn (2 min)
	Write       time.Duration // to write one buffer (2 min)
}

// Usual returns the limits with the defaults for what is zero.
func (l Limits) Usual() Limits {
	return Limits{
		Connections: cmp.Or(l.Connections, 2000),
		PerIP:       cmp.Or(l.PerIP, 100),
		PerLogin:    cmp.Or(l.PerLogin, 50),
		Header:      cmp.Or(l.Header, 30*time.Second),
		Login:       cmp.Or(l.Login, 2*time.Minute),
		Write:       cmp.Or(l.Write, 2*time.Minute),
	}
}

// A Refusal is why a client is turned away.
type Refusal uint8

const (
	Full   Refusal = iota // there are too many connections, or the server ends; later it may come again
	Banned                // the node keeps this client out
)

// A Door serves one protocol on any number of listeners. Set its fields before the first Serve;
// those marked optional may stay zero.
type Door struct {
	Protocol string // in the log
	Session  func(ctx context.Context, c *Conn)
	// TurnedAway returns what a client hears that is not let in, with its line end.
	TurnedAway func(r Refusal, reason string) string
	Log        *slog.Logger
	TLS        *tls.Config // optional: what StartTLS takes
	Limits     Limits      // optional, each of them

	// Refuse is optional: it says why a client may not even connect, in one line; "" lets
	// it in. It must not wait. A session that is open goes on.
	Refuse func(client netip.Addr) string

	// Keys is optional: it returns what opens a mailbox now, as numbers that tell nothing of the secrets.
	Keys func(box int64) []uint64

	// Ended is optional: asked each second, it returns what says that a session ends, of a mailbox and what opened it when
	// that began, or nil where nobody's right has changed. Sessions end as at Shutdown.
	Ended func() func(box int64, keys []uint64) bool

	// ProxyTrusted are the peers that speak the PROXY protocol, and must: who they say
	// their client is counts as the peer. On listeners of TLS the header comes before it.
	ProxyTrusted []netip.Prefix // optional

	// Places are optional: those of all doors of the protocol, which Limits then bound together.
	Places *Places

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	own       Places // where Places is not set
	running   sync.WaitGroup
}

// Serve accepts connections from l until Shutdown, or until ctx is done; then it
// returns nil. It closes l. A tls.Listener's connections are encrypted from the start.
func (d *Door) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if !d.addListener(l) {
		return nil
	}
	defer d.removeListener(l)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer d.ending(ctx)()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			d.admit(ctx, nc)
		case ctx.Err() != nil || d.isClosing():
			return nil
		case !isTemporary(err):
			return err
		default:
			d.Log.Warn("accept failed", "protocol", d.Protocol, "error", err)
			Pause(ctx, 50*time.Millisecond)
		}
	}
}

// isTemporary: too few descriptors, or a client gone before its turn.
func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// Pause waits for t, or less where ctx ends it.
func Pause(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// admit starts a connection, or turns it away where there are too many.
func (d *Door) admit(ctx context.Context, nc net.Conn) {
	c := d.newConn(nc)
	if reason := d.add(c); reason != "" {
		d.turnAway(c, nc, Full, reason)
		return
	}
	behind := proxy.Trusted(d.ProxyTrusted, c.Peer)
	if !behind && !d.place(c, nc) {
		d.remove(c)
		return
	}
	go func() {
		defer d.remove(c)
		if behind && !(c.readProxy(ctx, nc) && d.place(c, nc)) {
			return
		}
		d.serve(ctx, c)
	}()
}

// serve runs a session until its end.
func (d *Door) serve(ctx context.Context, c *Conn) {
	ctx, c.cancel = context.WithCancel(ctx)
	defer c.cancel()
	defer c.Close()
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error("session panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	defer context.AfterFunc(ctx, c.Interrupt)()
	if c.handshake(ctx) {
		d.Session(ctx, c)
	}
}

// place lets in a connection whose client is known, or turns it away.
func (d *Door) place(c *Conn, nc net.Conn) bool {
	if d.Refuse != nil {
		if reason := d.Refuse(c.Peer); reason != "" {
			d.turnAway(c, nc, Banned, reason)
			return false
		}
	}
	if !d.count(c) {
		d.turnAway(c, nc, Full, "Too many connections from your address")
		return false
	}
	return true
}

// count takes a place among those of a client's network.
func (d *Door) count(c *Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.placed = d.places().enterFrom(c.network(), d.Limits.Usual().PerIP)
	return c.placed
}

func (d *Door) places() *Places {
	if d.Places != nil {
		return d.Places
	}
	return &d.own
}

// claim takes a place among those of a mailbox, in the place of that among those of the client's network: behind one address
// there may be all of an office.
func (d *Door) claim(c *Conn, box int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.claimed {
		return c.box == box
	}
	c.box, c.claimed = box, d.places().claim(box, d.Limits.Usual().PerLogin)
	if !c.claimed {
		return false
	}
	d.unplace(c)
	if d.Keys != nil {
		c.keys = d.Keys(box)
	}
	return true
}

// unplace gives the place among those of a client's network back.
func (d *Door) unplace(c *Conn) {
	if c.placed {
		d.places().leaveFrom(c.network())
		c.placed = false
	}
}

// release gives a place back, and counts the connection among those of its network again, though they may be too many.
func (d *Door) release(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unclaim(c); !c.placed {
		c.placed = d.places().enterFrom(c.network(), math.MaxInt)
	}
}

// unclaim is release for who holds the lock.
func (d *Door) unclaim(c *Conn) {
	if !c.claimed {
		return
	}
	d.places().unclaim(c.box)
	c.claimed = false
}

// turnAway says why a client is not let in. It is not worth waiting for, nor a TLS
// handshake.
func (d *Door) turnAway(c *Conn, nc net.Conn, r Refusal, reason string) {
	if _, encrypted := nc.(*tls.Conn); !encrypted {
		nc.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(nc, d.TurnedAway(r, reason))
	}
	nc.Close()
	d.Log.Info("connection refused", "protocol", d.Protocol, "peer", c.Peer, "reason", reason)
}

func (d *Door) add(c *Conn) (refusal string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closing:
		return "Shutting down"
	case !d.places().enter(d.Limits.Usual().Connections):
		return "Too many connections"
	}
	if d.conns == nil {
		d.conns = map[*Conn]struct{}{}
	}
	d.conns[c] = struct{}{}
	d.running.Add(1)
	return ""
}

func (d *Door) remove(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
	d.unplace(c)
	d.unclaim(c)
	d.places().leave()
	d.running.Done()
}

// Shutdown stops accepting, interrupts each connection so that it may finish its command and say
// good-bye, and waits for them until ctx is done; then it closes them and returns ctx's error.
func (d *Door) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closing = true
	for l := range d.listeners {
		l.Close()
	}
	for c := range d.conns {
		c.Interrupt()
	}
	d.mu.Unlock()
	done := make(chan struct{})
	go func() { d.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	for c := range d.conns {
		c.cancel()
		c.wire.Close()
	}
	d.mu.Unlock()
	<-done
	return ctx.Err()
}

func (d *Door) isClosing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closing
}

func (d *Door) addListener(l net.Listener) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listeners == nil {
		d.listeners = map[net.Listener]struct{}{}
	}
	d.listeners[l] = struct{}{}
	return !d.closing
}

func (d *Door) removeListener(l net.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.listeners, l)
}
