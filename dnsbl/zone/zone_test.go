package zone

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A source lists what is written in it: networks, domains, and ".domain" for what is below.
type source []string

func (s source) Addr(a netip.Addr) bool {
	return slices.ContainsFunc(s, func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err == nil && p.Contains(a)
	})
}

func (s source) Domain(name string) bool {
	return slices.ContainsFunc(s, func(text string) bool {
		return text == name || text[0] == '.' && strings.HasSuffix(name, text)
	})
}

func (s source) Below(name string) bool {
	return slices.ContainsFunc(s, func(text string) bool {
		return strings.HasSuffix(text, "."+name)
	})
}

var (
	loopbackOnly = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	client       = netip.MustParseAddr("127.0.0.1")
)

func example() Zone {
	return Zone{
		Origin: "bl.example.org", Servers: []string{"ns1.example.org", "ns2.example.net"}, Contact: "hostmaster@example.org",
		TTL: 5 * time.Minute, Negative: time.Minute, Allow: loopbackOnly, URL: "https://example.org/why?q=%s",
		Serial: func() uint32 { return 7 },
		Feeds: []Feed{
			{Code: 2, Text: "blocked here", Source: source{"192.0.2.0/24", "2001:db8::/32", "evil.example", "mail.deep.example", ".spam.example", "127.0.0.0/8"}},
			{Code: 3, Text: "banned for now", Source: Addrs(func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.9") })},
		},
	}
}

func newServer(t testing.TB, z Zone, now func() time.Time) *Server {
	t.Helper()
	s, err := New(z, slog.New(slog.DiscardHandler), now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask puts a question as a packet and returns the answer, nil where none comes.
func ask(t testing.TB, s *Server, packet []byte, from netip.Addr) *dns.Msg {
	t.Helper()
	var r reply
	b := s.datagram(&r, nil, packet, from)
	if len(b) == 0 {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("the answer %x: %v", b, err)
	}
	return m
}

// words writes an answer in a line: code, flags, records.
func words(m *dns.Msg) string {
	if m == nil {
		return "silence"
	}
	w := []string{dns.RcodeToString[m.Rcode]}
	if m.Rcode == dns.RcodeBadVers { // shares its number with BADSIG
		w[0] = "BADVERS"
	}
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionAvailable, "ra"}} {
		if f.set {
			w = append(w, f.name)
		}
	}
	for _, rr := range m.Answer {
		text := strings.TrimPrefix(rr.String(), rr.Header().String())
		if rr.Header().Rrtype == dns.TypeSOA {
			text = fmt.Sprint(rr.(*dns.SOA).Serial)
		}
		w = append(w, fmt.Sprint(rr.Header().Ttl), dns.TypeToString[rr.Header().Rrtype], text)
	}
	for _, rr := range m.Ns {
		w = append(w, "| "+rr.Header().Name, fmt.Sprint(rr.Header().Ttl), dns.TypeToString[rr.Header().Rrtype])
	}
	return strings.Join(w, " ")
}

const soa = " | bl.example.org. 60 SOA"

func TestAnswers(t *testing.T) {
	const v6, tail = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2", ".bl.example.org."
	cases := []struct{ name, question, want string }{
		{"listed", "7.2.0.192" + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"listed, in capitals", "7.2.0.192.BL.Example.ORG. A", "NOERROR aa 300 A 127.0.0.2"},
		{"listed by two", "9.2.0.192" + tail + " A", "NOERROR aa 300 A 127.0.0.2 300 A 127.0.0.3"},
		{"why", "7.2.0.192" + tail + " TXT", `NOERROR aa 300 TXT "blocked here; see https://example.org/why?q=192.0.2.7"`},
		{"any is one kind", "7.2.0.192" + tail + " ANY", "NOERROR aa 300 A 127.0.0.2"},
		{"listed, another type", "7.2.0.192" + tail + " AAAA", "NOERROR aa" + soa},
		{"not listed", "7.3.0.192" + tail + " A", "NXDOMAIN aa" + soa},
		{"not listed, why", "7.3.0.192" + tail + " TXT", "NXDOMAIN aa" + soa},
		{"IPv6", v6 + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"IPv6 in capitals", strings.ToUpper(v6) + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"IPv6, not listed", "1" + strings.Repeat(".0", 31) + tail + " A", "NXDOMAIN aa" + soa},
		{"IPv6, why", v6 + tail + " TXT", `NOERROR aa 300 TXT "blocked here; see https://example.org/why?q=2001:db8::1"`},
		{"a part of an address", "0.192" + tail + " A", "NOERROR aa" + soa},
		{"a part of an IPv6 address", "8.b.d.0.1.0.0.2" + tail + " A", "NOERROR aa" + soa},
		{"IPv4 that is a part of IPv6", "1.0.0.2" + tail + " A", "NOERROR aa" + soa},
		{"below an address", "x.7.2.0.192" + tail + " A", "NXDOMAIN aa" + soa},
		{"octet too large", "7.2.0.256" + tail + " A", "NXDOMAIN aa" + soa},
		{"zeros before", "07.2.0.192" + tail + " A", "NXDOMAIN aa" + soa},
		{"33 nibbles", "1." + v6 + tail + " A", "NXDOMAIN aa" + soa},
		{"domain", "EVIL.example" + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"domain, why", "evil.example" + tail + " TXT", `NOERROR aa 300 TXT "blocked here; see https://example.org/why?q=evil.example"`},
		{"below a domain", "www.evil.example" + tail + " A", "NXDOMAIN aa" + soa},
		{"below, with all that is", "a.b.spam.example" + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"above them", "spam.example" + tail + " A", "NOERROR aa" + soa},
		{"above a listed one", "deep.example" + tail + " A", "NOERROR aa" + soa},
		{"one label", "example" + tail + " A", "NOERROR aa" + soa},
		{"domain, not listed", "good.example" + tail + " A", "NXDOMAIN aa" + soa},
		{"no domain", `a\.b.example` + tail + " A", "NXDOMAIN aa" + soa},
		{"test point", "2.0.0.127" + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"test point, why", "2.0.0.127" + tail + " TXT", `NOERROR aa 300 TXT "test entry of this list (RFC 5782); see https://example.org/why?q=127.0.0.2"`},
		{"never listed", "1.0.0.127" + tail + " A", "NXDOMAIN aa" + soa},
		{"IPv6 test point", "2.0.0.0.0.0.f.7.f.f.f.f" + strings.Repeat(".0", 20) + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"IPv6, never listed", "1.0.0.0.0.0.f.7.f.f.f.f" + strings.Repeat(".0", 20) + tail + " A", "NXDOMAIN aa" + soa},
		{"domain test point", "TEST" + tail + " A", "NOERROR aa 300 A 127.0.0.2"},
		{"domain, never listed", "INVALID" + tail + " A", "NXDOMAIN aa" + soa},
		{"apex SOA", "bl.example.org. SOA", "NOERROR aa 300 SOA 7"},
		{"apex NS", "bl.example.org. NS", "NOERROR aa 300 NS ns1.example.org. 300 NS ns2.example.net."},
		{"apex any", "bl.example.org. ANY", "NOERROR aa 300 SOA 7"},
		{"apex A", "bl.example.org. A", "NOERROR aa" + soa},
		{"outside", "7.2.0.192.other.example. A", "REFUSED"},
		{"above", "example.org. SOA", "REFUSED"},
		{"ends alike", "xbl.example.org. A", "REFUSED"},
		{"ends alike, over labels", "bl.example.org.example.org. A", "REFUSED"},
		{"root", ". NS", "REFUSED"},
		{"transfer", "bl.example.org. AXFR", "REFUSED"},
		{"transfer of changes", "bl.example.org. IXFR", "REFUSED"},
		{"meta type", "bl.example.org. MAILB", "NOTIMP"},
	}
	s := newServer(t, example(), nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			name, typ, _ := strings.Cut(c.question, " ")
			m := new(dns.Msg).SetQuestion(name, dns.StringToType[typ])
			packet, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			a := ask(t, s, packet, client)
			if got := words(a); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if a.Id != m.Id || len(a.Question) != 1 || a.Question[0] != m.Question[0] || !a.RecursionDesired {
				t.Errorf("the answer is not to the question: %v", a)
			}
		})
	}
}

