package directory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// memRows keeps a directory in memory, each change as it was applied. (The store's
// own rows are tested by the contract in store/storetest.)
type memRows struct {
	mu       sync.Mutex
	revision int64
	log      [][]Change // of revision i+1
	id       int64
	entries  map[int64]Entry
	behind   bool   // Load from anything but 0 fails
	failing  error  // of AddHits and Load
	applied  func() // runs once, before the next Apply
}

func (m *memRows) Load(ctx context.Context, since int64, each func(Change) error) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.failing, ctx.Err()); err != nil {
		return 0, err
	}
	if m.behind && since > 0 && since < m.revision {
		return 0, ErrBehind
	}
	for _, changes := range m.log[since:] {
		for _, c := range changes {
			if err := each(c); err != nil {
				return 0, err
			}
		}
	}
	return m.revision, nil
}

func (m *memRows) Apply(_ context.Context, base int64, changes []Change) error {
	if hook := m.applied; hook != nil {
		m.applied = nil
		hook()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if base != m.revision {
		return ErrMoved
	}
	written := make([]Change, len(changes))
	for i, c := range changes {
		written[i] = m.write(c)
	}
	m.log = append(m.log, written)
	m.revision++
	return nil
}

func (m *memRows) write(c Change) Change {
	given := func(id int64) int64 {
		if id == 0 {
			m.id++
			return m.id
		}
		return id
	}
	switch {
	case c.Domain != nil:
		row := *c.Domain
		row.ID, c.Domain = given(row.ID), &row
	case c.Sender != nil:
		row := *c.Sender
		row.ID, c.Sender = given(row.ID), &row
	case c.Mailbox != nil:
		row := *c.Mailbox
		row.ID, c.Mailbox = given(row.ID), &row
	case c.Admin != nil:
		row := *c.Admin
		row.ID, c.Admin = given(row.ID), &row
	case c.Host != nil:
		row := *c.Host
		row.ID, c.Host = given(row.ID), &row
	case c.Entry != nil:
		row := *c.Entry
		row.ID, c.Entry = given(row.ID), &row
		m.entries[row.ID] = row
		if c.Gone {
			delete(m.entries, row.ID)
		}
	}
	return c
}

func (m *memRows) Entries(_ context.Context, q EntryQuery) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Entry
	for _, e := range m.entries {
		if e.ID > q.After && (q.ID == 0 || q.ID == e.ID) && (len(q.Scopes)+len(q.Domains) == 0 || slices.Contains(q.Scopes, e.Scope) || slices.Contains(q.Domains, e.Scope.Domain())) && (q.Over.IsZero() || !e.Expires.IsZero() && e.Expires.Before(q.Over)) && (q.Value == "" || q.Value == e.Value) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

func (m *memRows) AddHits(_ context.Context, hits []Hits) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing != nil {
		return m.failing
	}
	for _, h := range hits {
		e := m.entries[h.ID]
		e.Hits += h.Count
		e.LastHit = h.Last
		m.entries[h.ID] = e
	}
	return nil
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// fixture is a directory with two domains, three mailboxes and an alias.
type fixture struct {
	*Directory
	rows  *memRows
	clock *clock
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	f := fixture{rows: &memRows{entries: map[int64]Entry{}}, clock: &clock{t: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}}
	f.Directory = f.open(t)
	f.domain(t, "example.net")
	f.domain(t, "example.org")
	f.mailbox(t, "ann@example.net")
	f.mailbox(t, "bob@example.net")
	f.mailbox(t, "eve@example.org")
	f.alias(t, "sales@example.net", "ann@example.net", "bob@example.net")
	return f
}

// open opens one more directory over the same rows.
func (f fixture) open(t *testing.T) *Directory {
	t.Helper()
	d, err := New(t.Context(), Config{Rows: f.rows, Entries: f.rows, Hostname: "mx.example.com", Now: f.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f fixture) domain(t *testing.T, name string) {
	t.Helper()
	if _, err := f.AddDomain(t.Context(), Domain{Name: name}); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) mailbox(t *testing.T, a mail.Path) Mailbox {
	t.Helper()
	m, err := f.AddMailbox(t.Context(), Mailbox{Address: a}, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (f fixture) alias(t *testing.T, a mail.Path, targets ...mail.Path) {
	t.Helper()
	if _, err := f.AddAlias(t.Context(), Alias{Address: a, Targets: targets}); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) retarget(t *testing.T, a mail.Path, targets ...mail.Path) (Alias, error) {
	t.Helper()
	return f.ChangeAlias(t.Context(), a, func(next *Alias) error { next.Targets = targets; return nil })
}

func (f fixture) state(t *testing.T, a mail.Path, s State) {
	t.Helper()
	if _, err := f.ChangeMailbox(t.Context(), a, func(m *Mailbox) error { m.State = s; return nil }); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) entry(t *testing.T, list List, kind Kind, value, scope string) Entry {
	t.Helper()
	in, err := ParseScope(scope)
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.EnsureEntry(t.Context(), Entry{List: list, Kind: kind, Value: value, Scope: in}) // whatever else is there
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wantErr compares an error with the sentinel that it must wrap.
func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || (want == nil && got != nil) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}
