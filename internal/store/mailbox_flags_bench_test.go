package store

import (
	"context"
	"testing"

	"gatepost/mailbox"
)

// BenchmarkFlags changes a flag of one message of 10,000, or of as many as a plan may have, by
// reading what is there and by a plan.
func BenchmarkFlags(b *testing.B) {
	const messages = 10_000
	db, err := Open(b.Context(), b.TempDir()+"/db")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	m := db.Mailboxes()
	var folder int64
	for range messages / 500 {
		var list []*mailbox.Delivery
		for range 500 {
			list = append(list, &mailbox.Delivery{Box: 1, Folder: "INBOX", Blob: "x", Size: 100, Time: noon})
		}
		if err := m.DeliverAll(b.Context(), list); err != nil {
			b.Fatal(err)
		}
		folder = list[0].FolderID
	}
	change := func(i int) mailbox.FlagChange {
		how := []mailbox.How{mailbox.Add, mailbox.Remove}[i/messages%2]
		return mailbox.FlagChange{How: how, Flags: mailbox.Flags{System: mailbox.Flagged}}
	}
	for _, c := range []struct {
		name  string
		batch int
	}{{"one", 1}, {"some", mailbox.MaxPlan}} {
		b.Run(c.name+"/read", func(b *testing.B) {
			for n := range b.N {
				i := n * c.batch
				first := mailbox.UID(i%messages + 1)
				if _, err := m.SetFlags(b.Context(), folder, mailbox.UIDSet{{First: first, Last: first + mailbox.UID(c.batch) - 1}}, change(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/planned", func(b *testing.B) {
			f, entries := indexed(b, m, folder)
			for n := range b.N {
				i := n * c.batch
				p := mailbox.FlagPlan{At: f.HighestModSeq}
				for j := range c.batch {
					e := &entries[(i+j)%messages]
					to, err := change(i).Apply(e.Flags)
					if err != nil {
						b.Fatal(err)
					}
					p.Put(e.UID, e.Flags, to, j > 0)
					e.Flags = to
				}
				after, done, err := m.SetPlanned(b.Context(), folder, p)
				if err != nil || !done {
					b.Fatal(done, err)
				}
				f.HighestModSeq = after
			}
		})
	}
}

func indexed(b *testing.B, m Mailboxes, folder int64) (mailbox.Folder, []mailbox.Entry) {
	var entries []mailbox.Entry
	f, err := m.Index(context.Background(), folder, func(e mailbox.Entry) { entries = append(entries, e) })
	if err != nil {
		b.Fatal(err)
	}
	return f, entries
}
