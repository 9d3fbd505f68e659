package dnsbl

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ProbeEvery is how often lists are probed, and probeLimit how long one may take.
const (
	ProbeEvery = time.Hour
	probeLimit = 20 * time.Second
)

// Health knows which lists may be believed. It probes those that it watches when
// Run starts and each hour; a list that turns out broken is only observed, without a
// voice, until a probe goes well again. Of a list that could not be asked the last
// that was known holds.
type Health struct {
	resolver Resolver
	fresh    chan struct{} // a list to be probed at once
	report   func(Condition)

	mu    sync.Mutex
	lists map[string]*Condition
}

// A Condition is what was last found out about a list.
type Condition struct {
	List    List
	Checked time.Time // of the last probe that told something; zero: none did yet
	Trouble error     // why the list is only observed; nil: it may be believed
}

// NewHealth returns a Health that watches nothing yet. report, which may be nil, is told of
// each list that breaks or recovers.
func NewHealth(r Resolver, report func(Condition)) *Health {
	return &Health{resolver: r, fresh: make(chan struct{}, 1), report: report, lists: map[string]*Condition{}}
}

func key(l List) string { return string(l.Kind) + " " + l.Zone }

// Watch adds a list to those probed. Until its first probe it is believed.
func (h *Health) Watch(l List) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lists[key(l)] != nil {
		return
	}
	h.lists[key(l)] = &Condition{List: l}
	select {
	case h.fresh <- struct{}{}:
	default:
	}
}

// Trouble says why a list is only observed, or nil where it may be believed.
func (h *Health) Trouble(l List) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.lists[key(l)]; c != nil {
		return c.Trouble
	}
	return nil
}

// Conditions tells what is known of all lists, by zone.
func (h *Health) Conditions() []Condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Condition, 0, len(h.lists))
	for _, c := range h.lists {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Condition) int { return cmp.Compare(key(a.List), key(b.List)) })
	return list
}

// Run probes until ctx ends.
func (h *Health) Run(ctx context.Context) {
	tick := time.NewTicker(ProbeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		only := func(c Condition) bool { return c.Checked.IsZero() }
		select {
		case <-h.fresh:
		case <-tick.C:
			only = func(Condition) bool { return true }
		case <-ctx.Done():
			return
		}
		h.round(ctx, only)
	}
}

// round probes, side by side, the lists that only picks.
func (h *Health) round(ctx context.Context, only func(Condition) bool) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range h.Conditions() {
		if only(c) {
			wg.Go(func() { h.learn(c.List, c.List.Probe(ctx, h.resolver)) })
		}
	}
	wg.Wait()
}

// learn notes what a probe found out.
func (h *Health) learn(l List, trouble error) {
	if errors.Is(trouble, ErrSilent) {
		return
	}
	h.mu.Lock()
	c := h.lists[key(l)]
	changed := (c.Trouble == nil) != (trouble == nil)
	c.Trouble, c.Checked = trouble, time.Now()
	told := *c
	h.mu.Unlock()
	if changed && h.report != nil {
		h.report(told)
	}
}
