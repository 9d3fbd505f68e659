package engine

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ConnectTime is how long an engine may take to take a connection: it is near, and who
// waits is a client in its transaction.
const ConnectTime = 5 * time.Second

// ParseAddress reads where an engine is: "/run/clamav/clamd.ctl" is a unix socket,
// "127.0.0.1:3310" a TCP port; "unix:" and "tcp:" may stand before them.
func ParseAddress(s string) (network, address string, err error) {
	network, address = "tcp", s
	switch {
	case strings.HasPrefix(s, "/"):
		network = "unix"
	case strings.HasPrefix(s, "unix:"):
		network, address = "unix", strings.TrimPrefix(s, "unix:")
	case strings.HasPrefix(s, "tcp:"):
		address = strings.TrimPrefix(s, "tcp:")
	}
	if network == "unix" {
		if !filepath.IsAbs(address) {
			return "", "", fmt.Errorf("address %q: a socket's path begins with /", s)
		}
		return network, address, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return "", "", fmt.Errorf("address %q is neither host:port nor the path of a socket", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("address %q: %q is no port", s, port)
	}
	return network, address, nil
}

// Dial connects to an engine. What is read and written over the connection ends with ctx,
// at its deadline or when it is cancelled.
func Dial(ctx context.Context, address string) (net.Conn, error) {
	network, addr, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: ConnectTime}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			c.Close()
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) // fails on a closed connection alone
	return &conn{c, stop}, nil
}

// A conn forgets its context when it is closed.
type conn struct {
	net.Conn
	stop func() bool
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.stop()
	return c.Conn.Close()
}
