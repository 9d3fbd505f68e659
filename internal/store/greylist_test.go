package store

import (
	"testing"

	"gatepost/internal/store/storetest"
)

func TestGreylistContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Greylist(t, func(t *testing.T) storetest.GreylistRows { return checked(t, open(t)).Greylist() })
	})
}
