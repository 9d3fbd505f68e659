package store

import (
	"testing"

	"gatepost/internal/store/storetest"
)

func TestAccountContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Account(t, func(t *testing.T) storetest.AccountStore {
			db := open(t)
			knownBoxes(t, db, 2)
			return db.Accounts()
		})
	})
}
