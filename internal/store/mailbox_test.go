package store

import (
	"database/sql"
	"errors"
	"testing"

	"gatepost/internal/store/storetest"
)

func TestMailboxes(t *testing.T) {
	storetest.Mailboxes(t, func(t *testing.T) (storetest.MailboxStore, func(string) int) {
		db := openTest(t)
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
