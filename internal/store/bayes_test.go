package store

import (
	"testing"

	"gatepost/internal/bayes/desk"
	"gatepost/internal/store/storetest"
)

func TestBayesContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Bayes(t, func(t *testing.T) desk.Rows { return checked(t, open(t)).Bayes() })
	})
}

// What is left of a snapshot whose maker died does not count, and goes.
func TestBayesSnapshotLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		b := db.Bayes()
		id, err := b.beginSnapshot(t.Context(), desk.Snapshot{Seq: 1, Day: "2026-11-26"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.beginSnapshot(t.Context(), desk.Snapshot{Seq: 1}); err == nil {
			t.Error("two at once")
		}
		if list, err := b.Snapshots(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("half a one counts: %v, %v", list, err)
		}
		err = db.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.Exec(`UPDATE bayes_snapshot SET touched = touched - ? WHERE id = ?`, 2*stale.Microseconds(), id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.PutSnapshot(t.Context(), desk.Snapshot{Seq: 1}, []byte("x")); err != nil {
			t.Errorf("after a dead one: %v", err)
		}
		if _, err := b.Trim(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		left, err := b.remains(t.Context())
		if list, listErr := b.Snapshots(t.Context()); err != nil || listErr != nil || len(left) > 0 || len(list) != 1 || list[0].ID == id {
			t.Errorf("left %v, snapshots %v, %v", left, list, err)
		}
	})
}
