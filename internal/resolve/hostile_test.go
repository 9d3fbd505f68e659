package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// hostile answers every question with what text says: master file lines, "@" for the name
// asked for; before a line "!" stands for the authority section.
func hostile(t *testing.T, text string, change func(*dns.Msg)) *Resolver {
	t.Helper()
	r := newResolver(t, Config{Servers: []string{"192.0.2.1"}, Timeout: time.Second, Rounds: 1, Validates: true})
	r.exchange = func(_ context.Context, _, _ string, query *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(query)
		m.RecursionAvailable = true
		for line := range strings.Lines(text) {
			line, authority := strings.CutPrefix(strings.TrimSpace(line), "!")
			rr, err := dns.NewRR(strings.ReplaceAll(line, "@", query.Question[0].Name))
			switch {
			case err != nil:
				t.Errorf("%s: %v", line, err)
			case authority:
				m.Ns = append(m.Ns, rr)
			default:
				m.Answer = append(m.Answer, rr)
			}
		}
		if change != nil {
			change(m)
		}
		b, err := m.Pack()
		if err != nil {
			return nil, err
		}
		m = new(dns.Msg)
		return m, m.Unpack(b)
	}
	return r
}

// TestHostileAnswers: each has a clear result, and no record is believed that was not
// asked for.
func TestHostileAnswers(t *testing.T) {
	const unkept = 1                                                                 // a nanosecond: of no use to anybody
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61) // 253 octets
	cases := []struct {
		name string
		typ  Type
		text string
		want string
		ttl  time.Duration // 0: not looked at; unkept: none
	}{
		{"another name's record", A, "evil.test. 60 A 203.0.113.66", "no such record", 0},
		{"a record beside the answer", A, "@ 60 A 192.0.2.1\nevil.test. 60 A 203.0.113.66", "192.0.2.1", 0},
		{"the address of a target that was not asked for", MX, "@ 60 MX 10 mx.test.\nmx.test. 60 A 203.0.113.66", "mx.test", 0},
		{"other letters' case", A, "NAME.TesT. 60 A 192.0.2.1", "192.0.2.1", 0},
		{"another class", A, "@ 60 CH A 192.0.2.1", "no such record", 0},
		{"an alias to itself", A, "@ 60 CNAME @", "temporary failure", 0},
		{"two aliases in a circle", A, "@ 60 CNAME b.test.\nb.test. 60 CNAME @", "temporary failure", 0},
		{"aliases without end", A, "*.test. 60 CNAME x.test.\n@ 60 CNAME a.@", "temporary failure", 0},
		{"a chain upside down", A, "c.test. 60 A 192.0.2.1\nb.test. 60 CNAME c.test.\n@ 60 CNAME b.test.", "192.0.2.1", 0},
		{"an alias beside records", A, "@ 60 CNAME evil.test.\n@ 60 A 192.0.2.1\nevil.test. 60 A 203.0.113.66", "192.0.2.1", 0},
		{"a chain to a name with records of another type", A, "@ 60 CNAME b.test.\nb.test. 60 TXT x\n!test. 60 SOA a. b. 1 2 3 4 5", "no such record", 5 * time.Second},
		{"absence by another's SOA", A, "!evil.example. 3600 SOA a. b. 1 2 3 4 3600", "no such record", unkept},
		{"absence for ever", A, "!test. 4000000000 SOA a. b. 1 2 3 4 4000000000", "no such record", unkept},
		{"absence for a day", A, "!test. 86400 SOA a. b. 1 2 3 4 86400", "no such record", time.Hour},
		{"a TTL of 4,000,000,000", A, "@ 4000000000 A 192.0.2.1", "192.0.2.1", minTTL},
		{"a TTL of 0", A, "@ 0 A 192.0.2.1", "192.0.2.1", minTTL},
		{"no PTR but a root", PTR, "@ 60 PTR .", ".", 0},
		{"the root as MX", MX, "@ 60 MX 10 .", ".", 0},
		{"a dot in a label", PTR, `@ 60 PTR mx\.example.org.`, `mx\.example.org.invalid`, 0},
		{"a NUL in a label", PTR, `@ 60 PTR mx\000.example.org.`, `mx\000.example.org.invalid`, 0},
		{"spaces and line ends", MX, `@ 60 MX 10 mx\032\013\010x.example.org.`, `mx\ \013\010x.example.org.invalid`, 0},
		{"marks of markup", PTR, `@ 60 PTR <b>.example.org.`, `<b>.example.org.invalid`, 0},
		{"no ASCII", MX, `@ 60 MX 10 \195\169.example.org.`, `\195\169.example.org.invalid`, 0},
		{"an address as MX", MX, "@ 60 MX 10 192.0.2.1.", "192.0.2.1", 0},
		{"capital letters", PTR, "@ 60 PTR MX.Example.ORG.", "MX.Example.ORG", 0},
		{"the longest name", PTR, "@ 60 PTR " + long + ".", long, 0},
		{"an underscore", PTR, "@ 60 PTR a_b.example.org.", "a_b.example.org", 0},
		{"text of 64 octets thrice", TXT, `@ 60 TXT "` + strings.Repeat("x", 64) + `" "` + strings.Repeat("y", 64) + `" ""`, strings.Repeat("x", 64) + strings.Repeat("y", 64), 0},
		{"text with octets of all kinds", TXT, `@ 60 TXT "\000\010\"\\\255"`, "\x00\n\"\\\xff", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := hostile(t, c.text, nil).Lookup(t.Context(), "name.test", c.typ)
			if got := words(a, err); got != c.want || c.ttl != 0 && max(a.TTL, unkept) != c.ttl {
				t.Errorf("got %q for %s, want %q for %s (%v)", got, a.TTL, c.want, c.ttl, err)
			}
		})
	}
}

