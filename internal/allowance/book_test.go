package allowance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// memory is Rows for tests, shared by the Books of one.
type memory struct {
	counts map[string]map[[2]int64]Count
	stops  []Stop
	own    map[Owner]Own
	fails  error
}

func newMemory() *memory {
	return &memory{counts: map[string]map[[2]int64]Count{}, own: map[Owner]Own{}}
}

func (m *memory) Save(_ context.Context, node string, counts []Count) error {
	if m.fails != nil {
		return m.fails
	}
	for _, c := range counts {
		if m.counts[node] == nil {
			m.counts[node] = map[[2]int64]Count{}
		}
		m.counts[node][[2]int64{c.Box, c.Hour}] = c
	}
	return nil
}

func (m *memory) Counts(_ context.Context, node string, hour int64, _ time.Time) (map[string][]Count, time.Time, error) {
	others := map[string][]Count{}
	for other, counts := range m.counts {
		for _, c := range counts {
			if other != node && c.Hour >= hour {
				others[other] = append(others[other], c)
			}
		}
	}
	return others, time.Time{}, nil
}

func (m *memory) Stops(context.Context) ([]Stop, error) { return slices.Clone(m.stops), nil }

func (m *memory) Stop(_ context.Context, s Stop) (bool, error) {
	if slices.ContainsFunc(m.stops, func(o Stop) bool { return o.Box == s.Box }) {
		return false, nil
	}
	m.stops = append(m.stops, s)
	return true, nil
}

func (m *memory) Resume(_ context.Context, box int64) (bool, error) {
	n := len(m.stops)
	m.stops = slices.DeleteFunc(m.stops, func(o Stop) bool { return o.Box == box })
	for _, counts := range m.counts {
		for key := range counts {
			if key[0] == box {
				delete(counts, key)
			}
		}
	}
	return len(m.stops) < n, nil
}

func (m *memory) Own(context.Context) (map[Owner]Own, error) { return m.own, nil }

func (m *memory) SetOwn(_ context.Context, owner Owner, o Own) error {
	m.own[owner] = o
	return nil
}

func (m *memory) Purge(context.Context, int64) error { return nil }

// A desk is a Book with its clock, and whom it told of.
type desk struct {
	*Book
	t    *testing.T
	now  time.Time
	told []Stop
}

func newDesk(t *testing.T, rows Rows, node string, l Limits) *desk {
	d := &desk{t: t, now: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)}
	d.Book = New(Config{
		Rows: rows, Node: node, Limits: func() Limits { return l }, Owners: func(box int64) []Owner { return []Owner{OfBox(box), OfDomain(1)} },
		Told: func(_ context.Context, s Stop) { d.told = append(d.told, s) }, Now: func() time.Time { return d.now },
	})
	return d
}

