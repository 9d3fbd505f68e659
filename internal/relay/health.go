package relay

import (
	"context"
	"log/slog"
	"net/netip"
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

// health remembers which mail hosts could not be reached, and which of them answer
// again. Whoever connects finds that out; Run alone tells of it, in its own goroutine.
type health struct {
	now  func() time.Time
	log  *slog.Logger
	news chan struct{} // somebody is well; has room for one

	mu      sync.Mutex
	bad     map[string]sickness
	well    map[string]bool      // answer again, and nobody was told so far
	told    map[string]time.Time // when that was told last
	probing map[string]bool      // a probe is under way
}

type sickness struct {
	failures int
	since    time.Time
	until    time.Time // probed again
	err      error
	target   target                  // that failed last
	at       map[netip.AddrPort]bool // what failed; the zero one: it has no address
}

func newHealth(now func() time.Time, log *slog.Logger) health {
	return health{
		now: now, log: log, news: make(chan struct{}, 1),
		bad: map[string]sickness{}, well: map[string]bool{}, told: map[string]time.Time{}, probing: map[string]bool{},
	}
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

// Down reports whether none of a destination's mail hosts could be reached lately.
func (r *Relay) Down(d queue.Destination) bool {
	if kind, _ := d.Split(); kind != "domain" && kind != "host" {
		return false
	}
	hosts, err := r.c.Router.Hosts(d)
	return err == nil && !slices.ContainsFunc(hosts, func(h Host) bool { return r.health.resting(h.Name) == 0 })
}

// note keeps what an attempt to connect led to. Servers found by MX have no name here
// and are not remembered.
func (h *health) note(t target, err error) {
	host := t.host
	if host == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	s, bad := h.bad[host]
	switch {
	case err == nil && bad:
		h.log.Info("mail host answers again", "host", host, "server", t, "after", now.Sub(s.since).Round(time.Second))
		delete(h.bad, host)
		// That one of its addresses answers beside one that never does is no news.
		if s.at[t.addr] || s.at[netip.AddrPort{}] || now.Sub(s.since) >= restMost {
			h.answers(host)
		}
	case err != nil:
		if !bad {
			h.log.Warn("mail host can't be reached, others are tried first", "host", host, "server", t, "error", err)
			s.since, s.at = now, map[netip.AddrPort]bool{}
		}
		s.until = now.Add(min(restFirst<<min(s.failures, 10), restMost))
		s.failures, s.err, s.target = s.failures+1, err, t
		if len(s.at) < maxTargets {
			s.at[t.addr] = true
		}
		h.bad[host] = s
		delete(h.well, host)
	}
}

// answers has Run tell of a host. The lock is held.
func (h *health) answers(host string) {
	h.well[host] = true
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// recovered returns the hosts to tell of: each once, and not more often than once in
// restMost, since much is tried then.
func (h *health) recovered() (hosts []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for host, at := range h.told {
		if now.Sub(at) >= restMost {
			delete(h.told, host)
		}
	}
	for host := range h.well {
		if _, lately := h.told[host]; !lately {
			h.told[host] = now
			delete(h.well, host)
			hosts = append(hosts, host)
		}
	}
	return hosts
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

// due returns the targets of the hosts whose time to be probed has come, and that no
// probe is under way for. The caller has each probed, and then calls probed.
func (h *health) due() (list []target) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for host, s := range h.bad {
		if !h.now().Before(s.until) && !h.probing[host] {
			h.probing[host] = true
			list = append(list, s.target)
		}
	}
	return list
}

// anywhere has it told of a host if any of its addresses answers: nobody has found one
// so far that does, and it may have moved.
func (h *health) anywhere(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, bad := h.bad[host]; bad {
		s.at[netip.AddrPort{}] = true
	}
}

// probed ends the probe of a host.
func (h *health) probed(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.probing, host)
}

// forget lets go of a host that is none any more.
func (h *health) forget(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.bad, host)
	delete(h.well, host)
}

// probeEvery is how often Run looks for hosts to probe, and probeTime how long a probe
// may take.
const (
	probeEvery = 5 * time.Second
	probeTime  = time.Minute
)

// Run probes mail hosts that could not be reached until they answer, so that no mail
// has to find out, and returns when ctx ends. recovered is told of each that does,
// whether a probe or mail found out, by one call at a time.
func (r *Relay) Run(ctx context.Context, recovered func(host string)) {
	var probes sync.WaitGroup // each by itself: one that says nothing keeps no other
	defer probes.Wait()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, t := range r.health.due() {
			probes.Go(func() { r.probe(ctx, t) })
		}
		for _, host := range r.health.recovered() {
			recovered(host)
		}
		select {
		case <-tick.C:
		case <-r.health.news:
		case <-ctx.Done():
		}
	}
}

// probe goes as far as a transaction could begin. A host that was changed is asked
// where it is now.
func (r *Relay) probe(ctx context.Context, t target) {
	defer r.health.probed(t.host)
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
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
	r.health.anywhere(t.host)
	for _, t := range targets {
		if c, err := r.connect(ctx, t); err == nil {
			c.quit()
			return
		}
	}
}