// TestPackets puts questions that are out of the ordinary.
func TestPackets(t *testing.T) {
	question := func(change func(*dns.Msg)) []byte {
		m := new(dns.Msg).SetQuestion("7.2.0.192.bl.example.org.", dns.TypeA)
		change(m)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	opt := func(version uint8, size uint16, do bool) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.SetEdns0(size, do)
			m.IsEdns0().SetVersion(version)
		}
	}
	plain := question(func(*dns.Msg) {})
	cases := []struct {
		name   string
		packet []byte
		from   string
		want   string
		edns   string
	}{
		{"EDNS", question(opt(0, 4096, true)), "", "NOERROR aa 300 A 127.0.0.2", "1232 do"},
		{"EDNS version 1", question(opt(1, 4096, false)), "", "BADVERS", "1232"},
		{"two OPT records", question(func(m *dns.Msg) { opt(0, 512, false)(m); m.Extra = append(m.Extra, m.Extra[0]) }), "", "FORMERR", ""},
		{"refused, EDNS", question(opt(0, 4096, false)), "192.0.2.1", "REFUSED", "1232"},
		{"a stranger", plain, "192.0.2.1", "REFUSED", ""},
		{"another class", question(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), "", "REFUSED", ""},
		{"two questions", question(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), "", "FORMERR", ""},
		{"no question", question(func(m *dns.Msg) { m.Question = nil }), "", "FORMERR", ""},
		{"notify", question(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), "", "NOTIMP", ""},
		{"update", question(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), "", "NOTIMP", ""},
		{"an answer", question(func(m *dns.Msg) { m.Response = true }), "", "silence", ""},
		{"an answer in it", question(func(m *dns.Msg) { m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: ".", Rrtype: 1, Class: 1}}} }), "", "FORMERR", ""},
		{"IXFR with its SOA", question(func(m *dns.Msg) { m.SetIxfr("bl.example.org.", 1, "a.", "b.") }), "", "REFUSED", ""},
		{"TSIG beside", question(func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 1) }), "", "NOERROR aa 300 A 127.0.0.2", ""},
		{"short", plain[:11], "", "silence", ""},
		{"cut in the name", plain[:20], "", "FORMERR", ""},
		{"cut before the class", plain[:len(plain)-2], "", "FORMERR", ""},
		{"more behind", append(slices.Clone(plain), 0), "", "FORMERR", ""},
		{"a pointer as the name", append(slices.Clone(plain[:12]), 0xc0, 12, 0, 1, 0, 1), "", "FORMERR", ""},
		{"a name without end", append(slices.Clone(plain[:12]), []byte(strings.Repeat("\x01a", 200))...), "", "FORMERR", ""},
	}
	s := newServer(t, example(), nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			from := client
			if c.from != "" {
				from = netip.MustParseAddr(c.from)
			}
			a := ask(t, s, c.packet, from)
			if got := words(a); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			edns := ""
			if a != nil && a.IsEdns0() != nil {
				edns = fmt.Sprint(a.IsEdns0().UDPSize())
				if a.IsEdns0().Do() {
					edns += " do"
				}
			}
			if edns != c.edns {
				t.Errorf("EDNS: got %q, want %q", edns, c.edns)
			}
		})
	}
}

