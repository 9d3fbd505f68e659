package listen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// greets is a server that says a word to whoever comes, and then what it hears. When its
// context ends it says bye.
func greets(word string) func(context.Context, net.Listener) error {
	return func(ctx context.Context, l net.Listener) error {
		defer context.AfterFunc(ctx, func() { l.Close() })()
		var wg sync.WaitGroup
		defer wg.Wait()
		for {
			c, err := l.Accept()
			if err != nil {
				return nil
			}
			wg.Go(func() {
				defer c.Close()
				fmt.Fprintln(c, word)
				stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
				defer stop()
				io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
				if ctx.Err() != nil {
					fmt.Fprintln(c, "bye")
				}
			})
		}
	}
}

func point(protocol, address, word string) Point {
	return Point{Protocol: protocol, Address: address, Serve: greets(word)}
}

// running is a board at work until the test ends.
func running(t *testing.T, points ...Point) (b *Board, stop func() error) {
	t.Helper()
	b = NewBoard(slog.New(slog.DiscardHandler))
	change(t, b, points...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return b, stop
}

func change(t *testing.T, b *Board, points ...Point) {
	t.Helper()
	c, err := b.Prepare(points)
	if err != nil {
		t.Fatal(err)
	}
	c.Apply()
}

// at is where a board listens for a protocol.
func at(t *testing.T, b *Board, protocol string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, s := range b.sockets {
		if k.protocol == protocol {
			return s.listener.Addr().String()
		}
	}
	t.Fatalf("nobody listens for %s", protocol)
	return ""
}

type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, address string) client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return client{t, c, bufio.NewReader(c)}
}

func (c client) hears(want string) {
	c.t.Helper()
	if got, err := c.r.ReadString('\n'); got != want+"\n" {
		c.t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

func (c client) says(word string) {
	c.t.Helper()
	fmt.Fprintln(c, word)
	c.hears(word)
}

// TestChange: who is connected stays with his server, and who comes gets the new one; a
// listener that is taken out keeps its clients and takes no more.
func TestChange(t *testing.T) {
	b, stop := running(t, point("a", "127.0.0.1:0", "one"), point("b", "127.0.0.1:0", "b"))
	a, gone := at(t, b, "a"), at(t, b, "b")
	first, other := dial(t, a), dial(t, gone)
	first.hears("one")
	other.hears("b")
	change(t, b, point("a", "127.0.0.1:0", "two"))
	if at(t, b, "a") != a {
		t.Error("the socket is another one")
	}
	second := dial(t, a)
	second.hears("two")
	for range 3 {
		first.says("still here")
		other.says("still here")
	}
	if c, err := net.Dial("tcp", gone); err == nil {
		c.Close()
		t.Error("a listener that was taken out takes clients")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, c := range []client{first, second, other} {
		c.hears("bye")
	}
}

// TestEditionEnds: a server that is not in force any more ends with its last client.
func TestEditionEnds(t *testing.T) {
	ended := make(chan struct{})
	p := point("a", "127.0.0.1:0", "one")
	serve := p.Serve
	p.Serve = func(ctx context.Context, l net.Listener) error { defer close(ended); return serve(ctx, l) }
	b, _ := running(t, p)
	c := dial(t, at(t, b, "a"))
	c.hears("one")
	change(t, b, point("a", "127.0.0.1:0", "two"))
	c.says("still here")
	select {
	case <-ended:
		t.Error("it ended before its client went")
	default:
	}
	c.Close()
	<-ended
}

// TestAllOrNone: where one address can't be had nothing is changed.
func TestAllOrNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	b, _ := running(t, point("a", "127.0.0.1:0", "one"))
	c, err := b.Prepare([]Point{point("b", "127.0.0.1:0", "b"), point("c", taken.Addr().String(), "c")})
	if err == nil {
		c.Cancel()
		t.Fatal("an address that is taken was opened")
	}
	if !strings.HasPrefix(err.Error(), "listen.c: listen tcp "+taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
	dial(t, at(t, b, "a")).hears("one")
	if len(b.sockets) != 1 {
		t.Errorf("%d sockets", len(b.sockets))
	}
}

// TestNetworks: who comes from elsewhere is sent away and counted.
func TestNetworks(t *testing.T) {
	p := point("a", "127.0.0.1:0", "one")
	p.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32"), netip.MustParsePrefix("10.0.0.0/8")}
	b, _ := running(t, p)
	counted := make(chan string, 1)
	b.Count(func(protocol string) { counted <- protocol })
	c := dial(t, at(t, b, "a"))
	if got, err := c.r.ReadString('\n'); err != io.EOF {
		t.Errorf("heard %q, %v", got, err)
	}
	if got := <-counted; got != "a" {
		t.Errorf("counted %q", got)
	}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	in, err := from.Dial("tcp", at(t, b, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	client{t, in, bufio.NewReader(in)}.hears("one")
}

// TestFails: a server that fails ends the board.
func TestFails(t *testing.T) {
	b := NewBoard(slog.New(slog.DiscardHandler))
	change(t, b, Point{Protocol: "a", Address: "127.0.0.1:0", Serve: func(context.Context, net.Listener) error { return os.ErrInvalid }})
	if err := b.Run(t.Context()); err == nil || err.Error() != "a on 127.0.0.1:0: invalid argument" {
		t.Errorf("got %v", err)
	}
}
