package outbreak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// fakeRows are rows in memory.
type fakeRows struct {
	mu   sync.Mutex
	rows map[string]Row
	away bool
	puts int
}

func (f *fakeRows) Put(_ context.Context, rows []Row) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errors.New("away")
	}
	f.puts++
	for _, r := range rows {
		if key := fmt.Sprint(r.Sum, r.Organisation); f.rows[key].Time.IsZero() {
			f.rows[key] = r
		}
	}
	return nil
}

func (f *fakeRows) Since(_ context.Context, after Place, limit int) (list []Row, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rows {
		if r.Time.Before(after.Time) || after.Sum != nil && compare(r, Row{Sum: Sum(after.Sum), Organisation: after.Organisation, Time: after.Time}) <= 0 {
			continue
		}
		list = append(list, r)
	}
	slices.SortFunc(list, compare)
	return list[:min(len(list), limit)], nil
}

func compare(a, b Row) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := bytes.Compare(a.Sum[:], b.Sum[:]); c != 0 {
		return c
	}
	return int(min(max(a.Organisation-b.Organisation, -1), 1))
}

func (f *fakeRows) Sweep(_ context.Context, before time.Time, limit int) (n int, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, r := range f.rows {
		if r.Time.Before(before) && n < limit {
			delete(f.rows, key)
			n++
		}
	}
	return n, nil
}

func newFakeRows() *fakeRows { return &fakeRows{rows: map[string]Row{}} }

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return noon.Add(d) }

// firms are n organisations.
func firms(from, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("d%d.example", from+i))
	}
	return list
}

func openBook(rows Rows) *Book {
	return New(Config{Rows: rows, Key: []byte("key"), Now: func() time.Time { return noon }})
}

// Each row is what was seen, and what is said of the message that comes last.
func TestSuspect(t *testing.T) {
	type mails struct {
		at    time.Duration
		from  int // the number of the first organisation
		count int
	}
	sum := Sum{1}
	for name, c := range map[string]struct {
		before []mails
		last   mails
		want   bool
	}{
		"the tenth":                    {[]mails{{0, 0, 9}}, mails{time.Minute, 9, 1}, true},
		"the ninth":                    {[]mails{{0, 0, 8}}, mails{time.Minute, 8, 1}, false},
		"one message to ten":           {nil, mails{0, 0, 10}, true},
		"the same ones again":          {[]mails{{0, 0, 9}, {time.Minute, 0, 9}}, mails{2 * time.Minute, 0, 9}, false},
		"too slow":                     {[]mails{{0, 0, 9}}, mails{11 * time.Minute, 9, 1}, false},
		"within a window, later":       {[]mails{{0, 0, 1}, {time.Hour, 1, 9}}, mails{time.Hour + time.Minute, 10, 1}, true},
		"it stays so":                  {[]mails{{0, 0, 10}}, mails{48 * time.Hour, 0, 1}, true},
		"until it is old":              {[]mails{{0, 0, 10}}, mails{73 * time.Hour, 0, 1}, false},
		"what is known for days is no": {[]mails{{0, 0, 1}}, mails{73 * time.Hour, 1, 20}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBook(newFakeRows())
			for _, m := range c.before {
				b.Record([]Sum{sum}, firms(m.from, m.count), at(m.at))
			}
			for range 2 { // to ask changes nothing
				if s, got := b.Check(sum, firms(c.last.from, c.last.count), at(c.last.at), DefaultTerms()); got != c.want {
					t.Errorf("got %v, %+v", got, s)
				}
			}
			if _, got := b.Check(Sum{2}, firms(0, 1), at(c.last.at), DefaultTerms()); got {
				t.Error("another file is suspect")
			}
		})
	}
}

// What one firm gets is no outbreak, in one message or in many.
func TestOneOrganisation(t *testing.T) {
	b, sum := openBook(newFakeRows()), Sum{1}
	for i := range 30 {
		b.Record([]Sum{sum}, []string{"firm.example", "firm.example"}, at(time.Duration(i)*time.Second))
	}
	if s, got := b.Check(sum, []string{"firm.example"}, at(time.Minute), DefaultTerms()); got || s.Organisations != 1 {
		t.Errorf("got %+v", s)
	}
}

