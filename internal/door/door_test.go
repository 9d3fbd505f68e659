package door

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// opened serves a door on loopback whose sessions say hello and then what they hear.
func opened(t *testing.T, change func(*Door)) (*Door, string) {
	t.Helper()
	d := &Door{
		Protocol: "test", Log: slog.New(slog.DiscardHandler),
		TurnedAway: func(r Refusal, reason string) string { return fmt.Sprintf("no %d %s", r, reason) },
		Session: func(_ context.Context, c *Conn) {
			io.WriteString(c, "hello")
			var b [1]byte
			_, err := c.Read(b[:])
			if errors.Is(err, ErrInterrupted) {
				io.WriteString(c, "bye")
			}
		},
	}
	if change != nil {
		change(d)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := errors.Join(d.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return d, l.Addr().String()
}

func hear(t *testing.T, nc net.Conn, n int) string {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(2 * time.Minute))
	b := make([]byte, n)
	got, _ := io.ReadFull(nc, b)
	return string(b[:got])
}

func come(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// TestPlaces: who is one too many hears so, and the place of who went is free again.
func TestPlaces(t *testing.T) {
	_, addr := opened(t, func(d *Door) { d.Limits.PerIP = 1 })
	first := come(t, addr)
	if got := hear(t, first, 5); got != "hello" {
		t.Fatalf("got %q", got)
	}
	if got := hear(t, come(t, addr), 99); got != "no 0 Too many connections from your address" {
		t.Errorf("got %q", got)
	}
	first.Close()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if hear(t, come(t, addr), 5) == "hello" {
			return
		}
	}
	t.Error("the place stays taken")
}

// TestPlacesOfMailboxes: who has logged in counts for his mailbox, and not for the address behind which an office may be; who is
// nobody again counts for that again.
func TestPlacesOfMailboxes(t *testing.T) {
	_, addr := opened(t, func(d *Door) {
		d.Limits.PerIP, d.Limits.PerLogin = 1, 2
		d.Session = func(_ context.Context, c *Conn) {
			in := bufio.NewReader(c)
			for io.WriteString(c, "hello"); ; {
				switch said, _ := in.ReadString('\n'); said {
				case "in\n":
					fmt.Fprintf(c, "%5t", c.Claim(7))
				case "out\n":
					c.Release()
					io.WriteString(c, "-out-")
				default:
					return
				}
			}
		}
	})
	say := func(nc net.Conn, text, want string) {
		t.Helper()
		io.WriteString(nc, text)
		if got := hear(t, nc, 5); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	ann := come(t, addr)
	say(ann, "", "hello")
	say(ann, "in\n", " true")
	bob := come(t, addr)
	say(bob, "", "hello")
	say(come(t, addr), "", "no 0 ")
	say(bob, "in\n", " true")
	eve := come(t, addr)
	say(eve, "", "hello")
	say(eve, "in\n", "false")
	eve.Close()
	say(bob, "out\n", "-out-")
	say(come(t, addr), "", "no 0 ")
	say(bob, "in\n", " true")
}

// TestRefused: whom the node keeps out hears why.
func TestRefused(t *testing.T) {
	_, addr := opened(t, func(d *Door) { d.Refuse = func(netip.Addr) string { return "banned" } })
	if got := hear(t, come(t, addr), 99); got != "no 1 banned" {
		t.Errorf("got %q", got)
	}
}

// TestPanic: a session that panics ends, and the next one is served.
func TestPanic(t *testing.T) {
	_, addr := opened(t, func(d *Door) { d.Session = func(_ context.Context, c *Conn) { io.WriteString(c, "x"); panic("oh") } })
	for range 2 {
		if got := hear(t, come(t, addr), 99); got != "x" {
			t.Errorf("got %q", got)
		}
	}
}

// TestShutdown: a session that waits says good-bye.
func TestShutdown(t *testing.T) {
	d, addr := opened(t, nil)
	nc := come(t, addr)
	if got := hear(t, nc, 5); got != "hello" {
		t.Fatalf("got %q", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := d.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if got := hear(t, nc, 99); got != "bye" {
		t.Errorf("got %q", got)
	}
}

// TestLoginLimit: who does not log in is not waited for, however often he speaks.
func TestLoginLimit(t *testing.T) {
	_, addr := opened(t, func(d *Door) {
		d.Limits.Login = 200 * time.Millisecond
		d.Session = func(_ context.Context, c *Conn) {
			var b [1]byte
			for {
				if _, err := c.Read(b[:]); err != nil {
					io.WriteString(c, "late")
					return
				}
			}
		}
	})
	nc := come(t, addr)
	go func() {
		for {
			if _, err := nc.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if got := hear(t, nc, 4); got != "late" {
		t.Errorf("got %q", got)
	}
}
