package complaint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

const day = 24 * time.Hour

func testMeasure() Measure {
	return Measure{HalfLife: 30 * day, Threshold: 2.5, People: 3, Share: 0.01, Shared: []string{"freemail.example"}}
}

// entries are complaints of noon, by one person each about one sender.
func entries(who ...string) (list []Entry) {
	for _, w := range who {
		person, sender, _ := strings.Cut(w, " ")
		list = append(list, Entry{Time: noon, Person: person, Sender: sender, Weight: 1})
	}
	return list
}

func TestListed(t *testing.T) {
	client := Subject{OfClient, "192.0.2.7"}
	for name, c := range map[string]struct {
		subject  Subject
		entries  []Entry
		accepted int
		want     bool
		why      string
	}{
		"nobody":                          {client, nil, -1, false, "0 people complained, 3 are needed"},
		"two":                             {client, entries("a", "b"), -1, false, "2 people complained, 3 are needed"},
		"one, often":                      {client, entries("a", "a", "a", "a"), -1, false, "1 person complained, 3 are needed"},
		"three":                           {client, entries("a", "b", "c"), 0, true, "3 people complained, weight 3.00"},
		"three, before anybody looked":    {client, entries("a", "b", "c"), -1, false, "not counted yet"},
		"three of a few":                  {client, entries("a", "b", "c"), 300, true, "3 people"},
		"three of many":                   {client, entries("a", "b", "c"), 301, false, "3.0 complaints of 301 accepted messages are less than 1 %"},
		"a sender":                        {Subject{OfSender, "x@bulk.example"}, entries("a x", "b x", "c x"), 0, true, "3 people"},
		"a domain, one address":           {Subject{OfDomain, "bulk.example"}, entries("a x", "b x", "c x", "d x", "e x", "f x"), 0, false, "1 of its addresses"},
		"a domain, three addresses":       {Subject{OfDomain, "bulk.example"}, entries("a x", "b y", "c z"), 0, false, "weight 3.00 is below 5"},
		"a domain, six complaints":        {Subject{OfDomain, "bulk.example"}, entries("a x", "b y", "c z", "d x", "e y"), 0, true, "5 people"},
		"a domain, of which much is fine": {Subject{OfDomain, "bulk.example"}, entries("a x", "b y", "c z", "d x", "e y"), 60, false, "less than 10 %"},
		"a domain of everybody":           {Subject{OfDomain, "freemail.example"}, entries("a x", "b y", "c z", "d x", "e y"), 0, false, "each answers for himself"},
		"an address in it":                {Subject{OfSender, "x@freemail.example"}, entries("a x", "b x", "c x"), 0, true, "3 people"},
	} {
		m := testMeasure()
		s := m.Weigh(Standing{Subject: c.subject, Accepted: c.accepted}, c.entries, noon)
		if got := m.Listed(s, noon); got != c.want || !strings.Contains(m.Why(s, noon), c.why) {
			t.Errorf("%s: got %t, %q; want %t, %q", name, got, m.Why(s, noon), c.want, c.why)
		}
	}
}

// However many complain in one domain of ours, its owner may be all of them: it takes
// another, unless there is none.
func TestOneDomainIsNotEnough(t *testing.T) {
	alone := false
	m := testMeasure()
	m.Domain = func(recipient mail.Path) string {
		if alone {
			return ""
		}
		return recipient.Domain()
	}
	said := func(recipients ...mail.Path) (list []Entry) {
		for _, to := range recipients {
			list = append(list, Entry{Time: noon, Person: string(to), Recipient: to, Weight: 1})
		}
		return list
	}
	for name, c := range map[string]struct {
		entries []Entry
		alone   bool
		people  int
	}{
		"five of one":            {said("a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"), false, 2},
		"and one of another":     {said("a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@y.example"), false, 3},
		"three of three":         {said("a@x.example", "a@y.example", "a@z.example"), false, 3},
		"the only domain":        {said("a@x.example", "b@x.example", "c@x.example"), true, 3},
		"loops, of no copy here": {entries("a x", "b x", "c x"), false, 3},
	} {
		alone = c.alone
		s := m.Weigh(Standing{Subject: Subject{OfClient, "192.0.2.7"}, Accepted: 3}, c.entries, noon)
		if s.People != c.people || m.Listed(s, noon) != (c.people >= 3) {
			t.Errorf("%s: %d people count, %s", name, s.People, m.Why(s, noon))
		}
	}
	if why := m.Why(m.Weigh(Standing{}, said("a@x.example"), noon), noon); !strings.Contains(why, "at most 2 count of one domain") {
		t.Error(why)
	}
}