// TestTooLong holds that what does not fit says so, and that who takes more gets it whole.
func TestTooLong(t *testing.T) {
	z := example()
	for i := range maxFeeds - len(z.Feeds) {
		z.Feeds = append(z.Feeds, Feed{Code: byte(10 + i), Text: strings.Repeat("long ", 30), Source: source{"192.0.2.0/24"}})
	}
	s := newServer(t, z, nil)
	m := new(dns.Msg).SetQuestion("7.2.0.192.bl.example.org.", dns.TypeTXT)
	packet, _ := m.Pack()
	if got := words(ask(t, s, packet, client)); got != "NOERROR aa tc" {
		t.Errorf("got %s", got)
	}
	var r reply
	r.zone = s.zone.Load()
	var whole dns.Msg
	if err := whole.Unpack(r.answer(nil, packet, client, true)); err != nil || len(whole.Answer) != maxFeeds-1 {
		t.Errorf("%d records over TCP, %v", len(whole.Answer), err)
	}
}

// TestRate holds that a network gets so many answers in a second, and a way on to TCP.
func TestRate(t *testing.T) {
	z := example()
	z.PerSecond, z.Allow = 10, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	now := time.Unix(1000, 0)
	s := newServer(t, z, func() time.Time { return now })
	packet, _ := new(dns.Msg).SetQuestion("7.2.0.192.bl.example.org.", dns.TypeTXT).Pack()
	count := func(addr string) (whole, truncated, silence int) {
		for range 30 {
			switch a := ask(t, s, packet, netip.MustParseAddr(addr)); {
			case a == nil:
				silence++
			case a.Truncated && len(a.Answer) == 0:
				truncated++
			default:
				whole++
			}
		}
		return
	}
	for _, c := range []struct {
		name, addr string
		later      time.Duration
		whole      int
	}{
		{"first", "198.51.100.1", 0, 10},
		{"the same network", "198.51.100.200", 0, 0},
		{"another", "203.0.113.1", 0, 10},
		{"IPv6", "2001:db8::1", 0, 10},
		{"the same /56", "2001:db8::ff:0:0:1", 0, 0},
		{"a second later", "198.51.100.1", time.Second, 10},
	} {
		now = now.Add(c.later)
		whole, truncated, silence := count(c.addr)
		if rest := 30 - c.whole; whole != c.whole || truncated != rest/2 || silence != rest/2 {
			t.Errorf("%s: %d whole, %d truncated, %d not answered", c.name, whole, truncated, silence)
		}
	}
	if got := s.Counts(); got["limited"] != 20+30+20+20+30+20 {
		t.Errorf("counts %v", got)
	}
}

