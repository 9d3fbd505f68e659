package directory

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// BenchmarkBoxes is what a million mailboxes cost, in 10,000 domains and in one: memory, a look-up, a change.
func BenchmarkBoxes(b *testing.B) {
	const n = 1_000_000
	hash, scram := strings.Repeat("h", 97), strings.Repeat("s", 133)
	for _, domains := range []int{10_000, 1} {
		address := func(i int) mail.Path { return mail.Path(fmt.Sprintf("user%d@d%d.example", i, i%domains)) }
		before := heap()
		s, err := emptySnapshot("mx.example.com", time.Now)
		if err != nil {
			b.Fatal(err)
		}
		edit := s.build()
		for i := range n {
			// Texts of their own, as a store hands them over.
			m := Mailbox{ID: int64(i + 1), Address: address(i), Password: Verifier{strings.Clone(hash), strings.Clone(scram)}, State: Active, Created: time.Unix(1, 0)}
			if err := edit.apply(Change{Mailbox: &m}); err != nil {
				b.Fatal(err)
			}
		}
		s = edit.done(1)
		each := float64(heap()-before) / n
		b.Run(fmt.Sprintf("find/%d", domains), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i += 7919 {
				if _, ok := s.Mailbox(address(i % n)); !ok {
					b.Fatal("it is not there")
				}
			}
			b.ReportMetric(each, "octets/mailbox")
		})
		b.Run(fmt.Sprintf("change/%d", domains), func(b *testing.B) {
			b.ReportAllocs()
			now := s
			for i := 0; b.Loop(); i += 7919 {
				m, _ := now.Mailbox(address(i % n))
				m.Level = 3
				edit := now.build()
				if err := edit.apply(Change{Mailbox: &m}); err != nil {
					b.Fatal(err)
				}
				now = edit.done(2)
			}
		})
		b.Run(fmt.Sprintf("page/%d", domains), func(b *testing.B) {
			for b.Loop() {
				if len(s.MailboxPage("d0.example", "user5@d0.example", 100)) == 0 {
					b.Fatal("there are none")
				}
			}
		})
		runtime.KeepAlive(s)
	}
}
