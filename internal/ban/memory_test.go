package ban_test

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/ban"
	"gatepost/internal/store/storetest"
)

// A memory is rows as the store keeps them, by the contract, with the test's clock.
type memory struct {
	mu        sync.Mutex
	now       func() time.Time
	rows      []ban.Ban
	seen      map[netip.Prefix]bool // networks that rows may have: a flood's have none
	last      int64
	revision  int64
	commits   int
	fail      error
	noImpose  error
	meanwhile func()
}

func newMemory(now func() time.Time) *memory { return &memory{now: now, seen: map[netip.Prefix]bool{}} }

func TestMemoryContract(t *testing.T) {
	storetest.Bans(t, func(*testing.T) ban.Rows {
		return newMemory(func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) })
	})
}

func (m *memory) Impose(_ context.Context, orders []ban.Order, l ban.Ladder) (list []ban.Ban, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.fail, m.noImpose); err != nil {
		return nil, err
	}
	if f := m.meanwhile; f != nil {
		m.meanwhile = nil
		f()
	}
	m.commits++
	m.revision++
	now := m.now()
	for _, o := range orders {
		n := ban.Ban{Network: o.Network, Cause: o.Cause, Note: o.Note, Who: o.Who, Step: 1, Imposed: now.Add(-o.Ago), Revision: m.revision}
		var last *ban.Ban
		var stands bool
		if m.seen[o.Network] {
			last = m.find(func(b *ban.Ban) bool {
				return b.Network == o.Network && (b.Lifted.IsZero() || b.LiftedBy == ban.BySelf)
			})
		}
		m.seen[o.Network] = true
		if last != nil {
			if last.Active(now) && !o.Replace && !o.Cause.Outweighs(last.Cause) {
				list = append(list, *last)
				continue
			}
			if end(*last).Add(l.Memory).After(now) {
				n.Step = min(last.Step+1, len(l.Rungs))
			}
			if stands = last.Active(now); stands {
				last.Lifted, last.LiftedBy, last.Revision = now, ban.ByNode, m.revision
			}
		}
		n.Until = n.Imposed.Add(cmp.Or(o.For, l.Rung(n.Step)))
		if stands && !o.Replace && last.Until.After(n.Until) {
			n.Until = last.Until
		}
		m.last++
		n.ID = m.last
		m.rows = append(m.rows, n)
		list = append(list, n)
	}
	return list, nil
}

func end(n ban.Ban) time.Time {
	if n.Lifted.IsZero() {
		return n.Until
	}
	return n.Lifted
}

// find returns the newest that pleases.
func (m *memory) find(pleases func(*ban.Ban) bool) *ban.Ban {
	for i := len(m.rows) - 1; i >= 0; i-- {
		if pleases(&m.rows[i]) {
			return &m.rows[i]
		}
	}
	return nil
}

func (m *memory) Lift(_ context.Context, id int64, l ban.Lifting) (ban.Ban, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	n := m.find(func(b *ban.Ban) bool { return b.ID == id && b.Active(now) })
	if n == nil {
		return ban.Ban{}, ban.ErrNone
	}
	if l.Once > 0 && m.find(func(b *ban.Ban) bool {
		return b.Network == n.Network && b.LiftedBy == l.Who && b.Lifted.After(now.Add(-l.Once))
	}) != nil {
		return ban.Ban{}, ban.ErrOften
	}
	m.revision++
	n.Lifted, n.LiftedBy, n.Reason, n.Revision = now, l.Who, l.Reason, m.revision
	return *n, nil
}

func (m *memory) AddHits(_ context.Context, hits []ban.Hits) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for _, h := range hits {
		if n := m.find(func(b *ban.Ban) bool { return b.ID == h.ID }); n != nil {
			n.Hits += h.Count
			if h.Last.After(n.LastHit) {
				n.LastHit = h.Last
			}
		}
	}
	return nil
}

func (m *memory) Load(_ context.Context, since int64, hand func(ban.Ban) error) (ban.State, error) {
	m.mu.Lock()
	list := slices.Clone(m.rows)
	s, fail := ban.State{Revision: m.revision, Now: m.now()}, m.fail
	m.mu.Unlock()
	slices.SortStableFunc(list, func(a, b ban.Ban) int { return cmp.Compare(a.Revision, b.Revision) })
	for _, n := range list {
		if n.Revision <= since || since == 0 && !n.Active(s.Now) {
			continue
		}
		if err := hand(n); err != nil {
			return s, err
		}
	}
	return s, fail
}

func (m *memory) Find(_ context.Context, q ban.Query) (list []ban.Ban, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for _, n := range slices.Backward(m.rows) {
		if q.ID != 0 && n.ID != q.ID || len(q.Networks) > 0 && !slices.Contains(q.Networks, n.Network) || q.Cause != "" && n.Cause != q.Cause ||
			q.Active && !n.Active(now) || q.After != 0 && n.ID >= q.After || q.Limit > 0 && len(list) == q.Limit {
			continue
		}
		list = append(list, n)
	}
	return list, nil
}

func (m *memory) Purge(_ context.Context, before time.Time, active, ended int) (gone int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	slices.SortStableFunc(m.rows, func(a, b ban.Ban) int { return end(b).Compare(end(a)) })
	slices.SortStableFunc(m.rows, func(a, b ban.Ban) int { return btoi(b.Cause == ban.Admin) - btoi(a.Cause == ban.Admin) })
	var live, over int
	kept := m.rows[:0]
	for _, n := range m.rows {
		is := n.Active(now)
		if is {
			live++
		} else {
			over++
		}
		if is && live <= active || !is && over <= ended && end(n).After(before) {
			kept = append(kept, n)
		}
	}
	gone = len(m.rows) - len(kept)
	m.rows = kept
	slices.SortFunc(m.rows, func(a, b ban.Ban) int { return cmp.Compare(a.ID, b.ID) })
	return gone, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

var errDown = errors.New("the store is down")

// all are the rows as they are now.
func (m *memory) all() []ban.Ban {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.rows)
}

// times is how many commits there were.
func (m *memory) times() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

// breaks has everything fail from now on; nil: nothing.
func (m *memory) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// breaksImpose has Impose alone fail from now on; nil: it does not.
func (m *memory) breaksImpose(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noImpose = err
}

// during has f called once, while bans are written.
func (m *memory) during(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meanwhile = f
}
