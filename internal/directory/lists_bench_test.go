package directory

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// mixed is the nth of many different entries: of ten, four are addresses of clients, two
// are networks, one is IPv6, and three are domains or what is below them.
func mixed(n int) Entry {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	e := Entry{ID: int64(n + 1), List: Block, Scope: Global}
	if n%7 == 0 {
		e.List = Allow
	}
	v4 := func(bits int) string {
		// The number stands in the upper bits, so that no two are the same.
		x := uint32(n)<<8 | uint32(r.IntN(256))
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)}), bits).Masked()
		return networkText(p)
	}
	switch n % 10 {
	case 0, 1, 2, 3:
		e.Value = v4(32)
	case 4, 5:
		e.Value = v4(24 + r.IntN(8))
	case 6:
		e.Value = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(n >> 16), byte(n >> 8), byte(n), 1}), []int{64, 64, 64, 128}[r.IntN(4)]).Masked().String()
	case 7, 8:
		e.Value = fmt.Sprintf("%s%x.example", []string{"shop-", "mail.news", "a", "pay-online-"}[r.IntN(4)], n)
	default:
		e.Value = fmt.Sprintf(".offers%x.%s", n, []string{"example", "co.example", "net.example"}[r.IntN(3)])
	}
	var err error
	if e.Value, e.Kind, err = ParseValue("", e.Value); err != nil {
		panic(err)
	}
	return e
}

// listsOf is a snapshot whose lists have the first n mixed entries.
func listsOf(tb testing.TB, n int) *Snapshot {
	tb.Helper()
	s, err := emptySnapshot("mx.example.com", time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	b := s.build()
	for i := range n {
		e := mixed(i)
		if err := b.apply(Change{Entry: &e}); err != nil {
			tb.Fatal(err)
		}
	}
	return b.done(1)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// batch is how many look-ups are timed together: few enough that most batches run
// without another program between.
const batch = 500

// BenchmarkLists reports the quickest batch beside the mean, which on a busy machine is
// mostly of others, and what an entry costs.
func BenchmarkLists(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		before := heap()
		s := listsOf(b, n)
		each := float64(heap()-before) / float64(n)
		listed := make([]netip.Addr, 0, batch)
		for i := 0; len(listed) < batch; i = (i + n/batch + 1) % n {
			if p, ok := parseNetwork(mixed(i).Value); ok {
				listed = append(listed, p.Addr())
			}
		}
		look := func(what string, f func(i int) bool, want bool) {
			b.Run(fmt.Sprintf("%s of %d", what, n), func(b *testing.B) {
				b.ReportAllocs()
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					for i := range batch {
						if f(i) != want {
							b.Fatal(i)
						}
					}
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(best)/batch, "min-ns/look-up")
				b.ReportMetric(each, "B/entry")
			})
		}
		look("client", func(i int) bool {
			_, ok := s.FindClient(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), "")
			return ok
		}, false)
		look("listed client", func(i int) bool { _, ok := s.FindClient(listed[i], ""); return ok }, true)
		var senders []mail.Path
		for i := range batch {
			senders = append(senders, mail.Path(fmt.Sprintf("somebody@mail.shop%d.example", i)))
		}
		look("sender", func(i int) bool { _, ok := s.FindSender(senders[i], ""); return ok }, false)
		runtime.KeepAlive(s)
	}
}
