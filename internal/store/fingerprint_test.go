package store

import (
	"testing"

	"gatepost/internal/fingerprint"
	"gatepost/internal/store/storetest"
)

func TestFingerprintContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Fingerprint(t, func(t *testing.T) fingerprint.Rows { return open(t).Fingerprints() })
	})
}
