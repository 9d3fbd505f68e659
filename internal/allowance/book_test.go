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
	read   int   // accounts
	purged int64 // counts before that hour
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

func (m *memory) Of(_ context.Context, box, hour int64) (map[string][]Count, error) {
	found := map[string][]Count{}
	for node, counts := range m.counts {
		for h := hour; h < hour+2*hours; h++ {
			if c, ok := counts[[2]int64{box, h}]; ok {
				found[node] = append(found[node], c)
			}
		}
	}
	m.read++
	return found, m.fails
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

func (m *memory) Purge(_ context.Context, hour int64) error {
	m.purged = hour
	return nil
}

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

// What is in memory is bounded, whoever logs in, and who makes room is counted on when he is back: by the hour, by
// the day and by his recipients.
func TestBounded(t *testing.T) {
	rows := newMemory()
	d := newDesk(t, rows, "a", Limits{Hour: 5, Day: 9, Recipients: 3})
	d.begins(7, 3, 3, Later)
	d.To(7, "a@x.example", "b@x.example")
	d.now = d.now.Add(2 * time.Minute)
	for box := range int64(maxBoxes) {
		d.Begin(1000 + box)
	}
	if got := d.Begin(8); got.Kind != Fine {
		t.Errorf("one more: %+v", got)
	}
	d.sync()
	if d.boxes[7] != nil || d.boxes[8] == nil || len(d.boxes) != maxBoxes+1 { // the others have asked within the minute
		t.Errorf("among %d accounts are box 7: %v, box 8: %v", len(d.boxes), d.boxes[7] != nil, d.boxes[8] != nil)
	}
	d.begins(7, 3, 2, Later)
	if got := d.To(7, "c@x.example"); got.Kind != Fine {
		t.Errorf("the third recipient: %+v", got)
	}
	if got := d.To(7, "d@x.example"); got.Kind != Later {
		t.Errorf("the fourth recipient: %+v", got)
	}
	d.sync() // in the place of what was written before
	if c := rows.counts["a"][[2]int64{7, d.now.Unix() / 3600}]; c.Messages != 5 || c.Refused != 1 || c.Fresh != 3 {
		t.Errorf("written: %+v", c)
	}
	d.now = d.now.Add(2 * time.Hour)
	d.sync()
	if n := len(d.boxes); n > maxBoxes {
		t.Errorf("%d accounts two hours later", n)
	}
	d.begins(7, 4, 3, Later) // of the day 9 were asked for: 6, and 3 now
	read := rows.read
	d.begins(7, 1, 0, Later)
	if rows.read != read {
		t.Error("who is in memory is read again")
	}
	for box := range int64(2*maxBoxes + 10) {
		d.Begin(100_000 + box)
	}
	if n := len(d.boxes); n > 2*maxBoxes {
		t.Errorf("%d accounts", n)
	}
	if got := d.Begin(99); got.Kind != Later || got.Why != busy {
		t.Errorf("without room: %+v", got)
	}
	d.Wrong(99)
	d.LoggedIn(99, netip.MustParseAddr("192.0.2.1"))
	d.sync()
	d.now = d.now.Add(25 * time.Hour)
	d.forget(d.now.Unix() / 3600)
	if n := len(d.boxes); n != 0 {
		t.Errorf("%d accounts a day later", n)
	}
}

// Recipients that are remembered are bounded together.
func TestSeenBounded(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{})
	many := make([]mail.Path, maxSeen)
	for i := range many {
		many[i] = mail.Path(fmt.Sprintf("r%d@x.example", i))
	}
	for box := range int64(maxSeenAll/maxSeen + 1) {
		d.To(1+box, many...)
		d.now = d.now.Add(time.Second)
	}
	d.now = d.now.Add(2 * time.Minute)
	d.sync()
	seen := 0
	for _, a := range d.boxes {
		seen += len(a.seen)
	}
	if seen > maxSeenAll || d.boxes[1] != nil || d.boxes[maxSeenAll/maxSeen+1] == nil {
		t.Errorf("%d recipients of %d accounts", seen, len(d.boxes))
	}
}

