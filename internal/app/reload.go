package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// errReloading: one reload is under way.
var errReloading = errors.New("another reload is in progress")

// oldStays is the first line of what is told where a configuration has mistakes.
const oldStays = "the old configuration stays:"

// reloads is what is known of reloads.
type reloads struct {
	mu      sync.Mutex // of the one that is under way
	running atomic.Bool

	load    func() (*config.Config, error) // nil: nobody serves
	applied func(*config.Config)
}

// ReloadFrom says how the configuration is read again, and who is told of one that is in
// force. It is called before Run.
func (a *App) ReloadFrom(load func() (*config.Config, error), applied func(*config.Config)) {
	a.reloads.load, a.reloads.applied = load, applied
	a.metrics.Gauge("reloading", "1 while another configuration is being put in force.", func() float64 {
		if a.reloads.running.Load() {
			return 1
		}
		return 0
	})
}

// needsRestart reports whether a setting is read only when the program starts: where data
// is, who the node is, and what the clients of others' servers were made with.
func needsRestart(path string) bool {
	section, _, _ := strings.Cut(path, ".")
	if slices.Contains([]string{"store", "content", "resolver", "relay", "sieve", "history", "collector"}, section) {
		return path != "resolver.message_questions" && path != "resolver.message_time"
	}
	return slices.Contains([]string{
		"data", "hostname", "listen.dns", "limits.min_free", "log.format", "web.url", "digest.language", "digest.zone",
		"complaints.reporters", "complaints.threshold", "complaints.half_life", "complaints.people",
		"complaints.share", "complaints.shared", "complaints.keep", "dmarc.reports", "dmarc.organization", "dmarc.contact",
	}, path)
}

// reload reads the configuration again and puts it in force.
func (a *App) reload(_ context.Context, _ ops.Reload) (ops.Reloaded, error) {
	if a.reloads.load == nil {
		return ops.Reloaded{}, control.NotFound("nobody serves the data directory: the configuration is read when gatepost serve starts")
	}
	a.supervised(a.supervisor.Reloading())
	state := "the old configuration is in force: the new one has mistakes, which the log tells"
	defer func() { a.supervised(a.supervisor.Ready(state)) }()
	c, err := a.reloads.load()
	var r ops.Reloaded
	if err == nil {
		r, err = a.Reload(c)
	}
	if err != nil {
		a.log.Error("reload: the old configuration stays", "error", err)
		return ops.Reloaded{}, fmt.Errorf("%s\n%w", oldStays, err)
	}
	state = "the new configuration is in force"
	a.log.Info("reload: "+state, "changed", strings.Join(r.Changed, ","), "needs_restart", strings.Join(r.NeedsRestart, ","))
	return r, nil
}

// Reload puts another configuration in force, or, where it returns an error, changes
// nothing. Who is connected stays connected, to what served him so far. What is read at the
// start alone stays as it was, and is named.
func (a *App) Reload(c *config.Config) (ops.Reloaded, error) {
	if !a.reloads.mu.TryLock() {
		return ops.Reloaded{}, errReloading
	}
	defer a.reloads.mu.Unlock()
	a.reloads.running.Store(true)
	defer a.reloads.running.Store(false)
	next := *c
	var r ops.Reloaded
	r.Changed, r.NeedsRestart = next.Succeed(a.config.Load(), needsRestart)
	apply, err := a.prepare(&next)
	if err != nil {
		return ops.Reloaded{}, err
	}
	apply()
	if a.reloads.applied != nil {
		a.reloads.applied(&next)
	}
	return r, nil
}

// prepare makes all that a configuration needs; the function it returns can't fail.
func (a *App) prepare(c *config.Config) (apply func(), err error) {
	if a.zone != nil {
		if err := a.dnsZone(c).Check(); err != nil {
			return nil, err
		}
	}
	if err := checkPasswordRules(c); err != nil {
		return nil, err
	}
	if err := missingAddresses(c); err != nil {
		return nil, err
	}
	site, err := a.site.With(a.pages(c))
	if err != nil {
		return nil, err
	}
	providers, err := a.identity.Prepare(identityProviders(c))
	if err != nil {
		return nil, err
	}
	listening, cancel := func() {}, func() {}
	if a.spool != "" {
		points, err := a.points(c, site, a.spool)
		if err != nil {
			return nil, err
		}
		change, err := a.board.Prepare(points)
		if err != nil {
			return nil, err
		}
		listening, cancel = change.Apply, change.Cancel
	}
	back, err := a.certificates.Use(certificateFiles(c))
	if err != nil {
		cancel()
		return nil, err
	}
	a.setPacks(context.Background(), c)
	if err := a.setPolicies(c); err != nil {
		a.setPacks(context.Background(), a.config.Load())
		cancel()
		back()
		return nil, err
	}
	return func() { a.apply(c); providers.Apply(); a.site = site; listening(); a.tellMissing(c) }, nil
}

// apply puts settings in force that are plain values.
func (a *App) apply(c *config.Config) {
	a.config.Store(c)
	a.intake.SetConfig(intakeConfig(c))
	a.queue.Set(a.queueConfig(c))
	a.bans.Set(a.banConfig(c))
	a.notifier.Set(a.notifying(c))
	a.edge.limits.Set(c.Limits.Connections, c.Limits.ConnectionsPerNetwork, int64(c.Limits.InFlight))
	if a.zone != nil {
		if err := a.zone.Set(a.dnsZone(c)); err != nil { // prepare has checked it
			a.log.Error("the published blacklist stays as it was", "error", err)
		}
	}
}
