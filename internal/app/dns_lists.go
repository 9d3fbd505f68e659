package app

import (
	"context"
	"log/slog"
	"sync/atomic"

	"gatepost/dnsbl"
	"gatepost/internal/metric"
)

// A dnsListWatch probes the DNS lists of the policies in force: a list that is
// dead, or lists the world, loses its voice until it is well again.
type dnsListWatch struct {
	resolver dnsbl.Resolver
	log      *slog.Logger
	current  atomic.Pointer[dnsbl.Health]
	changed  chan struct{} // another Health is current
}

func newDNSListWatch(r dnsbl.Resolver, log *slog.Logger) *dnsListWatch {
	return &dnsListWatch{resolver: r, log: log, changed: make(chan struct{}, 1)}
}

// fresh returns a Health for another set of policies, which is probed only once
// watch is called.
func (w *dnsListWatch) fresh() *dnsbl.Health { return dnsbl.NewHealth(w.resolver, w) }

// watch has the lists of another set of policies watched; what is known of those that stay is
// kept.
func (w *dnsListWatch) watch(h *dnsbl.Health) {
	if before := w.current.Load(); before != nil {
		h.Inherit(before)
	}
	w.current.Store(h)
	select {
	case w.changed <- struct{}{}:
	default: // run will look anyway
	}
}

// run probes the current lists until ctx ends.
func (w *dnsListWatch) run(ctx context.Context) error {
	for ctx.Err() == nil {
		turn, end := context.WithCancel(ctx)
		done := make(chan struct{})
		health := w.current.Load()
		go func() {
			defer close(done)
			health.Run(turn)
		}()
		select {
		case <-w.changed:
		case <-ctx.Done():
		}
		end()
		<-done
	}
	return nil
}

// Changed implements dnsbl.Witness: a list broke or recovered.
func (w *dnsListWatch) Changed(c dnsbl.Condition) {
	if c.Trouble != nil {
		w.log.Warn("DNS list is only observed, its answers do not count", "zone", c.List.Zone, "reason", c.Trouble)
		return
	}
	w.log.Info("DNS list is believed again", "zone", c.List.Zone)
}

// Failed implements dnsbl.Witness: a list answers with what is no answer.
func (w *dnsListWatch) Failed(l dnsbl.List, a dnsbl.Answer) {
	w.log.Warn("DNS list does not answer as it should, this lists nobody", "zone", l.Zone, "fault", string(a.Fault), "reason", a.Cause)
}

// count adds the numbers of the lists in force to the node's.
func (w *dnsListWatch) count(m *metric.Metrics) {
	each := func(f func(c dnsbl.Condition, kind, zone string)) {
		for _, c := range w.current.Load().Conditions() {
			f(c, string(c.List.Kind), c.List.Zone)
		}
	}
	m.Table("dns_list_answers_total", "Answers of DNS lists about mail.", []string{"kind", "zone", "answer"}, func(row metric.Row) {
		each(func(c dnsbl.Condition, kind, zone string) {
			row(float64(c.Hits), kind, zone, "hit")
			row(float64(c.Misses), kind, zone, "miss")
		})
	})
	m.Table("dns_list_errors_total", "Answers of DNS lists that were none, by cause.", []string{"kind", "zone", "cause"}, func(row metric.Row) {
		each(func(c dnsbl.Condition, kind, zone string) {
			for fault, n := range c.Errors {
				row(float64(n), kind, zone, string(fault))
			}
		})
	})
	m.Table("dns_list_observed", "1 where a DNS list is only observed, since it is broken or silent.", []string{"kind", "zone"}, func(row metric.Row) {
		each(func(c dnsbl.Condition, kind, zone string) {
			observed := 0.0
			if c.Trouble != nil {
				observed = 1
			}
			row(observed, kind, zone)
		})
	})
	m.Table("dns_list_seconds", "Time within which this share of a DNS list's answers came.", []string{"kind", "zone", "quantile"}, func(row metric.Row) {
		each(func(c dnsbl.Condition, kind, zone string) {
			row(c.P50.Seconds(), kind, zone, "0.5")
			row(c.P95.Seconds(), kind, zone, "0.95")
		})
	})
}