// Rows that can't be read are not written over: what was counted meanwhile is added to them.
func TestUnread(t *testing.T) {
	rows := newMemory()
	d := newDesk(t, rows, "a", Limits{Hour: 4})
	rows.counts["a"] = map[[2]int64]Count{{7, d.now.Unix() / 3600}: {Box: 7, Hour: d.now.Unix() / 3600, Messages: 2}}
	rows.fails = errors.New("no store")
	d.begins(7, 1, 1, Later)
	d.Sync(t.Context())
	rows.fails = nil
	d.sync()
	if c := rows.counts["a"][[2]int64{7, d.now.Unix() / 3600}]; c.Messages != 2 {
		t.Errorf("before it was read: %+v", c)
	}
	d.begins(7, 2, 1, Later)
	d.sync()
	if c := rows.counts["a"][[2]int64{7, d.now.Unix() / 3600}]; c.Messages != 4 || c.Refused != 1 {
		t.Errorf("then: %+v", c)
	}
}

// A recipient who stands for others counts as those, all or none, and a long list makes nobody a thief.
func TestLists(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{Recipients: 5, LockAt: 2})
	to := func(want Kind, rcpts ...mail.Path) {
		t.Helper()
		if got := d.To(7, rcpts...); got.Kind != want {
			t.Errorf("%v: %+v, want %v", rcpts, got, want)
		}
	}
	to(Fine, "a@x.example", "b@x.example", "A@x.example", "b+tag@x.example")
	to(Fine, "a@x.example", "c@x.example")
	for range 20 {
		to(Later, "d@x.example", "e@x.example", "f@x.example")
	}
	to(Fine, "d@x.example", "e@x.example")
	to(Fine, "a@x.example", "e@x.example")
	to(Stopped, "f@x.example") // 20 times is what nobody does by mistake
	long := make([]mail.Path, 100)
	for i := range long {
		long[i] = mail.Path(fmt.Sprintf("r%d@x.example", i))
	}
	if got := d.To(8, long...); got.Kind != Later || got.Why != "100 more recipients, 5 different ones in a day are allowed" {
		t.Errorf("a long list: %+v", got)
	}
	for i, rcpt := range long[:6] {
		if got := d.To(8, rcpt); (got.Kind == Fine) != (i < 5) || got.Kind == Stopped {
			t.Errorf("recipient %d after it: %+v", i, got)
		}
	}
}

// What is not written yet makes no room.
func TestKept(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{})
	for box := range int64(maxBoxes + 1) {
		d.Begin(1 + box)
	}
	d.makeRoom(d.now.Add(time.Hour))
	if n := len(d.boxes); n != maxBoxes+1 {
		t.Errorf("%d accounts", n)
	}
	d.sync()
	d.makeRoom(d.now.Add(time.Hour))
	if n := len(d.boxes); n != maxBoxes*9/10 {
		t.Errorf("%d accounts once all is written", n)
	}
}

// What rules send on is counted beside what the owner sends, and stops him never.
func TestOnward(t *testing.T) {
	d := newDesk(t, newMemory(), "a", Limits{Hour: 3, Recipients: 2, LockAt: 2})
	onward := func(n int, to mail.Path, want Kind) {
		t.Helper()
		for range n {
			if got := d.Onward(7, to); got.Kind != want {
				t.Fatalf("%s: %+v, want %v", to, got, want)
			}
		}
	}
	onward(3, "a@x.example", Fine)
	onward(100, "a@x.example", Later)
	d.begins(7, 3, 3, Later)
	d.now = d.now.Add(2 * time.Hour)
	onward(1, "b@x.example", Fine)
	onward(1, "c@x.example", Later)
	if first, err := d.StopNow(t.Context(), Stop{Box: 7, Since: d.now}); !first || err != nil {
		t.Fatal(first, err)
	}
	onward(1, "a@x.example", Stopped)
}

// A clock that leaps forgets no counts: nobody may send a second time what he may in a day.
func TestClockAhead(t *testing.T) {
	rows := newMemory()
	d, believed := newDesk(t, rows, "a", Limits{Day: 3}), false
	d.c.Old = func(context.Context) (time.Time, bool) { return d.now, believed }
	d.begins(1, 4, 3, Later)
	right := d.now
	d.now = d.now.AddDate(1, 0, 0)
	d.purge(t.Context())
	d.now = right
	d.begins(1, 1, 0, Later)
	if rows.purged != 0 {
		t.Errorf("rows before %d were removed", rows.purged)
	}
	believed = true
	if d.purge(t.Context()); rows.purged == 0 {
		t.Error("believed, and nothing is removed")
	}
}