func TestBadZones(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Zone)
		want   string
	}{
		{"no origin", func(z *Zone) { z.Origin = "" }, "origin"},
		{"an address", func(z *Zone) { z.Origin = "[192.0.2.1]" }, "origin"},
		{"no room for IPv6", func(z *Zone) { z.Origin = strings.Repeat("long.", 40) + "example" }, "too long"},
		{"no servers", func(z *Zone) { z.Servers = nil }, "name servers"},
		{"a server inside", func(z *Zone) { z.Servers = []string{"ns.BL.example.org"} }, "inside"},
		{"no contact", func(z *Zone) { z.Contact = "example.org" }, "contact"},
		{"an odd contact", func(z *Zone) { z.Contact = `"a b"@example.org` }, "contact"},
		{"TTL", func(z *Zone) { z.TTL = -1 }, "TTL"},
		{"negative TTL", func(z *Zone) { z.Negative = 48 * time.Hour }, "negative TTL"},
		{"code", func(z *Zone) { z.Feeds[0].Code = 1 }, "code"},
		{"URL", func(z *Zone) { z.URL = "https://example.org/\n" }, "URL"},
	}
	for _, c := range cases {
		z := example()
		c.change(&z)
		if err := z.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := example().Check(); err != nil {
		t.Error(err)
	}
}

// TestSetZone holds that a wrong zone leaves the one in force.
func TestSetZone(t *testing.T) {
	s := newServer(t, example(), nil)
	z := example()
	z.Contact = ""
	packet, _ := new(dns.Msg).SetQuestion("7.2.0.192.bl.example.org.", dns.TypeA).Pack()
	if err := s.Set(z); err == nil || words(ask(t, s, packet, client)) != "NOERROR aa 300 A 127.0.0.2" {
		t.Errorf("after %v", err)
	}
	z = example()
	z.Feeds = z.Feeds[1:]
	if err := s.Set(z); err != nil || words(ask(t, s, packet, client)) != "NXDOMAIN aa"+soa {
		t.Errorf("after %v: %s", err, words(ask(t, s, packet, client)))
	}
}

// TestNoAllocation holds that questions about addresses are answered in place.
func TestNoAllocation(t *testing.T) {
	z := example()
	z.PerSecond = 1
	z.Feeds = []Feed{{Code: 2, Source: Addrs(func(a netip.Addr) bool { return a.As4()[3] == 7 })}}
	s := newServer(t, z, nil)
	for _, name := range []string{"7.2.0.192.bl.example.org.", "8.2.0.192.bl.example.org."} {
		packet, _ := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
		var r reply
		out := make([]byte, 0, maxQuery)
		if n := testing.AllocsPerRun(100, func() { s.datagram(&r, out, packet, client) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
