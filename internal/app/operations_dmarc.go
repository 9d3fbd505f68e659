package app

import (
	"context"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/dmarc"
)

// dmarcOps are the operations on what is known of mail in our domains' names.
func (a *App) dmarcOps(h control.Handlers) {
	control.On(h, a.listDMARC)
	control.On(h, a.showDMARC)
}

// sinceDay is the first day that is asked for.
func sinceDay(t time.Time) dmarc.Day {
	if t.IsZero() {
		return ""
	}
	return dmarc.DayOf(t)
}

func (a *App) listDMARC(ctx context.Context, q ops.DMARCList) ([]ops.DMARCSum, error) {
	if err := a.dmarc.Flush(ctx); err != nil { // who asks now wants what came a moment ago
		return nil, err
	}
	list, err := a.store.DMARC().Totals(ctx, sinceDay(q.Since))
	return a.dmarcSums(list, false), err
}

// shownReports is how many reports are shown of a domain; shownSources is how many networks,
// and maxShownSources how many may be asked for.
const (
	shownReports    = 50
	shownSources    = 100
	maxShownSources = 10_000
)

func (a *App) showDMARC(ctx context.Context, q ops.DMARCShow) (ops.DMARCDetail, error) {
	domain := spelledDomain(q.Domain)
	if err := a.dmarc.Flush(ctx); err != nil {
		return ops.DMARCDetail{}, err
	}
	limit := shownSources
	if q.Limit > 0 {
		limit = min(q.Limit, maxShownSources)
	}
	sums := a.store.DMARC()
	sources, err := sums.Sources(ctx, domain, sinceDay(q.Since), limit)
	if err != nil {
		return ops.DMARCDetail{}, err
	}
	reports, err := sums.Reports(ctx, domain, shownReports)
	if err != nil {
		return ops.DMARCDetail{}, err
	}
	if len(sources)+len(reports) == 0 {
		return ops.DMARCDetail{}, control.NotFound("nothing is known of mail in the name of %s", domain)
	}
	out := ops.DMARCDetail{Sources: a.dmarcSums(sources, true), Reports: []ops.DMARCReport{}}
	for _, r := range reports {
		out.Reports = append(out.Reports, ops.DMARCReport{
			Time: r.Time, Tx: r.Tx, Reporter: r.Reporting, Proof: r.Proof, Organization: r.Org, ID: r.ID, Begin: r.Begin, End: r.End,
			Policy: r.Policy, Version: r.Version, Cut: r.Cut, Messages: r.Messages, Passed: r.Passed,
		})
	}
	return out, nil
}

func (a *App) dmarcSums(list []dmarc.Sum, networks bool) []ops.DMARCSum {
	out := []ops.DMARCSum{}
	for _, s := range list {
		one := ops.DMARCSum{
			Domain: s.Domain, Reporter: s.Reporter, Own: s.Reporter == a.config.Load().Hostname,
			Messages: s.Messages, Passed: s.Passed, DKIM: s.DKIM, SPF: s.SPF, Acted: s.Acted,
		}
		if s.Messages > 0 {
			one.Share = float64(s.Passed) / float64(s.Messages)
		}
		if networks {
			one.Network = "others"
			if s.Network.IsValid() {
				one.Network = s.Network.String()
			}
		}
		out = append(out, one)
	}
	return out
}
