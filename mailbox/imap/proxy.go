package imap

import (
	"context"
	"crypto/tls"
	"net"

	"gatepost/internal/mail"
	"gatepost/internal/proxy"
)

// readProxy takes the header of a peer that must send one, and makes its client the peer.
// It closes the connection where there is none in time.
func (c *conn) readProxy(ctx context.Context, nc net.Conn) bool {
	defer context.AfterFunc(ctx, c.wire.interrupt)()
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
		c.log.Info("connection refused", "reason", err)
		return false
	}
	c.wire.expect(c.limits.Login)
	if h.Source.IsValid() {
		c.peer = mail.Unmap(h.Source.Addr())
		c.log = c.srv.Log.With("protocol", "imap", "peer", c.peer)
	}
	return true
}
