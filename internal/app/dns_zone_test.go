package app

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gatepost/internal/config"
	"gatepost/internal/directory"
)

// TestZone publishes the lists of a node that runs, as they are at each moment.
func TestZone(t *testing.T) {
	addr := freePort(t)
	c := zoneConfig(t, addr, "dnsbl_zone.publish=entries,bans")
	a, err := New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.run(ctx, func() { close(ready) }); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	<-ready
	add := func(list directory.List, value string, expires time.Time) directory.Entry {
		t.Helper()
		e, err := a.directory.AddEntry(t.Context(), directory.Entry{List: list, Value: value, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	add(directory.Block, "192.0.2.0/24", time.Time{})
	add(directory.Allow, "192.0.2.9", time.Time{})
	add(directory.Block, "mail.deep.example", time.Time{})
	add(directory.Block, ".spam.example", time.Time{})
	add(directory.Block, "ann@evil.example", time.Time{})
	add(directory.Block, "2001:db8::/32", time.Now().Add(-time.Hour))
	gone := add(directory.Block, "198.51.100.1", time.Time{})
	if err := a.directory.RemoveEntry(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	if err := a.bans.Impose(t.Context(), netip.MustParseAddr("198.51.100.66"), "honeypot", "a test"); err != nil {
		t.Fatal(err)
	}
	if err := a.bans.Impose(t.Context(), netip.MustParseAddr("192.0.2.66"), "honeypot", "a test"); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, question, want string }{
		{"banned", "66.100.51.198", "NOERROR 127.0.0.3"},
		{"banned and blocked", "66.2.0.192", "NOERROR 127.0.0.2 127.0.0.3"},
		{"a network", "7.2.0.192", "NOERROR 127.0.0.2"},
		{"allowed in it", "9.2.0.192", "NXDOMAIN"},
		{"a domain", "mail.deep.example", "NOERROR 127.0.0.2"},
		{"above it", "deep.example", "NOERROR"},
		{"below", "www.spam.example", "NOERROR 127.0.0.2"},
		{"an address's domain", "evil.example", "NXDOMAIN"},
		{"expired", "1" + strings.Repeat(".0", 23) + ".8.b.d.0.1.0.0.2", "NXDOMAIN"},
		{"removed", "1.100.51.198", "NXDOMAIN"},
		{"the test point", "2.0.0.127", "NOERROR 127.0.0.2"},
	}
	for _, q := range cases {
		if got := askZone(t, addr, q.question+".bl.example.org.", dns.TypeA); got != q.want {
			t.Errorf("%s: got %s, want %s", q.name, got, q.want)
		}
	}
	before := askZone(t, addr, "bl.example.org.", dns.TypeSOA)
	add(directory.Block, "203.0.113.1", time.Time{})
	if after := askZone(t, addr, "bl.example.org.", dns.TypeSOA); after == before {
		t.Errorf("the serial stays %s", after)
	}
	c2 := zoneConfig(t, addr, "dnsbl_zone.allow=192.0.2.0/24", "data="+c.Data)
	if _, err := a.Reload(c2); err != nil {
		t.Fatal(err)
	}
	if got := askZone(t, addr, "7.2.0.192.bl.example.org.", dns.TypeA); got != "REFUSED" {
		t.Errorf("after a reload without us: %s", got)
	}
}

func zoneConfig(t *testing.T, addr string, sets ...string) *config.Config {
	t.Helper()
	off := []string{
		"data=" + t.TempDir(), "hostname=mx.example.org", "listen.smtp=", "listen.submission=", "listen.imap=", "listen.pop3=", "listen.sieve=", "listen.web=", "resolver.servers=127.0.0.1:1",
		"listen.dns=" + addr, "dnsbl_zone.origin=bl.example.org",
	}
	c, err := config.Load("", append(off, sets...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// askZone returns the code and the data of an answer.
func askZone(t *testing.T, addr, name string, typ uint16) string {
	t.Helper()
	m, err := dns.Exchange(new(dns.Msg).SetQuestion(name, typ), addr)
	if err != nil {
		t.Fatal(err)
	}
	got := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		got += " " + strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	return got
}
