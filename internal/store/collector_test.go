package store

import (
	"testing"

	"gatepost/internal/store/storetest"
)

func TestCollectorsContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Collectors(t, func(t *testing.T) storetest.CollectorStore {
			db := checked(t, open(t))
			knownBoxes(t, db, 3)
			return storetest.CollectorStore{Rows: db.Collectors(), Commit: db.Commit, Bring: db.Collectors().Bring}
		})
	})
}
