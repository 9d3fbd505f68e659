package store

import (
	"testing"

	"gatepost/internal/signing"
	"gatepost/internal/store/storetest"
)

func TestSigningContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Signing(t, func(t *testing.T) signing.Rows { return open(t).Signing() })
	})
}
