package store

import (
	"testing"
	"time"

	"gatepost/internal/queue"
	"gatepost/internal/store/storetest"
)

func TestTrustContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Trust(t, func(t *testing.T) storetest.TrustRows {
			db := open(t)
			knownBoxes(t, db, 1)
			return storetest.TrustRows{Rows: db.Trust(), Queue: queueRows(db), Quarantine: quarantineRows(db), Back: func(t *testing.T, id string) {
				t.Helper()
				err := db.Update(t.Context(), func(tx *Tx) error {
					back, err := putBack(tx, id, time.Now().Add(time.Hour), "refused")
					if !back {
						t.Errorf("%s is not held again", id)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}}
		})
	})
}

func TestSentContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Sent(t, func(t *testing.T) storetest.SentRows {
			db := open(t)
			return storetest.SentRows{Rows: db.Sent(), Queue: queueRows(db), Fails: func(t *testing.T, list []*queue.Transfer, fail error) error {
				return db.Update(t.Context(), func(tx *Tx) error {
					if err := putTransfers(tx, list); err != nil {
						return err
					}
					if err := tx.run(func(*Tx) error { return nil }); err != nil { // all but the end
						return err
					}
					return fail
				})
			}}
		})
	})
}
