package store

import (
	"testing"

	"gatepost/internal/complaint"
	"gatepost/internal/journal"
	"gatepost/internal/store/storetest"
)

func TestComplaintContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Complaint(t, func(t *testing.T) storetest.ComplaintRows {
			db := checked(t, open(t))
			return storetest.ComplaintRows{
				Rows: db.Complaints(),
				Put: func(t *testing.T, list ...complaint.Report) {
					t.Helper()
					if err := db.Update(t.Context(), func(tx *Tx) error { return putReports(tx, list) }); err != nil {
						t.Fatal(err)
					}
				},
				Journal: func(t *testing.T, rows ...*journal.Row) {
					t.Helper()
					if err := db.Journal().Put(t.Context(), rows); err != nil {
						t.Fatal(err)
					}
				},
			}
		})
	})
}
