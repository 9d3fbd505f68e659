package store

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/store/storetest"
	"gatepost/mailbox"
)

func TestArchive(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Archive(t, func(t *testing.T) storetest.ArchiveWorld {
			db := checked(t, open(t))
			ctx := t.Context()
			if err := db.Directory().Apply(ctx, 0, []directory.Change{{Domain: &directory.Domain{Name: "example.net", ArchiveDays: 30, Created: noon}}}); err != nil {
				t.Fatal(err)
			}
			knownBoxes(t, db, 9)
			w := storetest.ArchiveWorld{Store: db.Mailboxes(), Commit: db, Refs: func(blob string) (n int) {
				err := db.View(ctx, func(tx *Tx) error { return tx.Row(`SELECT refs FROM blob WHERE id = ?`, []any{blob}, &n) })
				if err != nil && !errors.Is(err, sql.ErrNoRows) {
					t.Fatal(err)
				}
				return n
			}}
			exec := func(query string) {
				t.Helper()
				err := db.Update(ctx, func(tx *Tx) error {
					_, err := tx.Exec(query)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			exec(`UPDATE mailbox SET state = 'archive' WHERE id = 9`)
			w.Remove = func() { exec(`DELETE FROM mailbox WHERE id = 9`) }
			if err := db.View(ctx, func(tx *Tx) error { return tx.Row(`SELECT id FROM domain`, nil, &w.Domain) }); err != nil {
				t.Fatal(err)
			}
			return w
		})
	})
}

// BenchmarkArchive takes mail to one mailbox from 32 connections, with and without an archive of its domain.
//
//	go test ./internal/store -run '^$' -bench BenchmarkArchive -benchtime 3000x -count 3
func BenchmarkArchive(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			db, err := Open(b.Context(), filepath.Join(b.TempDir(), FileName))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			err = db.Update(b.Context(), func(tx *Tx) error {
				_, err := tx.Exec(`INSERT INTO mailbox (address, id, password_hash, scram, language, state, created, revision)
					VALUES ('a@example.net', 1, '', '', '', 'active', 0, 0), ('_archive@example.net', 2, '', '', '', 'archive', 0, 0)`)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			prefix := []byte(strings.Repeat("X-Field: some text of a header field\r\n", 30))
			var n atomic.Int64
			b.SetParallelism(16) // of two cores
			before := processor(b)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					id := fmt.Sprint(n.Add(1))
					one := mailbox.Delivery{Box: 1, Blob: id, Size: 5000, Time: noon, View: mail.View{Prefix: prefix}, Envelope: prefix[:300], BodyStructure: prefix[:200]}
					c := &intake.Commit{
						Row:        &journal.Row{ID: "tx" + id, Time: noon, Lines: []journal.Line{{Recipient: "a@example.net"}}},
						Deliveries: []*mailbox.Delivery{&one},
					}
					if kept {
						two := one
						two.Box, two.Folder, two.Record = 2, mailbox.RecordFolder(mailbox.In, noon), true
						c.Records = []*mailbox.Delivery{&two}
					}
					if err := db.Commit(b.Context(), c); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(n.Load()), "cpu-µs/op")
		})
	}
}

// processor is the time that this process has computed.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
