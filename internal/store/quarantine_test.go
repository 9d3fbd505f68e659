package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/store/storetest"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

func TestQuarantineContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Quarantine(t, func(t *testing.T) storetest.QuarantineRows {
			db := checked(t, open(t))
			knownBoxes(t, db, 2)
			return quarantineRows(db)
		})
	})
}

func quarantineRows(db *DB) storetest.QuarantineRows {
	return storetest.QuarantineRows{
		Reader: db.Quarantine(), Settler: db.Quarantine(), Keeper: db.Quarantine(),
		Hold: func(t *testing.T, h *quarantine.Held) {
			t.Helper()
			if err := db.Update(t.Context(), func(tx *Tx) error { return putHeld(tx, h) }); err != nil {
				t.Fatal(err)
			}
		},
		Inbox: func(t *testing.T, box int64) int {
			t.Helper()
			f, err := db.Mailboxes().Folder(t.Context(), box, mailbox.Inbox)
			if err != nil && !errors.Is(err, mailbox.ErrNoFolder) {
				t.Fatal(err)
			}
			return int(f.Messages)
		},
		Refs: func(t *testing.T, blob string) (n int) {
			t.Helper()
			err := db.View(t.Context(), func(tx *Tx) error {
				return tx.Row(`SELECT refs FROM blob WHERE id = ?`, []any{blob}, &n)
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		},
	}
}

// A held message and its end outlive the process; the delivery is that of the
// held row, in the form that was prepared.
func TestQuarantineAfterRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatepost.db")
	reopen := func(db *DB) *DB {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := reopen(nil)
	h := &quarantine.Held{ID: "one", Box: 4, Blob: "content", Size: 100, Time: time.Unix(1, 0), State: quarantine.StateHeld}
	quarantineRows(db).Hold(t, h)
	db = reopen(db)
	act := quarantine.Act{Who: "admin", What: quarantine.StateReleased, When: time.Unix(2, 0).UTC()}
	d := quarantine.Delivery{View: mail.View{Prefix: []byte("X: y\r\n")}, Size: 106, Time: time.Unix(2, 0), Envelope: []byte("e"), BodyStructure: []byte("b")}
	if _, err := db.Quarantine().Settle(t.Context(), "one", act, &d); err != nil {
		t.Fatal(err)
	}
	db = reopen(db)
	defer db.Close()
	got, err := db.Quarantine().Show(context.Background(), "one")
	if err != nil || got.State != quarantine.StateReleased || len(got.Acts) != 1 || got.Acts[0] != act {
		t.Errorf("got %+v, %v; want it released by admin", got, err)
	}
	f, err := db.Mailboxes().Folder(t.Context(), 4, mailbox.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	all, err := db.Mailboxes().Messages(t.Context(), f.ID, mailbox.UIDSet{{First: 1, Last: 10}}, mailbox.Whole)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d messages, %v; want 1", len(all), err)
	}
	if m := all[0]; m.Blob != "content" || string(m.View.Prefix) != "X: y\r\n" || m.Size != 106 || string(m.Envelope) != "e" || string(m.BodyStructure) != "b" {
		t.Errorf("got %+v", m)
	}
}
