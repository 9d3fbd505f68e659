package app

import (
	"context"
	"strings"

	"gatepost/dnsbl"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// dnsLists tells how the DNS lists of the policies in force are.
func (a *App) dnsLists(ctx context.Context, q ops.DNSLists) ([]ops.DNSList, error) {
	health := a.lists.current.Load()
	if q.Probe {
		health.Probe(ctx)
	}
	zone := spelledDomain(q.Zone)
	list := []ops.DNSList{}
	for _, c := range health.Conditions() {
		if q.Zone == "" || c.List.Zone == zone {
			list = append(list, dnsList(c))
		}
	}
	if q.Zone != "" && len(list) == 0 {
		return nil, control.NotFound("no policy asks a DNS list %s", q.Zone)
	}
	return list, nil
}

func dnsList(c dnsbl.Condition) ops.DNSList {
	l := ops.DNSList{
		Zone: c.List.Zone, Kind: string(c.List.Kind), State: "believed", Checked: c.Checked.UTC(),
		Asked: c.Asked, Hits: c.Hits, Misses: c.Misses, Errors: map[string]int64{}, P50: c.P50.Seconds(), P95: c.P95.Seconds(),
		LastError: c.LastError, LastErrorAt: c.ErrorAt.UTC(),
	}
	if c.Trouble != nil {
		l.State, l.Since = "observed", c.Since.UTC()
		l.Trouble = strings.TrimPrefix(strings.TrimPrefix(c.Trouble.Error(), "dnsbl: "+l.Zone+" "), "is ")
	}
	for fault, n := range c.Errors {
		l.Errors[string(fault)] = n
	}
	return l
}
