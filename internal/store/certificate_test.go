package store

import (
	"testing"

	"gatepost/internal/certificate"
	"gatepost/internal/store/storetest"
)

func TestCertificatesContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Certificates(t, func(t *testing.T) certificate.Rows { return open(t).Certificates() })
	})
}
