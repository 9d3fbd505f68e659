package store

import (
	"database/sql"
	"errors"
	"testing"

	"gatepost/internal/store/storetest"
)

func TestSharing(t *testing.T) { onEngines(t, testSharing) }

func testSharing(t *testing.T, open func(*testing.T) *DB) {
	storetest.Sharing(t, func(t *testing.T) (storetest.SharingStore, func(string) int) {
		db := checked(t, open(t))
		knownBoxes(t, db, 9)
		return db.Mailboxes(), func(blob string) (n int) {
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
