package store

import (
	"testing"

	"gatepost/internal/dmarc"
	"gatepost/internal/store/storetest"
)

func TestDMARCContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.DMARC(t, func(t *testing.T) storetest.DMARCRows {
			db := checked(t, open(t))
			return storetest.DMARCRows{
				Rows: db.DMARC(), Sums: db.DMARC(),
				Put: func(t *testing.T, list ...dmarc.Received) {
					t.Helper()
					if err := db.Update(t.Context(), func(tx *Tx) error { return putDMARCReports(tx, list) }); err != nil {
						t.Fatal(err)
					}
				},
			}
		})
	})
}
