package listen

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func shared(t *testing.T, name string, c interface{ File() (*os.File, error) }) *Socket {
	t.Helper()
	s, err := Share(name, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func opened(t *testing.T, network, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// TestHandOver: sockets outlive their board. Who comes while nobody serves waits, and is served by
// the next board; who was connected is not cut off but told; an address more is opened.
func TestHandOver(t *testing.T) {
	const where = "127.0.0.1:0"
	old, stop := running(t, point("a", where, "one"), point("b", where, "b"))
	a, b := at(t, old, "a"), at(t, old, "b")
	first := dial(t, a)
	first.hears("one")
	sockets, err := old.Share()
	if err != nil || len(sockets) != 2 {
		t.Fatalf("shared: %v, %v", sockets, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	first.hears("bye")
	waits := dial(t, a) // nobody accepts
	left := NewLeft(sockets)
	if !left.Has(a) || left.Has("127.0.0.1:1") {
		t.Error("it does not know what it has")
	}
	next := NewBoard(slog.New(slog.DiscardHandler))
	next.Inherit(left)
	change(t, next, point("a", a, "two"), point("c", where, "c"))
	if rest := left.Rest(); len(rest) != 1 || rest[0].String() != "b (tcp "+b+")" {
		t.Errorf("nobody wants %v", rest)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- next.Run(ctx) }()
	waits.hears("two")
	dial(t, a).hears("two")
	dial(t, at(t, next, "c")).hears("c")
	if c, err := net.DialTimeout("tcp", b, time.Minute); err == nil {
		c.Close()
		t.Error("a socket that nobody wanted is still there")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLeftAddresses: a socket is for an address that it has, or for all of them where both say so.
func TestLeftAddresses(t *testing.T) {
	one, any4, both := opened(t, "tcp", "127.0.0.1:0"), opened(t, "tcp4", "0.0.0.0:0"), opened(t, "tcp", ":0")
	_, port, _ := net.SplitHostPort(any4.Addr().String())
	_, bothPort, _ := net.SplitHostPort(both.Addr().String())
	for _, c := range []struct {
		name, address string
		has           bool
	}{
		{"its own", one.Addr().String(), true},
		{"another port", "127.0.0.1:1", false},
		{"another address", strings.Replace(one.Addr().String(), "127.0.0.1", "127.0.0.2", 1), false},
		{"one of all", "127.0.0.1:" + port, false},
		{"all", ":" + port, true},
		{"all of IPv4", "0.0.0.0:" + port, true},
		{"all of IPv6", "[::]:" + port, true},
		{"all, for all of IPv4", "0.0.0.0:" + bothPort, true},
		{"nothing", "nonsense", false},
	} {
		left := NewLeft([]*Socket{shared(t, "one", one), shared(t, "any", any4), shared(t, "both", both)})
		l, err := left.TCP(c.address)
		if err != nil || (l != nil) != c.has || left.Has(c.address) {
			t.Errorf("%s: got %v, %v", c.name, l, err)
		}
		if l != nil {
			l.Close()
		}
	}
	var none *Left
	if l, err := none.TCP(":25"); l != nil || err != nil || none.Has(":25") || none.Rest() != nil {
		t.Errorf("of none: %v, %v", l, err)
	}
}

// TestLeftDatagrams: several sockets of one address are taken together, and what has come meanwhile
// is there.
func TestLeftDatagrams(t *testing.T) {
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := u.LocalAddr().String()
	left := NewLeft([]*Socket{shared(t, "dns", u), shared(t, "dns", u)})
	u.Close()
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("question"))
	got, err := left.UDP(address)
	if err != nil || len(got) != 2 || len(left.Rest()) != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	b := make([]byte, 100)
	got[0].SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := got[0].Read(b); err != nil || string(b[:n]) != "question" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	for _, c := range got {
		c.Close()
	}
}

// TestNoSocket: what can't be listened at is refused, with what it is called.
func TestNoSocket(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := opened(t, "tcp", "127.0.0.1:0")
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	connected, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	local, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	unix, err := local.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	for want, f := range map[string]*os.File{"it is no socket:": file, "it does not listen": connected, "it is no socket of the Internet": unix} {
		if _, err := NewSocket("web", f); err == nil || !strings.HasPrefix(err.Error(), "listen: web: "+want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
