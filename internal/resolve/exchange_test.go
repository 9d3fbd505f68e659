package resolve

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fakeServer answers over UDP with whatever records zone gives for a name, in the
// answer section, without judgement.
func fakeServer(t *testing.T, zone func(name string) string) (addr string, conn net.PacketConn) {
	t.Helper()
	return packetServer(t, func(q *dns.Msg) []*dns.Msg {
		m := new(dns.Msg).SetReply(q)
		for line := range strings.Lines(zone(q.Question[0].Name)) {
			rr, err := dns.NewRR(strings.TrimSpace(line))
			if err != nil {
				t.Error(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		return []*dns.Msg{m}
	})
}

// packetServer sends, for each question, the messages that reply makes of it.
func packetServer(t *testing.T, reply func(*dns.Msg) []*dns.Msg) (string, net.PacketConn) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			for _, m := range reply(q) {
				b, err := m.Pack()
				if err != nil {
					t.Error(err)
				}
				_, _ = conn.WriteTo(b, from)
			}
		}
	}()
	return conn.LocalAddr().String(), conn
}

func TestStrays(t *testing.T) {
	answer := func(q *dns.Msg, change func(*dns.Msg), ip string) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " A " + ip)
		m.Answer = []dns.RR{rr}
		change(m)
		return m
	}
	forged := map[string]func(*dns.Msg){
		"other id":        func(m *dns.Msg) { m.Id++ },
		"other question":  func(m *dns.Msg) { m.Question[0].Name = "evil.test." },
		"other type":      func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeTXT },
		"no question":     func(m *dns.Msg) { m.Question = nil },
		"not an answer":   func(m *dns.Msg) { m.Response = false },
		"several of them": func(m *dns.Msg) { m.Id += 7 },
	}
	for name, change := range forged {
		t.Run(name, func(t *testing.T) {
			addr, _ := packetServer(t, func(q *dns.Msg) []*dns.Msg {
				right := answer(q, func(m *dns.Msg) { m.Question[0].Name = strings.ToUpper(m.Question[0].Name) }, "192.0.2.1")
				bad := answer(q, change, "203.0.113.66")
				return []*dns.Msg{bad, bad, right}
			})
			r := newResolver(t, Config{Servers: []string{addr}, Timeout: 2 * time.Second, Rounds: 1})
			a, err := r.Lookup(t.Context(), "good.test", A)
			if got := words(a, err); got != "192.0.2.1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	t.Run("nothing but strays", func(t *testing.T) {
		addr, _ := packetServer(t, func(q *dns.Msg) (list []*dns.Msg) {
			for range 2 * maxStrays {
				list = append(list, answer(q, forged["other id"], "203.0.113.66"))
			}
			return list
		})
		r := newResolver(t, Config{Servers: []string{addr}, Timeout: 5 * time.Second, Rounds: 1})
		if a, err := r.Lookup(t.Context(), "good.test", A); words(a, err) != "temporary failure" {
			t.Errorf("got %v, %v", a, err)
		}
	})
}

func TestHugeAnswer(t *testing.T) {
	s := serve(t, hugeZone(maxRecords+1))
	r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: 5 * time.Second})
	if a, err := r.Lookup(t.Context(), "huge.test", A); words(a, err) != "temporary failure" {
		t.Errorf("got %d records, %v", len(a.Records), err)
	}
}

func hugeZone(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "huge.test. A 192.0.%d.%d\n", i/250, i%250)
	}
	return b.String()
}

func TestTrustInAD(t *testing.T) {
	addr, _ := packetServer(t, func(q *dns.Msg) []*dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.AuthenticatedData = true
		rr, _ := dns.NewRR("good.test. A 192.0.2.1")
		m.Answer = []dns.RR{rr}
		return []*dns.Msg{m}
	})
	for _, trust := range []bool{false, true} {
		r := newResolver(t, Config{Servers: []string{addr}, Timeout: time.Second, Validates: trust})
		if a, err := r.Lookup(t.Context(), "good.test", A); err != nil || a.AD != trust {
			t.Errorf("trusted %v: AD %v, %v", trust, a.AD, err)
		}
	}
}
