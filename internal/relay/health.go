package relay

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/queue"
)

// How long a mail host that could not be reached is left alone before it is probed.
// Until it answers it is tried last.
const (
	restFirst = 15 * time.Second // doubling with each failure
	restMost  = time.Minute
)

// health remembers which mail hosts could not be reached.
type health struct {
	now func() time.Time
	log *slog.Logger
	mu  sync.Mutex
	bad map[string]sickness
}

type sickness struct {
	failures int
	since    time.Time
	until    time.Time // probed again
	err      error
	target   target // that failed last
}

// A HostHealth is how a mail host does that could not be reached lately.
type HostHealth struct {
	Host  string
	Since time.Time // of the first failure in a row
	Until time.Time // it is probed again
	Err   error
}

// Health returns the mail hosts that could not be reached, by name.
func (r *Relay) Health() []HostHealth {
	h := &r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []HostHealth
	for name, s := range h.bad {
		all = append(all, HostHealth{name, s.since, s.until, s.err})
	}
	slices.SortFunc(all, func(a, b HostHealth) int { return strings.Compare(a.Host, b.Host) })
	return all
}

// note keeps what an attempt to connect led to, and reports whether it ended an
// illness. Servers found by MX have no name here and are not remembered.
func (h *health) note(t target, err error) (recovered bool) {
	host := t.host
	if host == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, bad := h.bad[host]
	if err == nil {
		if bad {
			h.log.Info("mail host answers again", "host", host, "server", t, "after", h.now().Sub(s.since).Round(time.Second))
		}
		delete(h.bad, host)
		return bad
	}
	if !bad {
		h.log.Warn("mail host can't be reached, others are tried first", "host", host, "server", t, "error", err)
	}
	if h.bad == nil {
		h.bad = map[string]sickness{}
	}
	now := h.now()
	if s.failures == 0 {
		s.since = now
	}
	s.until = now.Add(min(restFirst<<min(s.failures, 10), restMost))
	s.failures, s.err, s.target = s.failures+1, err, t
	h.bad[host] = s
	return false
}

// resting is 1 while a host is to be tried last, else 0.
func (h *health) resting(host string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, bad := h.bad[host]; bad {
		return 1
	}
	return 0
}

// due returns the targets of the hosts whose time to be probed has come.
func (h *health) due() (list []target) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.bad {
		if !h.now().Before(s.until) {
			list = append(list, s.target)
		}
	}
	return list
}

// forget lets go of a host that is none any more.
func (h *health) forget(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.bad, host)
}

// probeEvery is how often Run looks for hosts to probe.
const probeEvery = 5 * time.Second

// Run probes mail hosts that could not be reached until they answer, so that no mail
// has to find out, and returns when ctx ends. recovered is told of each that does.
func (r *Relay) Run(ctx context.Context, recovered func(host string)) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var probes sync.WaitGroup
		for _, t := range r.health.due() {
			probes.Go(func() { r.probe(ctx, t, recovered) })
		}
		probes.Wait()
	}
}

// probe goes as far as a transaction could begin. A host that was changed is asked
// where it is now.
func (r *Relay) probe(ctx context.Context, t target, recovered func(host string)) {
	hosts, err := r.c.Router.Hosts(queue.ToHost(t.host))
	if err != nil || len(hosts) == 0 {
		r.health.forget(t.host)
		return
	}
	targets, err := r.hostTargets(ctx, hosts[0])
	if err != nil {
		r.health.note(t, err)
		return
	}
	for _, t := range targets {
		c, err := r.connect(ctx, t)
		if err == nil {
			c.quit()
			recovered(t.host)
			return
		}
	}
}
