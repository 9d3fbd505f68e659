package zone

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// BenchmarkAnswer measures an answer without the wire.
func BenchmarkAnswer(b *testing.B) {
	z := example()
	z.PerSecond = 10_000_000
	z.Feeds = []Feed{{Code: 2, Source: Addrs(func(a netip.Addr) bool { return a.As4()[3] == 7 })}}
	for _, c := range []struct{ name, question string }{{"hit", "7.2.0.192.bl.example.org."}, {"miss", "8.2.0.192.bl.example.org."}} {
		b.Run(c.name, func(b *testing.B) {
			s := newServer(b, z, nil)
			packet, err := new(dns.Msg).SetQuestion(c.question, dns.TypeA).Pack()
			if err != nil {
				b.Fatal(err)
			}
			var r reply
			out := make([]byte, 0, maxQuery)
			b.ReportAllocs()
			for b.Loop() {
				s.datagram(&r, out, packet, client)
			}
		})
	}
}