// TestHostileMessages: what the header says, and where it says it.
func TestHostileMessages(t *testing.T) {
	const record = "@ 60 A 192.0.2.1"
	many := func(n int) func(*dns.Msg) {
		return func(m *dns.Msg) {
			for range n - 1 {
				m.Answer = append(m.Answer, m.Answer[0])
			}
		}
	}
	cases := []struct {
		name   string
		text   string
		change func(*dns.Msg)
		want   string
	}{
		{"as it ought to be", record, nil, "192.0.2.1"},
		{"authoritative", record, func(m *dns.Msg) { m.Authoritative = true }, "192.0.2.1"},
		{"no such name, with records", record, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }, "temporary failure"},
		{"authoritative absence without recursion", "!test. 60 SOA a. b. 1 2 3 4 5", func(m *dns.Msg) { m.Authoritative, m.RecursionAvailable = true, false }, "no such record"},
		{"nothing, authoritative, without recursion", "", func(m *dns.Msg) { m.Authoritative, m.RecursionAvailable = true, false }, "temporary failure"},
		{"nothing", "", nil, "no such record"},
		{"a referral upwards", "!. 60 NS a.root-servers.net.", nil, "temporary failure"},
		{"a referral with an SOA", "!. 60 NS a.root-servers.net.\n!test. 60 SOA a. b. 1 2 3 4 5", nil, "no such record"},
		{"records in the authority section", "!" + record, nil, "no such record"},
		{"records in the additional section", "", func(m *dns.Msg) {
			rr, _ := dns.NewRR("name.test. 60 A 203.0.113.66")
			m.Extra = []dns.RR{rr}
		}, "no such record"},
		{"cut, over TCP too", record, func(m *dns.Msg) { m.Truncated = true }, "temporary failure"},
		{"an answer code of nobody's", record, func(m *dns.Msg) { m.Rcode = 15 }, "temporary failure"},
		{"no implementation", record, func(m *dns.Msg) { m.Rcode = dns.RcodeNotImplemented }, "temporary failure"},
		{"as many records as are looked at", record, many(maxRecords), strings.TrimSuffix(strings.Repeat("192.0.2.1, ", maxRecords), ", ")},
		{"one more", record, many(maxRecords + 1), "temporary failure"},
		{"thousands", record, many(5000), "temporary failure"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := hostile(t, c.text, c.change).Lookup(t.Context(), "name.test", A)
			if got := words(a, err); got != c.want {
				t.Errorf("got %q, want %q (%v)", got, c.want, err)
			}
		})
	}
}

// TestLongText: 64 KiB are one answer, kept and told whole.
func TestLongText(t *testing.T) {
	var line strings.Builder
	line.WriteString("@ 60 TXT")
	for range 250 {
		line.WriteString(` "` + strings.Repeat("x", 255) + `"`)
	}
	r := hostile(t, line.String(), nil)
	for range 2 {
		texts, err := r.LookupTXT(t.Context(), "name.test")
		if err != nil || len(texts) != 1 || len(texts[0]) != 250*255 {
			t.Errorf("%d texts, %v", len(texts), err)
		}
	}
	if _, size := filled(t, r.cache); size < 250*255 {
		t.Errorf("%d octets are counted", size)
	}
}

// TestWithoutEDNS: a server that chokes on EDNS is asked without.
func TestWithoutEDNS(t *testing.T) {
	addr, _ := packetServer(t, func(q *dns.Msg) []*dns.Msg {
		m := new(dns.Msg).SetReply(q)
		if q.IsEdns0() != nil {
			m.Rcode = dns.RcodeFormatError
			return []*dns.Msg{m}
		}
		rr, _ := dns.NewRR("name.test. A 192.0.2.1")
		m.Answer = []dns.RR{rr}
		return []*dns.Msg{m}
	})
	r := newResolver(t, Config{Servers: []string{addr}, Timeout: time.Second})
	if a, err := r.Lookup(t.Context(), "name.test", A); words(a, err) != "192.0.2.1" {
		t.Errorf("got %v, %v", a, err)
	}
}

