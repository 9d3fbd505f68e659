package store

import (
	"database/sql"
	"errors"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/store/storetest"
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
