package test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatepost/test/machine"
)

// TestIdleConnections has clients greet and then say nothing, in the clear and inside TLS: 2,000, or with IDLE set 10,000.
// What each takes has a bound, mail flows by beside them, and they can go on.
func TestIdleConnections(t *testing.T) {
	n := 2000
	if os.Getenv("IDLE") != "" {
		n = 10_000
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < uint64(n)+200 {
		t.Skipf("no more than %d files may be open", files.Cur)
	}
	for name, c := range map[string]struct {
		secure bool
		most   int64 // octets for each
	}{"clear": {false, 40 << 10}, "TLS": {true, 100 << 10}} {
		t.Run(name, func(t *testing.T) {
			m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [spf]}]\n"+
				"limits: {connections: 20000, connections_per_network: 300, command_timeout: 30m}\n", flowZone)
			ann := domain(t, m, "test.example")
			mailFrom(t, m, goodClient, sender, note("first", "x"), ann).id(t)
			before := resident(t, m)
			clients := idlers(t, m, n, c.secure)
			with := resident(t, m)
			t.Logf("%d idle connections: %d MiB, %d before, %.1f KiB for each", n, with>>20, before>>20, float64(with-before)/float64(n)/1024)
			if with-before > int64(n)*c.most {
				t.Errorf("each takes more than %d KiB", c.most>>10)
			}
			mailFrom(t, m, goodClient, sender, note("beside", "x"), ann).id(t)
			for _, c := range clients[:min(n, 500)] {
				if _, err := io.WriteString(c, "NOOP\r\nQUIT\r\n"); err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(c); err != nil || string(b) != "250 2.0.0 ok\r\n221 2.0.0 bye\r\n" {
					t.Fatalf("one that goes on hears %q, %v", b, err)
				}
			}
			if got := len(box(t, m, ann, "INBOX")); got != 2 {
				t.Errorf("the inbox has %d messages, want 2", got)
			}
		})
	}
}

func resident(t *testing.T, m *machine.Machine) int64 {
	t.Helper()
	n, err := m.Memory()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// idlers are clients that have said EHLO, from many networks.
func idlers(t *testing.T, m *machine.Machine, n int, secure bool) []net.Conn {
	t.Helper()
	list := make([]net.Conn, n)
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for failed.Load() == 0 {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				c, err := idler(m, i, secure)
				if err != nil {
					failed.Add(1)
					t.Errorf("client %d: %v", i, err)
					return
				}
				list[i] = c
				t.Cleanup(func() { c.Close() })
			}
		})
	}
	wg.Wait()
	if failed.Load() > 0 {
		t.FailNow()
	}
	return list
}

// idler greets as client i.
func idler(m *machine.Machine, i int, secure bool) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Minute, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/250), byte(1+i%250))}}
	c, err := d.Dial("tcp", m.SMTP)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(10 * time.Minute))
	if err := converse(c, "", "220 "); err != nil {
		return nil, err
	}
	if secure {
		if err := errors.Join(converse(c, "EHLO x.example\r\n", "250 "), converse(c, "STARTTLS\r\n", "220 ")); err != nil {
			return nil, err
		}
		t := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // made by itself
		if err := t.Handshake(); err != nil {
			return nil, err
		}
		c = t
	}
	return c, converse(c, "EHLO x.example\r\n", "250 ")
}

// converse says something and reads up to the line that begins with want.
func converse(c net.Conn, says, want string) error {
	if _, err := io.WriteString(c, says); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c, 1024)
	for {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return fmt.Errorf("after %q: %w", says, err)
		case len(line) > 4 && line[:4] == want:
			return nil
		case line[3] != '-' && line[0] != '2':
			return fmt.Errorf("after %q: %s", says, line)
		}
	}
}
