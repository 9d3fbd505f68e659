package store

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// BenchmarkHold is what holding a message costs: its row alone, in the commit of several
// that wait, in a store of 20,000.
func BenchmarkHold(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	var n atomic.Int64
	hold := func() *quarantine.Held {
		i := n.Add(1)
		return &quarantine.Held{
			ID: mail.NewID(now), Tx: fmt.Sprint("tx", i), Recipient: mail.Path(fmt.Sprintf("user%d@d%d.example", i*7919%3000, i*7919%100)), Box: i * 7919 % 3000,
			Domain: fmt.Sprintf("d%d.example", i*7919%100), Sender: mail.Path(fmt.Sprintf("s%d@sender%d.example", i%50, i*7919%5000)),
			Subject: fmt.Sprintf("offer number %d of a lifetime", i), Filter: "keywords", Reason: "free watches", Blob: fmt.Sprint("blob", i),
			Size: 2000, Time: now.Add(time.Duration(i) * time.Millisecond), Expires: now, State: quarantine.StateHeld,
		}
	}
	for range 20 {
		err := db.Update(b.Context(), func(tx *Tx) error {
			for range 1000 {
				if err := putHeld(tx, hold()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h := hold()
			if err := db.Update(b.Context(), func(tx *Tx) error { return putHeld(tx, h) }); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
