package main

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// dnsblHandlers answer for DNS lists.
func dnsblHandlers(h control.Handlers) {
	lists := []ops.DNSList{
		{Zone: "w.example", Kind: "allow", State: "believed", Errors: map[string]int64{}},
		{
			Zone: "zen.example.net", Kind: "deny", State: "observed", Since: at(4), Checked: at(5), Asked: 1234, Hits: 1000, Misses: 220, P50: 0.0042, P95: 1.5,
			Trouble: "not to be believed: it lists 198.41.0.4, which no list has a reason to, so it lists the world",
			Errors:  map[string]int64{"timeout": 4, "public resolver": 10}, LastErrorAt: at(6),
			LastError: "answered 127.255.255.254: the list refuses queries through this resolver: use a resolver of your own, or a key from the list's operator",
		},
	}
	control.On(h, func(_ context.Context, q ops.DNSLists) ([]ops.DNSList, error) {
		switch q.Zone {
		case "":
			return lists, nil
		case "zen.example.net":
			return lists[1:], nil
		}
		return nil, control.NotFound("no policy asks a DNS list %s", q.Zone)
	})
}
