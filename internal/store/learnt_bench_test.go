package store

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/sent"
	"gatepost/internal/trust"
)

// scattered makes a mark, or a number, that lies anywhere.
func scattered(n uint64) sent.Mark {
	var m sent.Mark
	binary.BigEndian.PutUint64(m[:], n*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(m[8:], n)
	return m
}

// fillRows makes n rows of something, some thousands a commit.
func fillRows(b *testing.B, db *DB, n int, row func(tx *Tx, i int) error) {
	b.Helper()
	for i := 0; i < n; i += 5000 {
		err := db.Update(b.Context(), func(tx *Tx) error {
			for j := i; j < min(i+5000, n); j++ {
				if err := row(tx, j); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSentCommit is what the ledger adds to a commit that queues a message of one
// recipient, in a store that knows 30 days of 20,000: the ratio of the medians, each pair
// in turn.
func BenchmarkSentCommit(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	fillRows(b, db, 600_000, func(tx *Tx, i int) error {
		m := scattered(uint64(i))
		_, err := tx.Exec(`INSERT INTO sent (day, mark) VALUES (?, ?)`, int64(sent.DayOf(now))-int64(i/20_000), m[:])
		return err
	})
	n := 0
	put := func(marked bool) time.Duration {
		n++
		m := &queue.Message{ID: fmt.Sprint("m", n), Tx: fmt.Sprint("t", n), Sender: "ann@here.example", Blob: fmt.Sprint("b", n), Size: 2000, Created: now, Expires: now.Add(time.Hour)}
		if marked {
			mark := scattered(uint64(1_000_000 + n))
			m.Mark = mark[:]
		}
		began := time.Now()
		if err := db.Queue().Put(b.Context(), []*queue.Transfer{{Message: m, Recipient: "bob@far.example", Destination: "mx:far.example"}}); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	var with, without []time.Duration
	for b.Loop() {
		without, with = append(without, put(false)), append(with, put(true))
	}
	slices.Sort(with)
	slices.Sort(without)
	middle := len(with) / 2
	b.ReportMetric(float64(with[middle].Microseconds()), "µs/marked")
	b.ReportMetric(float64(without[middle].Microseconds()), "µs/plain")
	b.ReportMetric(float64(with[middle])/float64(without[middle]), "ratio")
}

// BenchmarkSentKnown looks ten Message-IDs up in 30 days of 20,000.
func BenchmarkSentKnown(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	fillRows(b, db, 600_000, func(tx *Tx, i int) error {
		m := scattered(uint64(i))
		_, err := tx.Exec(`INSERT INTO sent (day, mark) VALUES (?, ?)`, int64(20_000+i/20_000), m[:])
		return err
	})
	for _, count := range []int{1, 10} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()
			for i := uint64(0); b.Loop(); i++ {
				var list []sent.Mark
				for j := range uint64(count) {
					list = append(list, scattered(i*31+j+1_000_000_000))
				}
				if _, err := db.Sent().Known(b.Context(), list, 19_999, 20_031); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTrust weighs senders in a store of 1,000,000 weights: others each time, and the
// same, which is remembered.
func BenchmarkTrust(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	const rows, boxes = 1_000_000, 10_000
	sender := func(i int) mail.Path { return mail.Path(fmt.Sprintf("sender%d@far%d.example", i, i%977)) }
	fillRows(b, db, rows, func(tx *Tx, i int) error {
		_, err := tx.Exec(`INSERT INTO trust (scope, sender, weight, used, learnt, how) VALUES (?, ?, 1000, ?, ?, 1)`,
			trust.ForMailbox(int64(i%boxes)), sender(i), now.UnixMicro(), now.UnixMicro())
		return err
	})
	book := trust.New(trust.Config{Rows: db.Trust(), Scopes: func(rcpt, _ mail.Path) []trust.Scope {
		return []trust.Scope{trust.Scope(rcpt.Local()), trust.ForDomain(1)}
	}})
	for name, at := range map[string]func(i int) int{
		"cold": func(i int) int { return i * 7919 % rows }, "warm": func(int) int { return 77 },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := at(i)
				_, ok, err := book.Weigh(b.Context(), mail.Path(trust.ForMailbox(int64(n%boxes))+"@here.example"), sender(n), now)
				if err != nil || !ok {
					b.Fatal(n, ok, err)
				}
			}
		})
	}
}
