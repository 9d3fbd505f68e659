package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/test/peer"
)

// fromConn is a connection that says where it comes from.
type fromConn struct {
	net.Conn
	addr net.Addr
}

func (c fromConn) RemoteAddr() net.Addr { return c.addr }

// comers is a listener to which connections come from given addresses.
type comers chan net.Conn

func (c comers) Accept() (net.Conn, error) {
	conn, ok := <-c
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (c comers) Close() error   { close(c); return nil }
func (c comers) Addr() net.Addr { return &net.TCPAddr{} }

// come makes a connection, and returns the end of who came.
func (c comers) come(addr string) net.Conn {
	theirs, ours := net.Pipe()
	go func() {
		c <- fromConn{ours, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 5000))}
	}()
	return theirs
}

// A network gets so many connections, and no more; those that are spared all.
func TestConnectionsOfANetwork(t *testing.T) {
	c := make(comers)
	l := newLimited(c, limits{all: 10, network: 2, spared: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/32")}})
	var open []net.Conn
	accept := func(addr string) {
		t.Helper()
		c.come(addr)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	accept("192.0.2.1")
	accept("192.0.2.2")
	refused := c.come("192.0.2.3")
	go func() {
		io.ReadAll(refused) // until it is cut
		c.come("198.51.100.1")
	}()
	conn, err := l.Accept()
	if err != nil || conn.RemoteAddr().String() != "198.51.100.1:5000" {
		t.Fatalf("got %v, %v; want the proxy", conn, err)
	}
	open = append(open, conn)
	for range 3 {
		accept("198.51.100.1")
	}
	open[0].Close()
	open[0].Close() // counts once
	accept("192.0.2.3")
	accept("2001:db8::1")
	accept("2001:db8::2")
	for _, conn := range open {
		conn.Close()
	}
	if n := len(l.open); n != 0 || len(l.turn) != 0 {
		t.Errorf("%d networks and %d turns are left", n, len(l.turn))
	}
	l.Close()
	if _, err := l.Accept(); err != net.ErrClosed {
		t.Errorf("closed: got %v", err)
	}
}

// Over HTTPS the pages speak HTTP/2, and cookies are for HTTPS only.
func TestTLS(t *testing.T) {
	certificate, key, err := peer.Certificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := live(t, Config{})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s, err := New(Config{URL: "https://localhost:" + port, Key: make([]byte, 32), Desk: h.desk, Accounts: h, Now: time.Now, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { served <- s.ServeTLS(ctx, l, &tls.Config{Certificates: []tls.Certificate{pair}}) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	resp, err := client.Get("https://localhost:" + port + "/login")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if c := resp.Cookies(); resp.ProtoMajor != 2 || len(c) != 1 || c[0].Name != "__Host-gatepost-visit" || !c[0].Secure || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("got %s, %v, %v", resp.Proto, c, resp.Header)
	}
	if err := s.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate that browsers do not trust") {
		t.Errorf("reach: got %v", err)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A /48 gets more than a network, and not each /64 in it as much as one.
func TestConnectionsOfASite(t *testing.T) {
	c := make(comers)
	l := newLimited(c, limits{all: 20, network: 2})
	for i := range 4 * 2 {
		c.come(fmt.Sprintf("2001:db8:0:%x::1", i))
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	refused := c.come("2001:db8:0:ff::1")
	go func() {
		io.ReadAll(refused) // until it is cut
		c.come("2001:db8:1::1")
	}()
	conn, err := l.Accept()
	if err != nil || conn.RemoteAddr().String() != "[2001:db8:1::1]:5000" {
		t.Fatalf("got %v, %v; want the next /48", conn, err)
	}
}