// Three complaints are enough for a week and a day, and gone after seven months.
func TestAgeing(t *testing.T) {
	m := testMeasure()
	s := m.Weigh(Standing{Subject: Subject{OfClient, "192.0.2.7"}}, entries("a", "b", "c"), noon)
	ends := m.Ends(s)
	if got := ends.Sub(noon).Round(time.Hour); got != 189*time.Hour {
		t.Errorf("it ends after %v", got)
	}
	if m.Listed(s, ends.Add(time.Minute)) || !m.Listed(s, ends.Add(-time.Minute)) {
		t.Error("it is not listed until it ends")
	}
	if got := m.WeightAt(s, noon.Add(60*day)); math.Abs(got-0.75) > 1e-9 {
		t.Errorf("after two half-lives: got %g", got)
	}
	later := m.Weigh(s, entries("a", "b", "c"), noon.Add(60*day))
	if math.Abs(later.Weight-0.75) > 1e-9 || later.People != 3 {
		t.Errorf("weighed later: got %+v", later)
	}
	if gone := m.Weigh(s, entries("a", "b", "c"), noon.Add(m.Faded())); gone.Weight != 0 || gone.People != 0 || !gone.Last.IsZero() {
		t.Errorf("in the end: got %+v", gone)
	}
	if early := m.Weigh(s, entries("a"), noon.Add(-time.Hour)); early.Weight != 1 { // a clock that was set back
		t.Errorf("from the future: got %+v", early)
	}
}

// fixed is rows that have only standings.
type fixed struct {
	Rows
	mark     int64
	list     []Standing
	reads    int
	accepted int
	fails    bool
}

func (f *fixed) Accepted(_ context.Context, s Subject, _, _ time.Time) (map[string]int, error) {
	if f.fails {
		return nil, errors.New("a journal that can't be read")
	}
	return map[string]int{s.Name: f.accepted}, nil
}

func (f *fixed) SetAccepted(_ context.Context, _ Subject, n int, looked time.Time) error {
	f.list[0].Accepted, f.list[0].Looked = n, looked
	f.mark++
	return nil
}

func (f *fixed) Changed(context.Context) (int64, error) { return f.mark, nil }

func (f *fixed) Standings(context.Context, Kind, float64, int) ([]Standing, error) {
	f.reads++
	return f.list, nil
}