func (d *desk) sync() {
	d.t.Helper()
	if err := d.Sync(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// begins asks n times, and wants the first good ones to be fine, and all others to be kind.
func (d *desk) begins(box int64, n, good int, kind Kind) {
	d.t.Helper()
	for i := range n {
		want := Fine
		if i >= good {
			want = kind
		}
		if got := d.Begin(box); got.Kind != want {
			d.t.Fatalf("message %d of box %d: %v %q, want %v", i+1, box, got.Kind, got.Why, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Run("a minute", func(t *testing.T) {
		d := newDesk(t, newMemory(), "a", Limits{Minute: 3, LockAt: 2})
		d.begins(7, 20, 3, Later) // no reason to stop anybody: a program that sends a queue
		d.begins(8, 1, 1, Later)
		d.now = d.now.Add(time.Minute)
		d.begins(7, 4, 3, Later)
	})
	t.Run("an hour", func(t *testing.T) {
		d := newDesk(t, newMemory(), "a", Limits{Hour: 3})
		d.begins(7, 2, 2, Later)
		d.now = d.now.Add(40 * time.Minute)
		d.begins(7, 3, 1, Later)
		d.now = d.now.Add(21 * time.Minute) // what was asked for 61 minutes ago counts no more
		d.begins(7, 1, 0, Later)
		d.now = d.now.Add(40 * time.Minute)
		d.begins(7, 1, 1, Later)
	})
	t.Run("a day", func(t *testing.T) {
		d := newDesk(t, newMemory(), "a", Limits{Day: 4})
		d.begins(7, 3, 3, Later)
		d.now = d.now.Add(5 * time.Hour)
		d.begins(7, 2, 1, Later)
		d.now = d.now.Add(19 * time.Hour)
		d.begins(7, 2, 2, Later)
	})
	t.Run("recipients", func(t *testing.T) {
		d := newDesk(t, newMemory(), "a", Limits{Recipients: 2})
		for _, c := range []struct {
			rcpt mail.Path
			want Kind
		}{{"a@x.example", Fine}, {"A@x.example", Fine}, {"a+tag@x.example", Fine}, {"b@x.example", Fine}, {"c@x.example", Later}, {"a@x.example", Fine}, {"c@x.example", Later}} {
			if got := d.To(7, c.rcpt); got.Kind != c.want {
				t.Errorf("%s: %v %q, want %v", c.rcpt, got.Kind, got.Why, c.want)
			}
		}
		d.now = d.now.Add(24 * time.Hour)
		if got := d.To(7, "c@x.example"); got.Kind != Fine {
			t.Errorf("a day later: %v", got)
		}
	})
	t.Run("none", func(t *testing.T) {
		d := newDesk(t, newMemory(), "a", Limits{LockAt: 2})
		d.begins(7, 1000, 1000, Later)
		for i := range 1000 {
			if got := d.To(7, mail.Path(fmt.Sprint(i, "@x.example"))); got.Kind != Fine {
				t.Fatal(got)
			}
		}
	})
}

// A log-in that goes on asking is stopped, and its postmaster is told once, however many nodes
// there are.
func TestStopped(t *testing.T) {
	rows := newMemory()
	l := Limits{Hour: 3, Recipients: 2, LockAt: 3}
	a, b := newDesk(t, rows, "a", l), newDesk(t, rows, "b", l)
	a.begins(7, 8, 3, Later)
	a.begins(7, 2, 0, Stopped)
	a.sync()
	a.sync()
	b.sync()
	b.begins(7, 1, 0, Stopped)
	if got := b.To(7, "a@x.example"); got.Kind != Stopped {
		t.Errorf("a recipient: %v", got)
	}
	if len(a.told) != 1 || len(b.told) != 0 || a.told[0].Reason != "9 messages in an hour were asked for, 3 are allowed" {
		t.Errorf("told %+v and %+v", a.told, b.told)
	}
	for i := range 6 {
		want := [...]Kind{Fine, Fine, Later, Later, Later, Stopped}[i]
		if got := b.To(8, mail.Path(fmt.Sprint(i, "@x.example"))); got.Kind != want {
			t.Errorf("recipient %d: %v %q, want %v", i, got.Kind, got.Why, want)
		}
	}
	b.sync()
	a.sync()
	a.begins(8, 1, 0, Stopped)

	t.Run("resumed", func(t *testing.T) {
		if was, err := b.Resume(t.Context(), 7); !was || err != nil {
			t.Fatal(was, err)
		}
		b.begins(7, 1, 1, Later)
		a.sync()
		a.begins(7, 2, 2, Later)
		if was, err := b.Resume(t.Context(), 7); was || err != nil {
			t.Error("resumed twice", was, err)
		}
	})
	t.Run("by somebody", func(t *testing.T) {
		if first, err := a.StopNow(t.Context(), Stop{Box: 9, Since: a.now, Reason: "the list", Who: "root"}); !first || err != nil {
			t.Fatal(first, err)
		}
		a.begins(9, 1, 0, Stopped)
		if len(a.told) != 1 {
			t.Errorf("told %+v", a.told)
		}
	})
}

// Limits hold for all nodes together, and for the next life of a node.
func TestNodesTogether(t *testing.T) {
	rows := newMemory()
	l := Limits{Hour: 10, Day: 100, Recipients: 3}
	a, b := newDesk(t, rows, "a", l), newDesk(t, rows, "b", l)
	a.begins(7, 8, 8, Later)
	a.To(7, "a@x.example")
	a.To(7, "b@x.example")
	a.sync()
	b.sync()
	b.sync() // what is known already does not count twice
	b.begins(7, 3, 2, Later)
	b.sync()
	a.sync()
	a.begins(7, 1, 0, Later)
	if got := b.To(7, "c@x.example"); got.Kind != Fine {
		t.Errorf("the third recipient: %v", got)
	}
	if got := b.To(7, "d@x.example"); got.Kind != Later {
		t.Errorf("the fourth recipient: %v", got)
	}
	next := newDesk(t, rows, "c", l)
	next.sync()
	next.begins(7, 1, 0, Later)
}

// What could not be written is written the next time.
func TestStoreGone(t *testing.T) {
	rows := newMemory()
	d := newDesk(t, rows, "a", Limits{})
	d.begins(7, 3, 3, Later)
	rows.fails = errors.New("no store")
	if err := d.Sync(t.Context()); !errors.Is(err, rows.fails) {
		t.Fatal(err)
	}
	rows.fails = nil
	d.sync()
	if c := rows.counts["a"][[2]int64{7, d.now.Unix() / 3600}]; c.Messages != 3 {
		t.Errorf("got %+v", c)
	}
}

// A mailbox's own limits hold before its domain's, and those before the node's.
func TestOwnLimits(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{Minute: 1, Hour: 2, Day: 3, Recipients: 4, LockAt: 5})
	set := func(owner Owner, change func(*Own)) {
		t.Helper()
		if _, err := d.SetOwn(t.Context(), owner, change); err != nil {
			t.Fatal(err)
		}
	}
	set(OfDomain(1), func(o *Own) { o.Hour, o.Day = 20, 30 })
	set(OfBox(7), func(o *Own) { o.Day = 0 })
	if got, want := d.Limits(7), (Limits{Minute: 1, Hour: 20, Day: 0, Recipients: 4, LockAt: 5}); got != want {
		t.Errorf("the mailbox: %+v, want %+v", got, want)
	}
	if got, want := d.Limits(8), (Limits{Minute: 1, Hour: 20, Day: 30, Recipients: 4, LockAt: 5}); got != want {
		t.Errorf("another of the domain: %+v, want %+v", got, want)
	}
	set(OfBox(7), func(o *Own) { o.Day = -1 })
	if got := d.Limits(7).Day; got != 30 {
		t.Errorf("a day: %d", got)
	}
}

// What shows that somebody else has the password is counted.
func TestSigns(t *testing.T) {
	rows := newMemory()
	d := newDesk(t, rows, "a", Limits{})
	for _, peer := range []string{"192.0.2.1", "192.0.2.9", "198.51.100.1", "2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:2::1"} {
		d.LoggedIn(7, netip.MustParseAddr(peer))
	}
	d.Wrong(7)
	d.Wrong(7)
	d.sync()
	c := rows.counts["a"][[2]int64{7, d.now.Unix() / 3600}]
	if c.Networks != 4 || c.Wrong != 2 {
		t.Errorf("got %+v, want 4 networks and 2 wrong", c)
	}
}

// What is in memory is bounded, whoever logs in.
func TestBounded(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{Hour: 1})
	for box := range int64(maxBoxes + 100) {
		d.Begin(box)
	}
	if n := len(d.boxes); n > maxBoxes {
		t.Errorf("%d accounts", n)
	}
	d.now = d.now.Add(2 * time.Hour)
	d.Begin(1_000_000)
	d.now = d.now.Add(25 * time.Hour)
	d.forget(d.now.Unix() / 3600)
	if n := len(d.boxes); n != 0 {
		t.Errorf("%d accounts a day later", n)
	}
}
