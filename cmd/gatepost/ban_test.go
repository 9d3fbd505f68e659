package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// banHandlers answer for bans.
func banHandlers(h control.Handlers) {
	b := ops.Ban{
		ID: 7, Network: "192.0.2.7/32", Cause: "login", Note: "log-ins to 20 accounts failed\x1b[2J", Who: "node", Step: 2, Active: true,
		Imposed: at(1), Until: at(59), Hits: 3, LastHit: at(4),
	}
	before := ops.Ban{
		ID: 3, Network: "192.0.2.7/32", Cause: "honeypot", Who: "node", Step: 1, Imposed: at(0), Until: at(10), Lifted: at(2), LiftedBy: "self", Reason: "my phone",
	}
	control.On(h, func(_ context.Context, q ops.BanList) ([]ops.Ban, error) {
		if q.Cause == "admin" {
			return []ops.Ban{}, nil
		}
		if q.Cause == "login" {
			void := b
			void.Void = "the global allow list has 192.0.2.0/24"
			return []ops.Ban{void}, nil
		}
		return []ops.Ban{b, before}, nil
	})
	control.On(h, func(_ context.Context, q ops.BanShow) ([]ops.Ban, error) {
		switch q.What {
		case "3":
			return []ops.Ban{before}, nil
		case "192.0.2.7":
			return []ops.Ban{b, before}, nil
		}
		return nil, control.NotFound("%s: no such ban", q.What)
	})
	control.On(h, func(_ context.Context, q ops.BanAdd) (ops.Ban, error) {
		if q.Network == "127.0.0.1" {
			return ops.Ban{}, control.Misused("ban: 127.0.0.1/32 is never banned: it is this machine")
		}
		return b, nil
	})
	control.On(h, answer[ops.BanLift](b))
}