func memoryOf(t testing.TB, rows Rows, now *time.Time) *Memory {
	m := newMemory(Config{
		Measure: testMeasure(), Spare: netip.MustParsePrefix("203.0.113.0/24").Contains,
		Now: func() time.Time { return *now },
	})
	if err := m.follow(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	return m
}

func heavy(k Kind, name string) Standing {
	return Standing{Subject: Subject{k, name}, Weight: 6, At: noon, People: 5, Senders: 3, Last: noon, Looked: noon}
}

func TestMemory(t *testing.T) {
	now := noon
	rows := &fixed{mark: 1, list: []Standing{
		heavy(OfClient, "192.0.2.7"), heavy(OfClient, "2001:db8::/64"), heavy(OfClient, "203.0.113.5"), heavy(OfSender, "x@bulk.example"),
		heavy(OfDomain, "spam.example"), heavy(OfClient, "no address"), {Subject: Subject{OfSender, "light@bulk.example"}, Weight: 6, At: noon, People: 2},
	}}
	m := memoryOf(t, rows, &now)
	for _, c := range []struct {
		addr string
		want bool
	}{
		{"192.0.2.7", true}, {"::ffff:192.0.2.7", true}, {"192.0.2.8", false}, {"2001:db8::1:2:3:4", true}, {"2001:db8:0:1::1", false},
		{"203.0.113.5", false},
	} {
		text, got := m.Listed(netip.MustParseAddr(c.addr))
		if got != c.want || got != (text != "") {
			t.Errorf("%s: got %t %q", c.addr, got, text)
		}
	}
	if _, got := m.Client(netip.Addr{}, now); got {
		t.Error("no address is listed")
	}
	for p, want := range map[mail.Path]string{
		"X+tag@bulk.example": "x@bulk.example", "light@bulk.example": "", "any@mail.spam.example": "spam.example", "any@spam.example": "spam.example", "": "", "x@example": "",
	} {
		s, ok := m.Sender(p, now)
		if ok != (want != "") || ok && s.Name != want {
			t.Errorf("%s: got %+v, %t", p, s, ok)
		}
	}
	if _, got := m.Client(netip.MustParseAddr("192.0.2.7"), noon.Add(90*day)); got {
		t.Error("listed after three half-lives")
	}
}

// It reads again what has changed, and once a minute in any case.
func TestMemoryFollows(t *testing.T) {
	now := noon
	rows := &fixed{mark: 1}
	m := memoryOf(t, rows, &now)
	rows.list = []Standing{heavy(OfClient, "192.0.2.7")}
	step := func(name string, reads int) {
		t.Helper()
		if err := m.follow(t.Context(), rows); err != nil || rows.reads != reads {
			t.Errorf("%s: %d reads, %v; want %d", name, rows.reads, err, reads)
		}
	}
	step("unchanged", 1)
	rows.mark = 2
	step("changed", 2)
	now = now.Add(time.Hour)
	step("later", 3)
	if m.Len() != 1 {
		t.Errorf("%d in memory", m.Len())
	}
}

// A crash between a judgement and the look into the journal lists nobody on any node, and
// whoever runs next takes the look up; an old one is repeated.
func TestLookTakenUp(t *testing.T) {
	now := noon
	left := heavy(OfClient, "192.0.2.7")
	left.Accepted, left.Looked = -1, time.Time{}
	rows := &fixed{mark: 1, list: []Standing{left}, accepted: 10_000}
	d := New(Config{Rows: rows, Measure: testMeasure(), Spare: func(netip.Addr) bool { return false }, Now: func() time.Time { return now }})
	step := func(name string, accepted int, listed bool) {
		t.Helper()
		if err := errors.Join(d.Follow(t.Context()), d.look(t.Context())); err != nil {
			t.Fatal(err)
		}
		if s := rows.list[0]; s.Accepted != accepted || (d.memory.Len() == 1) != listed {
			t.Errorf("%s: got %+v, %d in memory", name, s, d.memory.Len())
		}
	}
	if err := d.Follow(t.Context()); err != nil || d.memory.Len() != 0 {
		t.Errorf("listed before anybody looked: %v", err)
	}
	step("taken up", 10_000, false)
	rows.accepted = 5
	now = now.Add(time.Hour)
	step("an hour later", 10_000, false)
	now = now.Add(day)
	step("a day later", 5, true)

	rows.list[0].Accepted, rows.fails = -1, true
	rows.mark++
	if err := errors.Join(d.Follow(t.Context()), d.look(t.Context())); err == nil || d.memory.Len() != 0 {
		t.Errorf("a look that fails: %v, %d in memory", err, d.memory.Len())
	}
}

func BenchmarkMemory(b *testing.B) {
	now := noon
	for _, n := range []int{10, MaxListed} {
		rows := &fixed{mark: 1}
		for i := range n {
			rows.list = append(rows.list, heavy(OfClient, netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}).String()), heavy(OfSender, fmt.Sprintf("u%d@bulk.example", i)))
		}
		rows.list = append(rows.list, heavy(OfDomain, "spam.example"))
		m := memoryOf(b, rows, &now)
		b.Run(fmt.Sprint("client/", n), func(b *testing.B) {
			b.ReportAllocs()
			a := netip.MustParseAddr("2001:db8::7")
			for b.Loop() {
				m.Client(a, now)
			}
		})
		b.Run(fmt.Sprint("sender/", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Sender("ann@mail.example.net", now)
			}
		})
	}
}
