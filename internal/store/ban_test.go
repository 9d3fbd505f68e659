package store

import (
	"testing"

	"gatepost/internal/ban"
	"gatepost/internal/store/storetest"
)

func TestBanContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Bans(t, func(t *testing.T) ban.Rows { return open(t).Bans() })
	})
}
