package relay

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// How long a mail host that could not be reached is tried last.
const (
	restFirst = 30 * time.Second // doubling with each failure
	restMost  = 10 * time.Minute
)

// health remembers which mail hosts could not be reached.
type health struct {
	now func() time.Time
	mu  sync.Mutex
	bad map[string]sickness
}

type sickness struct {
	failures int
	since    time.Time
	until    time.Time // tried last
	err      error
}

// A HostHealth is how a mail host does that could not be reached lately.
type HostHealth struct {
	Host  string
	Since time.Time // of the first failure in a row
	Until time.Time // it is tried last
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

// note keeps what an attempt to connect led to. Servers found by MX have no name
// here and are not remembered.
func (h *health) note(host string, err error) {
	if host == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.bad, host)
		return
	}
	if h.bad == nil {
		h.bad = map[string]sickness{}
	}
	now := h.now()
	s := h.bad[host]
	if s.failures == 0 {
		s.since = now
	}
	s.until = now.Add(min(restFirst<<min(s.failures, 10), restMost))
	s.failures, s.err = s.failures+1, err
	h.bad[host] = s
}

// resting is 1 while a host is to be tried last, else 0.
func (h *health) resting(host string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, bad := h.bad[host]; bad && h.now().Before(s.until) {
		return 1
	}
	return 0
}
