package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// dmarcHandlers answer for what comes in our domains' names.
func dmarcHandlers(h control.Handlers) {
	here := ops.DMARCSum{Domain: "example.org", Reporter: "mx.example.net", Own: true, Messages: 40, Passed: 39, Share: 0.975, DKIM: 38, SPF: 30, Acted: 1}
	there := ops.DMARCSum{Domain: "example.org", Reporter: "big.example", Messages: 1234, Passed: 1000, Share: 0.81, DKIM: 1000, SPF: 900, Acted: 200}
	control.On(h, func(_ context.Context, q ops.DMARCList) ([]ops.DMARCSum, error) {
		if !q.Since.IsZero() {
			return []ops.DMARCSum{}, nil
		}
		return []ops.DMARCSum{there, here}, nil
	})
	control.On(h, func(_ context.Context, q ops.DMARCShow) (ops.DMARCDetail, error) {
		if q.Domain != "example.org" {
			return ops.DMARCDetail{}, control.NotFound("nothing is known of mail in the name of %s", q.Domain)
		}
		here.Network, there.Network = "192.0.2.0/24", "others"
		return ops.DMARCDetail{Sources: []ops.DMARCSum{there, here}, Reports: []ops.DMARCReport{{
			Time: at(5), Tx: "01JD", Reporter: "big.example", Proof: "dkim big.example", Organization: "Big", ID: "1", Begin: at(0), End: at(4), Policy: "none",
			Version: "rfc7489", Messages: 1234, Passed: 1000,
		}}}, nil
	})
}
