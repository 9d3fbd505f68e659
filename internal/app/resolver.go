package app

import (
	"context"

	"gatepost/internal/config"
	"gatepost/internal/resolve"
)

func (a *App) openResolver(_ context.Context, c *config.Config) (err error) {
	a.resolver, err = resolve.New(resolve.Config{
		Servers: c.Resolver.Servers, Timeout: c.Resolver.Timeout, CacheSize: c.Resolver.Cache, CacheMemory: int(c.Resolver.Memory),
		Stale: c.Resolver.Stale, Validates: c.Resolver.Validates, Now: a.now, Observer: a.metrics, Report: a.dnsServer,
	})
	if err != nil {
		return err
	}
	a.closing(func() error { a.resolver.Close(); return nil })
	a.metrics.Gauge("dns_servers_up", "DNS servers that are asked and not in trouble.", func() (up float64) {
		for _, s := range a.resolver.Conditions() {
			if s.Trouble == nil {
				up++
			}
		}
		return up
	})
	return nil
}

// dnsServer tells of a DNS server that fell into trouble or is well again.
func (a *App) dnsServer(s resolve.Condition) {
	if s.Trouble != nil {
		a.log.Warn("DNS server is in trouble and is asked last, or not at all while it is silent", "server", s.Server, "silent", s.Silent, "reason", s.Trouble)
		return
	}
	a.log.Info("DNS server is well again", "server", s.Server)
}

// messageBudget is what one message may have looked up.
func messageBudget(c *config.Config) resolve.Budget {
	return resolve.Budget{Questions: c.Resolver.Questions, Time: c.Resolver.Wait, Parallel: messageParallel}
}

// messageParallel is how many of a message's questions are under way at once: a sixteenth
// of all that may be.
const messageParallel = resolve.DefaultInFlight / 16
