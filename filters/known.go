package filters

import (
	"github.com/emersion/go-msgauth/authres"

	"gatepost/pipeline"
)

// KnownAuth is what was found out of a transaction's sender by SPF and DKIM, whoever asked
// for it: an allow entry that stands above the filters spf and dkim asks, too, and keeps the
// walk from them. It looks nothing up, and is safe for many goroutines.
func KnownAuth(tx *pipeline.Transaction) (results []authres.Result) {
	sender, _ := spfIdentity(tx)
	if a, ok := pipeline.Known[spfAnswer](tx, spfFactKey(tx, sender)); ok && !a.private(tx.Client.Addr) {
		results = append(results, a.Auth)
	}
	if a, ok := pipeline.Known[dkimAnswer](tx, dkimKey); ok {
		results = append(results, a.auth()...)
	}
	return results
}
