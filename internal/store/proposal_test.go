package store

import (
	"testing"

	"gatepost/internal/proposal"
	"gatepost/internal/store/storetest"
)

func TestProposalsContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Proposals(t, func(t *testing.T) proposal.Rows { return open(t).Proposals() })
	})
}
