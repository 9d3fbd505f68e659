package zone

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"gatepost/dnsbl"
)

// serve serves a zone on a free port until the test ends.
func serve(t *testing.T, z Zone) (addr string, s *Server) {
	t.Helper()
	s = newServer(t, z, nil)
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l.Addr().String(), s
}

// resolverOf asks one server only.
func resolverOf(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

// TestOurClientIsContent asks our zone as package dnsbl asks those of others.
func TestOurClientIsContent(t *testing.T) {
	addr, _ := serve(t, example())
	r := resolverOf(addr)
	for _, kind := range []string{"deny", "domain"} {
		l, err := dnsbl.NewList("bl.example.org", kind, 1, false, []string{"127.0.0.2-4"})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Probe(t.Context(), r); err != nil {
			t.Error(err)
		}
		for _, c := range []struct {
			addr, domain string
			want         dnsbl.State
		}{{"192.0.2.9", "evil.example", dnsbl.Hit}, {"2001:db8::7", "www.spam.example", dnsbl.Hit}, {"198.51.100.1", "good.example", dnsbl.Miss}} {
			a := dnsbl.Ask(t.Context(), r, []dnsbl.List{l}, dnsbl.Subject{Addr: netip.MustParseAddr(c.addr), Domains: []string{c.domain}})[0]
			if a.State != c.want {
				t.Errorf("%s: %s", kind, a)
			}
		}
	}
}

// TestTools asks with programs that admins use.
func TestTools(t *testing.T) {
	addr, _ := serve(t, example())
	_, port, _ := net.SplitHostPort(addr)
	cases := []struct {
		name string
		line []string
		want []string
	}{
		{"drill", []string{"drill", "-p", port, "@127.0.0.1", "7.2.0.192.bl.example.org", "A"}, []string{"NOERROR", "127.0.0.2", "aa"}},
		{"drill over TCP", []string{"drill", "-t", "-p", port, "@127.0.0.1", "7.2.0.192.bl.example.org", "TXT"}, []string{"blocked here; see https://example.org/why?q=192.0.2.7"}},
		{"drill, not listed", []string{"drill", "-p", port, "@127.0.0.1", "7.3.0.192.bl.example.org", "A"}, []string{"NXDOMAIN", "SOA"}},
		{"drill, the zone", []string{"drill", "-p", port, "@127.0.0.1", "bl.example.org", "AXFR"}, []string{"REFUSED"}},
		{"kdig", []string{"kdig", "-p", port, "@127.0.0.1", "+dnssec", "+bufsize=4096", "bl.example.org", "SOA"}, []string{"NOERROR", "ns1.example.org. hostmaster.example.org.", "UDP size: 1232"}},
		{"kdig over TCP", []string{"kdig", "-p", port, "@127.0.0.1", "+tcp", "evil.example.bl.example.org", "ANY"}, []string{"127.0.0.2"}},
		{"kdig transfers", []string{"kdig", "-p", port, "@127.0.0.1", "bl.example.org", "AXFR"}, []string{"REFUSED"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.line[0]); err != nil {
				t.Skip(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, c.line[0], c.line[1:]...).CombinedOutput()
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q (%v) in\n%s", want, err, out)
				}
			}
		})
	}
}

// TestTCP holds that several questions are answered in turn on one connection, and that what
// is no question ends it.
func TestTCP(t *testing.T) {
	addr, s := serve(t, example())
	c, err := dns.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	names := []string{"7.2.0.192.bl.example.org.", "evil.example.bl.example.org.", "bl.example.org."}
	for _, name := range names {
		if err := c.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeANY)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if m, err := c.ReadMsg(); err != nil || m.Question[0].Name != name || len(m.Answer) != 1 {
			t.Fatalf("%s: %v, %v", name, m, err)
		}
	}
	m := new(dns.Msg).SetQuestion(names[0], dns.TypeA)
	m.Response = true
	if err := c.WriteMsg(m); err != nil {
		t.Fatal(err)
	}
	if m, err := c.ReadMsg(); err == nil {
		t.Errorf("an answer was answered with %v", m)
	}
	if got := s.Counts(); got["listed"] != 2 || got["apex"] != 1 || got["dropped"] != 1 {
		t.Errorf("counts %v", got)
	}
}

// TestSeats holds that one network does not get all connections.
func TestSeats(t *testing.T) {
	s := newSeats()
	var leave func()
	for i := range maxFromNetwork {
		var ok bool
		if leave, ok = s.take(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})); !ok {
			t.Fatalf("no seat %d", i)
		}
	}
	other := netip.MustParseAddr("198.51.100.1")
	if _, ok := s.take(client); !ok {
		t.Error("no seat for another network")
	}
	if _, ok := s.take(netip.MustParseAddr("192.0.2.99")); ok {
		t.Error("a seat too many for a network")
	}
	leave()
	if _, ok := s.take(netip.MustParseAddr("192.0.2.99")); !ok {
		t.Error("no seat after one left")
	}
	taken := 0
	for i := range maxConnections {
		if _, ok := s.take(netip.AddrFrom4([4]byte{10, byte(i), 0, 1})); ok {
			taken++
		}
	}
	if _, ok := s.take(other); ok || taken != maxConnections-maxFromNetwork-1 {
		t.Errorf("%d seats, and one more: %v", taken, ok)
	}
}

// TestPortTaken holds that a second server on the same port is told so.
func TestPortTaken(t *testing.T) {
	addr, _ := serve(t, example())
	if l, err := Listen(t.Context(), addr); err == nil {
		l.Close()
		t.Error("two servers on one port")
	}
}

// TestIdle holds that a client that says nothing, or half of something, is let go.
func TestIdle(t *testing.T) {
	for _, said := range []string{"", "\x00", "\x00\x1dhalf"} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, example(), nil)
			near, far := net.Pipe()
			defer near.Close()
			begun, ended := time.Now(), make(chan struct{})
			go func() {
				defer close(ended)
				s.converse(far, client)
			}()
			if _, err := near.Write([]byte(said)); err != nil {
				t.Fatal(err)
			}
			<-ended
			if took := time.Since(begun); took != idleTime {
				t.Errorf("%q: let go after %v, want %v", said, took, idleTime)
			}
		})
	}
}
