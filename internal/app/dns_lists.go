package app

import (
	"context"
	"log/slog"
	"sync/atomic"

	"gatepost/dnsbl"
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
func (w *dnsListWatch) fresh() *dnsbl.Health { return dnsbl.NewHealth(w.resolver, w.report) }

func (w *dnsListWatch) watch(h *dnsbl.Health) {
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

// report tells of a list that broke or recovered.
func (w *dnsListWatch) report(c dnsbl.Condition) {
	if c.Trouble != nil {
		w.log.Warn("DNS list is only observed, its answers do not count", "zone", c.List.Zone, "reason", c.Trouble)
		return
	}
	w.log.Info("DNS list is believed again", "zone", c.List.Zone)
}
