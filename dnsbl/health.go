package dnsbl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// ProbeEvery is how often lists are probed, and probeLimit how long that may take.
	ProbeEvery = time.Hour
	probeLimit = 20 * time.Second
	// SilentEvery is how often lists are probed that do not answer.
	SilentEvery = time.Minute
	// suspectEvery is how often a list is probed that hits nearly everybody.
	suspectEvery = time.Minute
	// silentAfter is after how many time-outs in a row mail does not wait for a list any more.
	silentAfter = 20
	// failedEvery is how often it is told that a list answers with the same fault.
	failedEvery = time.Hour
)

// Health knows which lists may be believed, and what they answered. It probes those that it
// watches when Run starts and each hour, and is told by Note what was said about mail. A
// list is only observed, without a voice,
//
//   - while a probe finds it broken. Of a list that could not be asked the last that was
//     known holds. One that hits nearly everybody (see breaker) is probed at once, not more
//     than once a minute;
//   - while it does not answer: after 20 time-outs in a row it is not asked either, but
//     probed each minute, so that mail does not wait for it.
type Health struct {
	resolver Resolver
	fresh    chan struct{} // a list to be probed at once
	witness  Witness

	mu    sync.Mutex
	lists map[string]*record
}

// A Witness is told what an admin should know of lists. It must not ask the Health back.
type Witness interface {
	// Changed tells of a list that broke or recovered.
	Changed(Condition)
	// Failed tells that a list answered with something that is no answer (a refusal, a
	// code that it should not have), once an hour for each list and kind.
	Failed(List, Answer)
}

// A record is what is known of one list.
type record struct {
	mu      sync.Mutex
	list    List
	probed  time.Time // when a probe was last begun
	probe   error     // what the last one that told something found wrong
	known   time.Time // when that was
	silent  bool
	hits    *breaker
	suspect bool // hits say that it should be probed
	tally   tally
	told    map[Fault]time.Time
	since   time.Time // of the trouble
}

// A Condition is what was last found out about a list.
type Condition struct {
	List    List
	Checked time.Time // of the last probe that told something; zero: none did yet
	Trouble error     // why the list is only observed; nil: it may be believed
	Since   time.Time // of the trouble
	Statistics
}

// NewHealth returns a Health that watches nothing yet. w may be nil.
func NewHealth(r Resolver, w Witness) *Health {
	return &Health{resolver: r, fresh: make(chan struct{}, 1), witness: w, lists: map[string]*record{}}
}

func key(l List) string { return string(l.Kind) + " " + l.Zone }

// Watch adds a list to those probed. Until its first probe it is believed.
func (h *Health) Watch(l List) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lists[key(l)] != nil {
		return
	}
	h.lists[key(l)] = &record{list: l, hits: newBreaker(l), told: map[Fault]time.Time{}}
	h.hurry()
}

// hurry has Run see at once which lists are due.
func (h *Health) hurry() {
	select {
	case h.fresh <- struct{}{}:
	default:
	}
}

// Inherit takes over what another Health knows of the lists that both watch, but for those
// whose ceiling or test point is another now.
func (h *Health) Inherit(from *Health) {
	from.mu.Lock()
	known := make(map[string]*record, len(from.lists))
	for k, r := range from.lists {
		known[k] = r
	}
	from.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, r := range h.lists {
		if old := known[k]; old != nil && old.list.Ceiling == r.list.Ceiling && old.list.Test == r.list.Test {
			h.lists[k] = old
		}
	}
}

func (h *Health) record(l List) *record {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lists[key(l)]
}

// Trouble says why a list is only observed, or nil where it may be believed. It wraps
// ErrBroken, or ErrSilent where the list is not worth asking.
func (h *Health) Trouble(l List) error {
	r := h.record(l)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble()
}

func (r *record) trouble() error {
	switch {
	case r.silent:
		return fmt.Errorf("dnsbl: %s %w: it gave no valid answer to %d questions in a row, so mail does not wait for it", r.list.Zone, ErrSilent, r.tally.InARow)
	case r.probe != nil:
		return r.probe
	}
	return nil
}

func (r *record) condition() Condition {
	return Condition{List: r.list, Checked: r.known, Trouble: r.trouble(), Since: r.since, Statistics: r.tally.statistics()}
}

// Note takes into account what lists answered about somebody.
func (h *Health) Note(answers []Answer) {
	for _, a := range answers {
		if a.State == NotRun || a.Fault == Cancelled {
			continue
		}
		if r := h.record(a.List); r != nil {
			h.note(r, a)
		}
	}
}

func (h *Health) note(r *record, a Answer) {
	now := time.Now()
	failed := false
	h.change(r, func() {
		r.tally.add(a, now)
		switch {
		case a.State != Error:
			r.silent = false
			if r.hits.add(subjectOf(a), a.State == Hit) {
				r.suspect = true
				h.hurry()
			}
		case a.Fault == TimedOut && r.tally.InARow >= silentAfter:
			r.silent = true
		case a.Fault.byList() && now.Sub(r.told[a.Fault]) >= failedEvery:
			r.told[a.Fault], failed = now, true
		}
	})
	if failed && h.witness != nil {
		h.witness.Failed(r.list, a)
	}
}

// change changes a record, and tells of it where the list broke or recovered by it.
func (h *Health) change(r *record, f func()) {
	r.mu.Lock()
	before := r.trouble() != nil
	f()
	now := r.trouble() != nil
	if now != before {
		r.since = time.Time{}
		if now {
			r.since = time.Now()
		}
	}
	told := r.condition()
	r.mu.Unlock()
	if now != before && h.witness != nil {
		h.witness.Changed(told)
	}
}

// Conditions tells what is known of all lists, by kind and zone.
func (h *Health) Conditions() []Condition {
	var list []Condition
	for _, r := range h.records() {
		r.mu.Lock()
		list = append(list, r.condition())
		r.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b Condition) int { return cmp.Compare(key(a.List), key(b.List)) })
	return list
}

func (h *Health) records() []*record {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*record, 0, len(h.lists))
	for _, r := range h.lists {
		list = append(list, r)
	}
	return list
}

// Run probes until ctx ends.
func (h *Health) Run(ctx context.Context) {
	tick := time.NewTicker(SilentEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-h.fresh:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		h.round(ctx, (*record).due)
	}
}

// due reports whether a list should be probed again.
func (r *record) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	after := ProbeEvery
	switch {
	case r.silent:
		after = SilentEvery
	case r.suspect:
		after = suspectEvery
	}
	return r.probed.IsZero() || time.Since(r.probed) >= after
}

// Probe probes all lists now.
func (h *Health) Probe(ctx context.Context) { h.round(ctx, func(*record) bool { return true }) }

// round probes, side by side, the lists that pick picks.
func (h *Health) round(ctx context.Context, pick func(*record) bool) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range h.records() {
		if !pick(r) {
			continue
		}
		r.mu.Lock()
		r.probed, r.suspect = time.Now(), false
		r.mu.Unlock()
		wg.Go(func() { h.learn(r, r.list.Probe(ctx, h.resolver)) })
	}
	wg.Wait()
}

// learn notes what a probe found out.
func (h *Health) learn(r *record, trouble error) {
	if errors.Is(trouble, ErrSilent) {
		return
	}
	h.change(r, func() {
		r.probe, r.known = trouble, time.Now()
		r.silent, r.tally.InARow = false, 0
	})
}
