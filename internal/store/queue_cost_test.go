package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// BenchmarkQueue is what the queue costs with a backlog of b.N times nothing: its size
// is in the name. Claims and settlements go by destination, so a large backlog for one
// must not slow down the others.
func BenchmarkQueue(b *testing.B) {
	for _, size := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			benchmarkQueue(b, db.Queue(), size)
		})
	}
}

// BenchmarkQueueOverPostgres is the same over PostgreSQL.
func BenchmarkQueueOverPostgres(b *testing.B) {
	for _, size := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchmarkQueue(b, openDSN(b, emptyDatabase(b)).Queue(), size) })
	}
}

func benchmarkQueue(b *testing.B, q Queue, size int) {
	fill(b, q, size)
	b.Run("claim and settle 100", func(b *testing.B) {
		for b.Loop() {
			list, err := q.Claim(b.Context(), queue.ByMX("d1.example"), 100, time.Hour)
			if err != nil || len(list) == 0 {
				b.Fatal(len(list), err)
			}
			var done []queue.Settlement
			for _, t := range list {
				done = append(done, queue.Settlement{Transfer: t, Fate: queue.Deferred, Untried: true})
			}
			if _, err := q.Settle(b.Context(), done); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("destinations", func(b *testing.B) {
		for b.Loop() {
			if list, err := q.Destinations(b.Context()); err != nil || len(list) != 100 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("totals", func(b *testing.B) {
		for b.Loop() {
			if _, err := q.Totals(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("backlogs", func(b *testing.B) {
		for b.Loop() {
			if list, err := q.Backlogs(b.Context(), 100); err != nil || len(list) != 100 {
				b.Fatal(len(list), err)
			}
		}
	})
	// What the page of the queue asks: one look, whatever it finds.
	for _, look := range []struct {
		name  string
		query queue.Query
		finds bool
	}{
		{"first page", queue.Query{}, true},
		{"what waits", queue.Query{State: queue.Waiting}, true},
		{"what was tried", queue.Query{State: queue.Waiting, Failing: true}, false},
		{"what is held", queue.Query{State: queue.Held}, false},
		{"no such sender", queue.Query{Sender: "nobody@here.example"}, false},
		{"no such sender, what waits", queue.Query{Sender: "nobody@here.example", State: queue.Waiting}, false},
		{"null sender", queue.Query{NullOnly: true}, false},
		{"recipient", queue.Query{Recipient: "r7@d0.example"}, true},
		{"no such recipient", queue.Query{Recipient: "nobody@d0.example"}, false},
		{"recipient's domain", queue.Query{Domain: "d7.example"}, true},
		{"destination", queue.Query{Destination: queue.ByMX("d7.example")}, true},
		{"destination, no such recipient", queue.Query{Destination: queue.ByMX("d7.example"), Recipient: "nobody@d0.example"}, false},
		{"domain of here", queue.Query{Homes: []string{"here.example"}}, true},
		{"domain of here that has none", queue.Query{Homes: []string{"there.example"}}, false},
		{"held, of a domain of here", queue.Query{Homes: []string{"here.example"}, State: queue.Held}, false},
		{"nobody may see it", queue.Query{Homes: []string{"here.example"}, Only: func(*queue.Transfer) bool { return false }}, false},
		{"no such message", queue.Query{Message: "nothing"}, false},
	} {
		b.Run(look.name, func(b *testing.B) {
			look.query.Limit = 51
			for b.Loop() {
				if list, _, err := q.Look(b.Context(), look.query); err != nil || len(list) > 0 != look.finds {
					b.Fatal(len(list), err)
				}
			}
		})
	}
	b.Run("last page", func(b *testing.B) {
		for b.Loop() {
			if _, err := q.Find(b.Context(), queue.Query{After: int64(size - 100), Limit: 100}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by sender", func(b *testing.B) {
		for b.Loop() {
			if _, err := q.Find(b.Context(), queue.Query{Sender: "s7@here.example", Limit: 100}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fill queues transfers for 100 destinations, ten to a message.
func fill(b *testing.B, q Queue, size int) {
	now := time.Now()
	var list []*queue.Transfer
	var m *queue.Message
	for i := range size {
		if i%10 == 0 {
			m = &queue.Message{
				ID: mail.NewID(now), Tx: fmt.Sprint("tx", i), Sender: mail.Path(fmt.Sprintf("s%d@here.example", i%1000)), Blob: fmt.Sprint("blob", i), Size: 1000,
				Created: now, Expires: now.Add(time.Hour),
			}
		}
		domain := fmt.Sprintf("d%d.example", i/10%100)
		list = append(list, &queue.Transfer{Message: m, Recipient: mail.Path(fmt.Sprintf("r%d@%s", i, domain)), Destination: queue.ByMX(domain), Home: "here.example"})
		if len(list) == 2000 || i == size-1 {
			if err := q.Put(b.Context(), list); err != nil {
				b.Fatal(err)
			}
			list = nil
		}
	}
}
