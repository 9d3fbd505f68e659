package store

import (
	"testing"

	"gatepost/internal/outbreak"
	"gatepost/internal/store/storetest"
)

func TestOutbreakContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Outbreak(t, func(t *testing.T) outbreak.Rows { return open(t).Outbreak() })
	})
}
