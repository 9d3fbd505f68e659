package store

import (
	"testing"

	"gatepost/internal/bulk"
	"gatepost/internal/store/storetest"
)

func TestBulkContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Bulk(t, func(t *testing.T) bulk.Rows { return open(t).Bulk() })
	})
}
