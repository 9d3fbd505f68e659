package smtpd

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/proxy"
)

// A connection is one TCP connection from accept to close. It holds what
// outlives STARTTLS, which its guards do not.
type connection struct {
	*gate
	ctx       context.Context
	raw       net.Conn // what was accepted
	wire      net.Conn // raw, or raw behind its PROXY header
	transport net.Conn // wire, or TLS over it
	client    mail.Client
	conv      Conversation
	ear       *ear
	breath    atomic.Int64 // more than 0: it ends with a message, or a silence so long
	draining  atomic.Bool
	late      atomic.Bool // and is no longer patient

	errors int // refusals, and transactions without a recipient, since the last accepted message
	faults int // of those, for what was no proper command
	given  int // transactions with a recipient that the client gave up since its last message was accepted
	idle   int // commands since then that do nothing
}

func (g *gate) newConnection(raw net.Conn) *connection {
	c := &connection{gate: g, raw: raw, wire: raw, transport: raw}
	c.client.Users = g.cfg.Submission
	c.ear = &ear{conn: c}
	c.locate(addrPort(raw.RemoteAddr()), addrPort(raw.LocalAddr()))
	return c
}

// locate sets where the client is and where it reached us.
func (c *connection) locate(peer, local netip.AddrPort) {
	c.client.Addr, c.client.Port = mail.Unmap(peer.Addr()), peer.Port()
	c.client.Local = netip.AddrPortFrom(mail.Unmap(local.Addr()), local.Port())
}

func addrPort(a net.Addr) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}

// drain tells the connection to end as soon as no content is on its way, or, where
// there is a breath, once the client has sent a message or was silent so long. It
// may be called from any goroutine: the deadline wakes the reader, which looks
// at the flags after it has set a deadline of its own.
func (c *connection) drain(breath time.Duration) {
	if breath > 0 {
		c.breath.Store(int64(breath))
		c.raw.SetReadDeadline(time.Now().Add(breath))
		return
	}
	c.draining.Store(true)
	c.raw.SetReadDeadline(time.Unix(1, 0))
}

// expel has the connection end also where content is on its way.
func (c *connection) expel() {
	c.late.Store(true)
	c.drain(0)
}

// serve takes the connection from the gate to its end.
func (c *connection) serve() {
	ctx, cancel := context.WithCancel(c.gate.ctx)
	defer cancel()
	c.ctx = ctx
	defer c.close()
	defer func() {
		if v := recover(); v != nil {
			c.caught(v)
			c.tell(broken)
		}
	}()
	if err := c.readProxy(); err != nil {
		c.turnAway("proxy", err)
		c.tellProxy(err)
		return
	}
	if !c.cfg.Limits.enterFrom(c.client.Addr) {
		c.turnAway("network-full", nil)
		c.tell(tooMany)
		return
	}
	defer c.cfg.Limits.leaveFrom(c.client.Addr)
	if c.cfg.ImplicitTLS {
		if err := c.secure(); err != nil {
			c.turnAway("tls", err)
			return
		}
	}
	if !c.connect() {
		return
	}
	defer c.conv.Close()
	c.converse()
}

// caught logs a panic of the machine behind the edge.
func (c *connection) caught(v any) {
	c.cfg.Log.Error("panic at the edge", "panic", fmt.Sprint(v), "peer", c.client.Addr.String(), "stack", string(debug.Stack()))
}

func (c *connection) turnAway(fate string, err error) {
	c.cfg.Observer.Connection(fate)
	c.cfg.Log.Debug("connection turned away", "peer", c.client.Addr.String(), "fate", fate, "error", err)
}

// tellProxy warns of a peer that was told to send a PROXY header and does not: nothing comes by it until somebody
// mends that. One that connects and goes again looks whether we are there.
func (c *connection) tellProxy(err error) {
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		c.cfg.Log.Warn("a client of proxy.trusted was turned away", "peer", c.client.Addr.String(), "error", err)
	}
}

// tell writes a reply before there is a conversation. In front of implicit TLS
// there is nobody who could read it.
func (c *connection) tell(r reply) {
	if c.cfg.ImplicitTLS && c.transport == c.wire {
		return
	}
	c.cfg.Observer.Reply("", r.code)
	c.transport.SetWriteDeadline(time.Now().Add(c.cfg.WriteTime))
	if _, err := c.transport.Write(r.append(nil)); err == nil {
		c.hangUp()
	}
}

