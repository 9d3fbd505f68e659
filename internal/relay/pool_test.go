package relay

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// keptClient is a connection to a target, and what the server heard when it is over.
func keptClient(t target) (c *client, heard <-chan string) {
	near, far := net.Pipe()
	end := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(far).ReadString('\n')
		far.Write([]byte("221 bye\r\n"))
		far.Close()
		end <- line
	}()
	return &client{target: t, conn: near, r: bufio.NewReader(near), w: bufio.NewWriter(near), release: func() bool { return true }}, end
}

// A connection that is kept and that nobody takes is said goodbye to after its time, which begins anew each time that it is kept; those beside
// it stay.
func TestPoolForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{now: time.Now}
		to := target{host: "h", addr: netip.MustParseAddrPort("192.0.2.1:25")}
		a, ofA := keptClient(to)
		b, ofB := keptClient(to)
		p.put(a)
		time.Sleep(keepFor - time.Second)
		if got := p.take(to); got != a {
			t.Fatal("within its time it is not there")
		}
		p.put(a)
		time.Sleep(keepFor / 2) // behind the end of its first time
		synctest.Wait()
		if len(ofA) > 0 {
			t.Fatal("the first one is said goodbye to while it is kept")
		}
		p.put(b)
		time.Sleep(keepFor/2 + time.Second)
		synctest.Wait()
		select {
		case line := <-ofA:
			if line != "QUIT\r\n" {
				t.Errorf("the first one heard %q", line)
			}
		default:
			t.Error("the first one is kept for ever")
		}
		if got := p.take(to); got != b {
			t.Error("the one beside it is gone")
		}
		if p.take(to) != nil || len(p.idle) != 0 || p.kept != 0 {
			t.Errorf("left: %v, %d", p.idle, p.kept)
		}
		p.put(b)
		p.close()
		if line := <-ofB; !strings.HasPrefix(line, "QUIT") {
			t.Errorf("the second one heard %q", line)
		}
	})
}

// What it sends from is of the target's family.
func TestSource(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	for _, c := range []struct {
		to, from string // of the target
		own      []netip.Addr
		want     string
	}{
		{"198.51.100.1:25", "", own, "192.0.2.1:0"},
		{"[2001:db8::99]:25", "", own, "[2001:db8::1]:0"},
		{"[2001:db8::99]:25", "", own[:1], ""},
		{"198.51.100.1:25", "", own[1:], ""},
		{"198.51.100.1:25", "192.0.2.9", own, "192.0.2.9:0"},
	} {
		to := target{addr: netip.MustParseAddrPort(c.to)}
		if c.from != "" {
			to.source = netip.MustParseAddr(c.from)
		}
		got := ""
		if a := (&Relay{c: Config{Source: c.own}}).source(to); a != nil {
			got = a.String()
		}
		if got != c.want {
			t.Errorf("to %s, from %q of %v: got %q, want %q", c.to, c.from, c.own, got, c.want)
		}
	}
}
