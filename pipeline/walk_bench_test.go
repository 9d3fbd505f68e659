package pipeline

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// What the machinery itself costs: 30 entries, a third of them begun in
// goroutines of their own, one recipient.
func BenchmarkWalk(b *testing.B) {
	p := &Policy{Name: "p", Required: 7.5}
	for i := range 30 {
		k := &Kind{Name: fmt.Sprintf("f%d", i), Stage: Rcpt, Scope: Scope(i % 3), Waits: i%3 == 0, Results: []Result{{Word: "no"}}}
		p.Entries = append(p.Entries, &Entry{Name: k.Name, Kind: k, Key: k.Name, Filter: probe(func(context.Context, Query) (Finding, error) {
			return Finding{Result: "no"}, nil
		})})
	}
	b.ReportAllocs()
	for b.Loop() {
		tx := NewTransaction(b.Context(), "id", time.Now(), mail.Client{}, nil).WithMail("s@x.example", mail.Params{}).WithRcpt()
		w := NewWalk(p, "a@x.example", true)
		if err := w.Advance(b.Context(), tx); err != nil {
			b.Fatal(err)
		}
		if err := w.Advance(b.Context(), tx.WithData(nil, mail.NewMessage(nil))); err != nil {
			b.Fatal(err)
		}
		tx.Close()
	}
}
