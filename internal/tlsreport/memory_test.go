package tlsreport

import (
	"cmp"
	"context"
	"errors"
	"gatepost/internal/daily"
	"slices"
	"sync"
	"time"
)

// memory is Rows.
type memory struct {
	mu     sync.Mutex
	counts map[Period]map[string]*Count
	due    map[Period]time.Time
	broken bool
}

func newMemory() *memory {
	return &memory{counts: map[Period]map[string]*Count{}, due: map[Period]time.Time{}}
}

var errBroken = errors.New("disk on fire")

func (m *memory) AddSessions(_ context.Context, counts []Count) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	for _, c := range counts {
		p := Period{Day: c.Day, Domain: c.Policy.Domain}
		if m.counts[p] == nil {
			m.counts[p] = map[string]*Count{}
			m.due[p] = c.Due
		}
		is := m.counts[p][c.Policy.ID()]
		if is == nil {
			is = &Count{Day: c.Day, Policy: c.Policy}
			m.counts[p][c.Policy.ID()] = is
		}
		is.Success += c.Success
		is.Failure += c.Failure
		for _, d := range c.Details {
			i := slices.IndexFunc(is.Details, func(o Detail) bool { return o.Failure == d.Failure })
			if i < 0 {
				is.Details = append(is.Details, Detail{Failure: d.Failure})
				i = len(is.Details) - 1
			}
			is.Details[i].Count += d.Count
		}
	}
	return nil
}

func (m *memory) SessionDomains(_ context.Context, day Day) (list []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.counts {
		if p.Day == day {
			list = append(list, p.Domain)
		}
	}
	return list, nil
}

func (m *memory) Claim(_ context.Context, now, until time.Time, n int) (list []daily.Claimed, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, due := range m.due {
		if !due.After(now) && len(list) < n {
			list = append(list, daily.Claimed{Period: p, Since: due})
			m.due[p] = until
		}
	}
	return list, nil
}

func (m *memory) Delay(_ context.Context, p Period, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due[p] = until
	return nil
}

func (m *memory) Sessions(_ context.Context, p Period) (list []Count, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.counts[p] {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Count) int { return cmp.Compare(a.Policy.Type, b.Policy.Type) })
	return list, nil
}

func (m *memory) Drop(_ context.Context, p Period) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.counts, p)
	delete(m.due, p)
	return nil
}
