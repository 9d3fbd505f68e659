package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// packHandlers answer for packs.
func packHandlers(h control.Handlers) {
	versions := []ops.PackVersion{
		{Number: 3, Version: "2026-11-22\x1b[2J", Title: "Fake invoices", Came: at(4), Patterns: 120, Rules: 3, RolledBack: true},
		{Number: 2, Title: "Fake invoices", Came: at(2), Patterns: 118, Rules: 3, InForce: true},
	}
	invoices := ops.Pack{Name: "invoices", Source: "https://packs.example/invoices", Current: 2, Looked: at(5), Next: at(50), Versions: versions}
	ours := ops.Pack{Name: "ours", Source: "/etc/gatepost/ours.txt", Error: "pack ours: the new version is not taken: 2:1: a line begins with word", Versions: []ops.PackVersion{}}
	control.On(h, answer[ops.PackList]([]ops.Pack{invoices, ours}))
	control.On(h, answer[ops.PackRefresh](invoices))
	control.On(h, answer[ops.PackRollback](invoices))
	control.On(h, func(_ context.Context, q ops.PackShow) (ops.Pack, error) {
		if q.Name != "invoices" {
			return ops.Pack{}, control.NotFound("pack %q: no pack has that name", q.Name)
		}
		return invoices, nil
	})
}
