package main

import (
	"context"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// engineHandlers answer for engines.
func engineHandlers(h control.Handlers) {
	control.On(h, func(_ context.Context, q ops.Engines) ([]ops.Engine, error) {
		return []ops.Engine{
			{Kind: "clamd", Address: "/run/clamav/clamd.ctl", State: "asked", Probed: at(5), Version: "ClamAV 1.4.6/27830", Made: at(0).Add(-72 * time.Hour), Old: true, Answers: 1234},
			{Kind: "spamd", Address: "127.0.0.1:783", State: "trouble", Since: at(4), Trouble: "connection refused", Answers: 7, Failures: 3},
		}, nil
	})
}