// TestLargeDatagram: an answer larger than was asked for is read, and one that is cut
// where TCP is shut off is a failure.
func TestLargeDatagram(t *testing.T) {
	for _, c := range []struct {
		name   string
		octets int
		cut    bool
		want   int // texts
	}{{"large", 3000, false, 15}, {"cut", 100, true, 0}} {
		addr, _ := packetServer(t, func(q *dns.Msg) []*dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = c.cut
			for i := range c.octets / 200 {
				rr, _ := dns.NewRR(fmt.Sprintf("name.test. TXT %d%s", i, strings.Repeat("x", 180)))
				m.Answer = append(m.Answer, rr)
			}
			return []*dns.Msg{m}
		})
		r := newResolver(t, Config{Servers: []string{addr}, Timeout: 2 * time.Second, Rounds: 1})
		texts, err := r.LookupTXT(t.Context(), "name.test")
		if len(texts) != c.want || errors.Is(err, ErrTemporary) != c.cut {
			t.Errorf("%s: %d texts, %v", c.name, len(texts), err)
		}
	}
}

// FuzzAnswer reads a message as it may come from a server: nothing panics, nothing grows
// without bound, and no record is told that the question does not lead to.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		"name.test. 60 A 192.0.2.1\nname.test. 60 TXT x\nevil.test. 60 A 203.0.113.66", "name.test. 60 CNAME b.test.\nb.test. 60 A 192.0.2.1",
		"name.test. 60 CNAME name.test.", `name.test. 60 MX 10 a\.b\000.test.`, `name.test. 60 TXT "\000" "b"`, "name.test. 60 TLSA 3 1 1 00ff",
		"name.test. 60 PTR .", "name.test. 60 AAAA 2001:db8::1\nname.test. 60 NS a.test.",
	} {
		m := new(dns.Msg).SetQuestion("name.test.", dns.TypeA)
		m.Response, m.Compress = true, true
		for line := range strings.Lines(text) {
			rr, err := dns.NewRR(line)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		for _, typ := range []Type{A, AAAA, MX, PTR, TXT, TLSA, CNAME} {
			f.Add(uint16(typ), b)
		}
	}
	loop := []byte("\x00\x01\x80\x00\x00\x01\x00\x01\x00\x00\x00\x00\x04name\x04test\x00\x00\x01\x00\x01\xc0\x1b\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01")
	f.Add(uint16(A), loop) // a name that points at itself
	f.Fuzz(func(t *testing.T, typ uint16, packet []byte) {
		if len(packet) > 64<<10 {
			return
		}
		last := new(dns.Msg)
		r, err := New(Config{Servers: []string{"192.0.2.1"}, Rounds: 1, Validates: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.exchange = func(_ context.Context, network, _ string, query *dns.Msg) (*dns.Msg, error) {
			m := new(dns.Msg)
			if err := m.Unpack(packet); err != nil && (network == "tcp" || !m.Truncated) {
				return nil, errors.New("can't be read")
			}
			m.Response, m.Id, m.Question = true, query.Id, query.Question // what has others is no answer
			last = m
			return m, nil
		}
		a, err := r.Lookup(t.Context(), "name.test", Type(typ))
		if len(a.Records) > 0 && (err != nil || len(a.Records) > maxRecords) {
			t.Fatalf("%d records with %v", len(a.Records), err)
		}
		if len(a.Records) == 0 && err == nil {
			t.Fatal("neither records nor an error")
		}
		if !leads(last, "name.test.", a.Name) {
			t.Fatalf("records of %q, where name.test does not lead", a.Name)
		}
		for _, rec := range a.Records {
			if !said(last, a.Name, Type(typ), rec) {
				t.Fatalf("record %+v of %q is not in the answer", rec, a.Name)
			}
			if (typ == dns.TypeMX || typ == dns.TypePTR) && rec.Host != "." && !isPlain(strings.ToLower(rec.Host)) && !strings.HasSuffix(rec.Host, ".invalid") {
				t.Fatalf("host %q", rec.Host)
			}
		}
	})
}

// leads reports whether the CNAMEs of a message lead from one name to another.
func leads(m *dns.Msg, from, to string) bool {
	reached := map[string]bool{strings.ToLower(from): true}
	for range maxAliases + 1 {
		for _, rr := range m.Answer {
			if c, ok := rr.(*dns.CNAME); ok && reached[strings.ToLower(c.Hdr.Name)] {
				reached[strings.ToLower(c.Target)] = true
			}
		}
	}
	return reached[question{name: strings.ToLower(to)}.wire()]
}

// said reports whether a message has the record for the name.
func said(m *dns.Msg, name string, typ Type, want Record) bool {
	for _, rr := range m.Answer {
		if got, ok := record(rr); ok && Type(rr.Header().Rrtype) == typ && strings.EqualFold(undot(rr.Header().Name), name) &&
			fmt.Sprint(got) == fmt.Sprint(want) {
			return true
		}
	}
	return false
}