// connect asks the Receiver whether the client may come in.
func (c *connection) connect() bool {
	ctx, cancel := c.answerTime()
	defer cancel()
	client := c.client
	if !c.cfg.ImplicitTLS { // there the handshake comes first, from the client
		client.Ear = c.ear
	}
	defer c.ear.close()
	conv, v := c.receiver.Connect(ctx, client)
	c.client = client
	if v.Answer != mail.OK {
		c.turnAway("refused", nil)
		c.tell(atGate(v))
		return false
	}
	c.conv = conv
	c.cfg.Observer.Connection("accepted")
	return true
}

func (c *connection) answerTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, c.cfg.AnswerTime)
}

// converse hands guards to the library: one for the connection in the clear, a
// second one after STARTTLS.
func (c *connection) converse() {
	g := newGuard(c)
	for c.handOver(g); g.upgrade; c.handOver(g) {
		if err := c.secure(); err != nil {
			c.cfg.Log.Debug("TLS handshake failed", "peer", c.client.Addr.String(), "error", err)
			return
		}
		c.client.Helo, c.client.ESMTP, c.client.Login = "", false, mail.Null
		g = newGuard(c)
		g.mute = true // the banner was said in the clear
	}
	if g.ours {
		c.hangUp()
	}
}

// handOver waits until the library is done with the guard.
func (c *connection) handOver(g *guard) {
	select {
	case c.door.guards <- g:
		<-g.closed
	case <-c.ctx.Done():
	}
}

// secure makes the TLS handshake on the raw connection, so that octets sent in
// the clear behind STARTTLS are gone with the guard that had read them (RFC
// 3207 §6).
func (c *connection) secure() error {
	config := c.cfg.TLS
	if c.cfg.Submission && c.cfg.Senders != nil && c.cfg.Senders.Certificates() {
		config = c.asking
	}
	t := tls.Server(c.wire, config)
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.HandshakeTime)
	defer cancel()
	c.raw.SetDeadline(time.Now().Add(c.cfg.HandshakeTime))
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("smtpd: handshake: %w", err)
	}
	state := t.ConnectionState()
	c.client.TLS = strings.ReplaceAll(tls.VersionName(state.Version), " ", "") + " " + tls.CipherSuiteName(state.CipherSuite)
	if len(state.PeerCertificates) > 0 { // the handshake has proven that it has the private key
		sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
		c.client.Key = hex.EncodeToString(sum[:])
	}
	c.transport = t
	return nil
}

// close says over TLS that this is the end: a client that is not told takes the
// connection for cut (RFC 8446 §6.1). The alert waits 5 seconds at most.
func (c *connection) close() {
	if t, ok := c.transport.(*tls.Conn); ok {
		t.CloseWrite()
	}
	c.raw.Close()
}

// hangUp ends a connection that the client has not ended, so that the last
// reply reaches it: closing while it still sends would make its kernel throw the
// reply away (RFC 1122 §4.2.2.13).
func (c *connection) hangUp() {
	if t, ok := c.transport.(*tls.Conn); ok {
		t.CloseWrite()
	}
	if t, ok := c.raw.(interface{ CloseWrite() error }); ok {
		t.CloseWrite()
	}
	c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, c.raw, lingerOctets)
}

const (
	lingerTime   = time.Second
	lingerOctets = 256 << 10
)

// readProxy takes the PROXY header of a peer that must send one.
func (c *connection) readProxy() error {
	if !proxy.Trusted(c.cfg.ProxyTrusted, c.client.Addr) {
		return nil
	}
	c.raw.SetReadDeadline(time.Now().Add(c.cfg.HandshakeTime))
	in := bufio.NewReaderSize(c.raw, proxy.MaxHeader)
	h, err := proxy.Parse(in)
	if err != nil {
		return err
	}
	if h.Source.IsValid() {
		c.locate(h.Source, h.Destination)
	}
	c.wire = &behindProxy{Conn: c.raw, in: in}
	c.transport = c.wire
	return nil
}

// behindProxy gives first what was read together with the PROXY header.
type behindProxy struct {
	net.Conn
	in *bufio.Reader
}

func (b *behindProxy) Read(p []byte) (int, error) { return b.in.Read(p) }