// Two nodes that share rows count together, and a third that starts knows it all.
func TestNodes(t *testing.T) {
	rows, sum := newFakeRows(), Sum{1}
	one, two := openBook(rows), openBook(rows)
	one.Record([]Sum{sum}, firms(0, 5), noon)
	two.Record([]Sum{sum}, firms(5, 4), at(time.Second))
	for _, b := range []*Book{one, two} {
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range map[string]*Book{"one": one, "two": two, "three": openBook(rows)} {
		if err := b.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, got := b.Check(sum, firms(9, 1), at(time.Minute), DefaultTerms()); !got || s.Organisations != 10 || !s.First.Equal(noon) {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

// The order in which rows come makes no difference, as long as they fit.
func TestOrder(t *testing.T) {
	var list []seen
	for i := range int64(MaxOrganisations) {
		list = append(list, seen{i, i * 7 % 40}, seen{i, i * 7 % 40 * 2})
	}
	want := file{}
	for _, s := range list {
		want.add(s)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got := file{}
		for _, s := range list {
			got.add(s)
		}
		if got.most(5*time.Microsecond) != want.most(5*time.Microsecond) || got.got[0].time != want.got[0].time {
			t.Fatalf("got %v, want %v", got.got, want.got)
		}
	}
}

// Memory is bounded, in files and in who got one.
func TestBounds(t *testing.T) {
	b := New(Config{Rows: newFakeRows(), Most: 100, Now: func() time.Time { return noon }})
	b.Record([]Sum{{255}}, firms(0, 12), noon)
	for i := range 1000 {
		b.Record([]Sum{{byte(i), byte(i >> 8)}}, firms(i, 1), noon)
	}
	if len(b.files) > 100 {
		t.Errorf("%d files", len(b.files))
	}
	if _, got := b.Check(Sum{255}, nil, noon, DefaultTerms()); !got {
		t.Error("what is suspect was forgotten for what is not")
	}
	for i := range 20 {
		b.Record([]Sum{{254}}, firms(10*i, 10), at(time.Duration(i)*time.Hour))
	}
	if n := len(b.files[Sum{254}].got); n > MaxOrganisations {
		t.Errorf("%d organisations", n)
	}
}

// A store that is away loses nothing, and a flood is written in few commits.
func TestFlush(t *testing.T) {
	rows := newFakeRows()
	b := openBook(rows)
	rows.away = true
	for i := range 1200 {
		b.Record([]Sum{{byte(i), byte(i >> 8)}}, firms(0, 1), noon)
	}
	if err := b.Flush(t.Context()); err == nil {
		t.Error("a store that is away is no error")
	}
	rows.away = false
	if err := b.Flush(t.Context()); err != nil || len(rows.rows) != 1200 || rows.puts != 3 {
		t.Errorf("%v, %d rows in %d commits", err, len(rows.rows), rows.puts)
	}
}

// Run writes, reads and removes, and writes what is left when it ends.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, sum := newFakeRows(), Sum{1}
		c := Config{Rows: rows, Key: []byte("key"), Keep: time.Hour}
		one, two := New(c), New(c)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { one.Run(ctx) })
		wg.Go(func() { two.Run(ctx) })
		synctest.Wait() // their first turns are over
		one.Record([]Sum{sum}, firms(0, 9), time.Now())
		bubble.Sleep(3 * time.Second)
		if _, got := two.Check(sum, firms(9, 1), time.Now(), DefaultTerms()); !got {
			t.Error("the other node knows nothing")
		}
		bubble.Sleep(2 * time.Hour)
		if len(rows.rows) != 0 || len(one.files) != 0 {
			t.Errorf("%d rows and %d files are kept", len(rows.rows), len(one.files))
		}
		one.Record([]Sum{sum}, firms(0, 1), time.Now())
		stop()
		wg.Wait()
		if len(rows.rows) != 1 {
			t.Error("what was noted last is lost")
		}
	})
}
