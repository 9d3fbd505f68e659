package directory

import (
	"fmt"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// large is a snapshot with 100,000 mailboxes in 100 domains and 10,000 aliases, each
// of which leads to two of them.
func large(tb testing.TB) *Snapshot {
	tb.Helper()
	s, err := emptySnapshot("mx.example.com", time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	b := s.build()
	put := func(c Change) {
		if err := b.apply(c); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range 100 {
		put(Change{Domain: &Domain{ID: int64(i + 1), Name: fmt.Sprintf("d%d.example", i)}})
	}
	box := func(i int) mail.Path { return mail.Path(fmt.Sprintf("user%d@d%d.example", i, i%100)) }
	for i := range 100_000 {
		put(Change{Mailbox: &Mailbox{ID: int64(1000 + i), Address: box(i), State: Active}})
	}
	for i := range 10_000 {
		put(Change{Alias: &Alias{Address: mail.Path(fmt.Sprintf("alias%d@d%d.example", i, i%100)), Targets: []mail.Path{box(i), box(i + 50_000)}}})
	}
	return b.done(1)
}

func BenchmarkResolve(b *testing.B) {
	s := large(b)
	for _, rcpt := range []mail.Path{"user77777@d77.example", "user77777+tag@d77.example", "alias777@d77.example", "nobody@d77.example"} {
		b.Run(string(rcpt.Local()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Resolve(rcpt)
			}
		})
	}
}

// A distribution list of the greatest size, half of whose members are here.
func BenchmarkResolveList(b *testing.B) {
	s := large(b)
	list := &Alias{Address: "all@d0.example", Kind: Distribution, Post: PostMembers, Owner: "user0@d0.example"}
	for i := range MaxMembers / 2 {
		list.Targets = append(list.Targets, mail.Path(fmt.Sprintf("user%d@d%d.example", i, i%100)), mail.Path(fmt.Sprintf("m%d@elsewhere.example", i)))
	}
	edit := s.build()
	if err := edit.apply(Change{Alias: list}); err != nil {
		b.Fatal(err)
	}
	s = edit.done(2)
	for b.Loop() {
		if r, err := s.Resolve("all@d0.example"); err != nil || r.Post("m4999@elsewhere.example") != nil {
			b.Fatal(err)
		}
	}
}
