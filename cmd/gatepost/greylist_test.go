package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// greylistHandlers answer for what greylisting remembers.
func greylistHandlers(h control.Handlers) {
	waits := ops.Triplet{
		ID: "1700-12", Identity: "192.0.2.0/24", Domain: "example.net\x1b[2J", State: "waiting", First: at(0), Last: at(2), Tries: 2,
		Tx: "01JD2QX7", Expires: at(50),
	}
	big := ops.Identity{Name: "example.net", Passes: 7, First: at(0), Last: at(9), Expires: at(50)}
	hand := big
	hand.Passes, hand.ByHand, hand.Name = 0, true, "example.org"
	control.On(h, func(_ context.Context, q ops.GreylistList) ([]ops.Triplet, error) {
		if q.Passed {
			return nil, nil
		}
		return []ops.Triplet{waits}, nil
	})
	control.On(h, answer[ops.GreylistIdentities]([]ops.Identity{big, hand}))
	control.On(h, func(_ context.Context, q ops.GreylistShow) (ops.GreylistKnown, error) {
		k := ops.GreylistKnown{Triplets: []ops.Triplet{waits}}
		switch q.Value {
		case "nobody@example.net":
			return k, control.NotFound("nothing is remembered of %s", q.Value)
		case "ann@example.net":
			k.Triplets[0].As = "sender"
		default:
			k.Identity = &big
		}
		return k, nil
	})
	control.On(h, answer[ops.GreylistPass](hand))
	control.On(h, answer[ops.GreylistForget](ops.GreylistForgotten{Triplets: 3}))
	control.On(h, answer[ops.GreylistStats]([]ops.Delay{
		{Domain: "example.net", Deferred: 120, Returned: 100, Lost: 17, Waiting: 3, P50: 600, P95: 14400, Over: true},
		{Domain: "<>", Deferred: 4, Lost: 4},
	}))
}
