package store

import (
	"testing"

	"gatepost/internal/learnt"
	"gatepost/internal/store/storetest"
)

func TestLearntContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Learnt(t, func(t *testing.T) learnt.Rows { return open(t).Learnt() })
	})
}
