package resolvetest

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const testZone = `
example.org.      TXT   "v=spf1 -all"
example.org.      SOA   ns.example.org. root.example.org. 1 2 3 4 17
www.example.org.  CNAME host.example.org.
host.example.org. A     192.0.2.1
a.b.deep.test.    A     192.0.2.2
*.wild.test.      A     192.0.2.3
!servfail broken.test.
!servfail *.below.test.
!refuse   closed.test.
!timeout  silent.test.
!truncate big.test.
big.test.         A     192.0.2.4
!lame     lame.test.
!delay    slow.test. 10ms
slow.test.        A     192.0.2.5
`

func TestServer(t *testing.T) {
	s, err := Serve(testZone)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cases := []struct {
		name, net, ask string
		typ            uint16
		want           string
	}{
		{"text", "udp", "EXAMPLE.org.", dns.TypeTXT, "NOERROR v=spf1 -all"},
		{"no data", "udp", "example.org.", dns.TypeA, "NOERROR soa 17"},
		{"no name", "udp", "nobody.test.", dns.TypeA, "NXDOMAIN soa 60"},
		{"name between", "udp", "b.deep.test.", dns.TypeA, "NOERROR soa 60"},
		{"alias", "udp", "www.example.org.", dns.TypeA, "NOERROR host.example.org. 192.0.2.1"},
		{"wildcard", "tcp", "x.y.wild.test.", dns.TypeA, "NOERROR 192.0.2.3"},
		{"servfail", "udp", "broken.test.", dns.TypeA, "SERVFAIL"},
		{"servfail below", "udp", "x.y.below.test.", dns.TypeA, "SERVFAIL"},
		{"no servfail below", "udp", "x.broken.test.", dns.TypeA, "NXDOMAIN"},
		{"refused", "udp", "closed.test.", dns.TypeA, "REFUSED"},
		{"truncated", "udp", "big.test.", dns.TypeA, "NOERROR cut"},
		{"truncated, by TCP", "tcp", "big.test.", dns.TypeA, "NOERROR 192.0.2.4"},
		{"lame", "udp", "lame.test.", dns.TypeA, "NOERROR ns elsewhere.invalid."},
		{"slow", "udp", "slow.test.", dns.TypeA, "NOERROR 192.0.2.5"},
		{"silent", "udp", "silent.test.", dns.TypeA, "i/o timeout"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := &dns.Client{Net: c.net, Timeout: 300 * time.Millisecond}
			m, _, err := client.Exchange(new(dns.Msg).SetQuestion(c.ask, c.typ), s.Addr)
			if got := describe(m, err); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if n := s.Asked("broken.test", "A"); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func describe(m *dns.Msg, err error) string {
	if err != nil {
		return err.Error()
	}
	words := []string{dns.RcodeToString[m.Rcode]}
	if m.Truncated {
		words = append(words, "cut")
	}
	for _, rr := range append(m.Answer, m.Ns...) {
		switch rr := rr.(type) {
		case *dns.A:
			words = append(words, rr.A.String())
		case *dns.TXT:
			words = append(words, rr.Txt...)
		case *dns.CNAME:
			words = append(words, rr.Target)
		case *dns.NS:
			words = append(words, "ns", rr.Ns)
		case *dns.SOA:
			words = append(words, "soa", strconv.Itoa(int(rr.Minttl)))
		}
	}
	return strings.Join(words, " ")
}

func TestBadZones(t *testing.T) {
	for _, text := range []string{"example.org. TXT", "!servfail", "!explode a.test.", "!delay a.test. soon"} {
		if s, err := Serve(text); err == nil {
			s.Close()
			t.Errorf("zone %q was taken", text)
		}
	}
}

func FuzzZone(f *testing.F) {
	f.Add(testZone, "www.example.org.")
	f.Add("a.test. CNAME b.test.\nb.test. CNAME a.test.", "a.test.")
	f.Fuzz(func(t *testing.T, text, name string) {
		if strings.Contains(text, "$") { // $GENERATE makes as much as it likes, $INCLUDE is off
			return
		}
		z, err := parse(text)
		if err != nil {
			return
		}
		z.faultOf(name)
		z.answer(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA))
	})
}
