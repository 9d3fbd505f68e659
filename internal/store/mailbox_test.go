package store

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
)

func TestMailboxes(t *testing.T) { onEngines(t, testMailboxes) }

func testMailboxes(t *testing.T, open func(*testing.T) *DB) {
	storetest.Mailboxes(t, func(t *testing.T) (storetest.MailboxStore, func(string) int) {
		db := checked(t, open(t))
		knownBoxes(t, db, 70)
		return db.Mailboxes(), func(blob string) (n int) {
			// What was expunged keeps its content; that is not asked about.
			if err := db.Mailboxes().PurgeDeleted(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			err := db.View(t.Context(), func(tx *Tx) error {
				return tx.Row(`SELECT refs FROM blob WHERE id = ?`, []any{blob}, &n)
			})
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
			return n
		}
	})
}
