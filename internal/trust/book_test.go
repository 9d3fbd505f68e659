package trust

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// memory is Rows in a map.
type memory struct {
	mu      sync.Mutex
	rows    map[Key]Entry
	asked   int // keys that were looked up
	uses    []Use
	news    []mail.Path // in order; the first is number 1
	gone    int         // of them, those that are not kept any more
	listed  func()      // called by List
	failing error
}

func (m *memory) Find(_ context.Context, keys []Key) (found []Entry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked += len(keys)
	for _, k := range keys {
		if e, ok := m.rows[k]; ok {
			found = append(found, e)
		}
	}
	return found, m.failing
}

func (m *memory) List(_ context.Context, _ []Scope, after Key, limit int) (list []Entry, err error) {
	if m.listed != nil {
		m.listed()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.SortedFunc(maps.Keys(m.rows), Compare) {
		if Compare(k, after) > 0 && len(list) < limit {
			list = append(list, m.rows[k])
		}
	}
	return list, m.failing
}

func (m *memory) News(_ context.Context, after int64, limit int) (News, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.news[min(int(after), len(m.news)):]
	if limit == 0 {
		return News{Next: int64(len(m.news))}, m.failing
	}
	if int(after) < m.gone {
		return News{Next: int64(len(m.news)), Gap: true}, m.failing
	}
	all = all[:min(limit, len(all))]
	return News{Senders: all, Next: after + int64(len(all))}, m.failing
}

func (m *memory) Use(_ context.Context, uses []Use) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uses = append(m.uses, uses...)
	return m.failing
}

func (m *memory) Set(_ context.Context, e Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[e.Key] = e
	return m.failing
}

func (m *memory) Forget(_ context.Context, k Key) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.rows[k]
	delete(m.rows, k)
	return ok, m.failing
}

func (m *memory) Forgive(context.Context, string, time.Time) (bool, error) { return true, m.failing }

func (m *memory) Prune(_ context.Context, after Key, now time.Time, limit int) (last Key, removed int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []Key
	for k := range m.rows {
		if Compare(k, after) > 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, Compare)
	for i, k := range keys {
		if i == limit {
			return keys[i-1], removed, m.failing
		}
		if m.rows[k].At(now) == 0 {
			delete(m.rows, k)
			removed++
		}
	}
	return Key{}, removed, m.failing
}

// newBook knows the scopes of ann, whose own domain is not trusted.
func newBook(rows *memory, now func() time.Time) *Book {
	return New(Config{Rows: rows, Now: now, Scopes: func(rcpt, sender mail.Path) []Scope {
		if rcpt != "ann@here.example" || sender.Domain() == rcpt.Domain() {
			return nil
		}
		return []Scope{ForMailbox(1), ForDomain(2)}
	}})
}

func entry(s Scope, sender mail.Path, w Weight, used time.Time) Entry {
	return Entry{Key: Key{s, sender}, Weight: w, Used: used, Learnt: used, How: Outgoing}
}

func rowsOf(list ...Entry) *memory {
	m := &memory{rows: map[Key]Entry{}}
	for _, e := range list {
		m.rows[e.Key] = e
	}
	return m
}

func TestWeigh(t *testing.T) {
	old := noon.Add(-2*HalfLife - time.Hour)
	rows := rowsOf(
		entry("m1", "bob@far.example", 3*One, old), entry("d2", "bob@far.example", 2*One, noon),
		entry("m1", "eve@far.example", One, old), entry("m1", "gone@far.example", One/2, old.Add(-2*HalfLife)),
		entry("m1", "me@here.example", One, noon),
	)
	for name, tt := range map[string]struct {
		rcpt, sender mail.Path
		want         Weight
		scope        Scope
	}{
		"the domain's weighs more": {"ann@here.example", "bob@far.example", 2 * One, "d2"},
		"in another case":          {"ann@here.example", "Bob@far.example", 2 * One, "d2"},
		"signed by BATV":           {"ann@here.example", "prvs=1234ABCDEF=Bob@far.example", 2 * One, "d2"},
		"a quarter is left":        {"ann@here.example", "eve@far.example", One / 4, "m1"},
		"nothing is left":          {"ann@here.example", "gone@far.example", 0, ""},
		"a stranger":               {"ann@here.example", "x@far.example", 0, ""},
		"her own domain":           {"ann@here.example", "me@here.example", 0, ""},
		"somebody else's":          {"zoe@here.example", "bob@far.example", 0, ""},
	} {
		b := newBook(rows, func() time.Time { return noon })
		e, ok, err := b.Weigh(t.Context(), tt.rcpt, tt.sender, noon)
		if err != nil || ok != (tt.want > 0) || ok && (e.At(noon) != tt.want || e.Scope != tt.scope) {
			t.Errorf("%s: got %+v, %v, %v; want %d of %s", name, e, ok, err, tt.want, tt.scope)
		}
	}
	rows.failing = errors.New("away")
	if _, _, err := newBook(rows, func() time.Time { return noon }).Weigh(t.Context(), "ann@here.example", "bob@far.example", noon); !errors.Is(err, rows.failing) {
		t.Errorf("the store is away: got %v", err)
	}
}

// A look-up is repeated after a second, or when somebody changed what is known.
func TestCache(t *testing.T) {
	now := noon
	rows := rowsOf(entry("m1", "bob@far.example", One, noon))
	b := newBook(rows, func() time.Time { return now })
	weigh := func(sender mail.Path) bool {
		t.Helper()
		_, ok, err := b.Weigh(t.Context(), "ann@here.example", sender, now)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	asked := func(want int) {
		t.Helper()
		if rows.asked != want {
			t.Errorf("looked up %d keys, want %d", rows.asked, want)
		}
		rows.asked = 0
	}
	for range 3 {
		if !weigh("bob@far.example") || weigh("eve@far.example") {
			t.Error("bob is not trusted, or eve is")
		}
	}
	asked(4)
	rows.rows[Key{"m1", "eve@far.example"}] = entry("m1", "eve@far.example", One, noon)
	now = now.Add(remember)
	if !weigh("eve@far.example") {
		t.Error("eve is not trusted after a second")
	}
	asked(2)
	if _, err := b.Forget(t.Context(), Key{"m1", "Eve@far.example"}); err != nil || weigh("eve@far.example") {
		t.Error("eve is trusted though forgotten", err)
	}
	asked(2)
	rows.rows[Key{"d2", "eve@far.example"}] = entry("d2", "eve@far.example", One, noon)
	b.Learnt(Key{"d2", "Eve@far.example"})
	if !weigh("eve@far.example") {
		t.Error("eve is not trusted though that was learnt")
	}
	asked(1)
	for i := range 3 * maxCached {
		weigh(mail.Path(string(rune('a'+i%26)) + string(rune('A'+i/26%26)) + string(rune('0'+i/676)) + "@far.example"))
	}
	if len(b.known) > maxCached {
		t.Errorf("%d keys are remembered", len(b.known))
	}
}

func TestSet(t *testing.T) {
	rows := rowsOf()
	b := newBook(rows, func() time.Time { return noon })
	for given, want := range map[Weight]Weight{5: 5, -1: 0, 2 * Most: Most} {
		e, err := b.Set(t.Context(), Key{"m1", "Bob@far.example"}, given)
		if err != nil || e != (Entry{Key{"m1", "bob@far.example"}, want, noon, noon, Admin}) || rows.rows[e.Key] != e {
			t.Errorf("%d: got %+v, %v", given, e, err)
		}
	}
}

// A use is noted once a day, and written by Run within seconds, and at its end.
func TestUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := rowsOf()
		b := newBook(rows, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		synctest.Wait() // its first turn is over
		used := func(sender mail.Path, ago time.Duration) {
			b.Use(entry("m1", sender, One, time.Now().Add(-ago)), time.Now())
		}
		used("new@far.example", time.Hour)
		used("b@far.example", 25*time.Hour)
		used("b@far.example", 25*time.Hour)
		used("a@far.example", 80*24*time.Hour)
		bubble.Sleep(flushEvery + time.Second)
		want := []mail.Path{"a@far.example", "b@far.example"}
		if got := senders(rows.uses); !slices.Equal(got, want) {
			t.Errorf("uses of %v, want %v", got, want)
		}
		used("late@far.example", 25*time.Hour)
		cancel()
		<-done
		if got := senders(rows.uses); len(got) != 3 || got[2] != "late@far.example" {
			t.Errorf("at the end: uses of %v", got)
		}
	})
}

func senders(uses []Use) (list []mail.Path) {
	for _, u := range uses {
		list = append(list, u.Sender)
	}
	return list
}

// Run removes once a day what weighs nothing, where the clock is believed.
func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := rowsOf()
		for i := range 2*pruneSome + 3 {
			k := Key{"m1", mail.Path(rune('a' + i))}
			rows.rows[k] = Entry{Key: k, Weight: One, Used: time.Now().Add(-4 * HalfLife)}
		}
		kept := entry("m1", "bob@far.example", One, time.Now())
		rows.rows[kept.Key] = kept
		var believed atomic.Bool
		b := newBook(rows, time.Now)
		b.c.Old = func(context.Context) (time.Time, bool) { return time.Now(), believed.Load() }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		bubble.Sleep(time.Minute)
		if len(rows.rows) != 2*pruneSome+4 {
			t.Errorf("%d rows are left though the clock is not believed", len(rows.rows))
		}
		believed.Store(true)
		bubble.Sleep(pruneEvery)
		if len(rows.rows) != 1 || rows.rows[kept.Key] != kept {
			t.Errorf("%d rows are left", len(rows.rows))
		}
		cancel()
		<-done
	})
}

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		s           Scope
		kind        string
		box, domain int64
		address     mail.Path
	}{
		{ForMailbox(12), "mailbox", 12, 0, ""}, {ForDomain(7), "domain", 0, 7, ""}, {ForAddress("M1@here.example"), "address", 0, 0, "m1@here.example"}, {"", "address", 0, 0, ""},
	} {
		box, domain, address := tt.s.Split()
		if cmp.Or(box, domain) != cmp.Or(tt.box, tt.domain) || box != tt.box || address != mail.Path(tt.address).Fold() || tt.s.Kind() != tt.kind {
			t.Errorf("%s: got %d, %d, %q, %s", tt.s, box, domain, address, tt.s.Kind())
		}
	}
	if got := (Outgoing | Release | Admin).String(); got != "outgoing, release, admin" {
		t.Errorf("got %q", got)
	}
}

// What many messages say is learnt once a day.
func TestLearn(t *testing.T) {
	now := noon
	rows := rowsOf()
	b := newBook(rows, func() time.Time { return now })
	key := Key{"m1", "cyrillic@script.invalid"}
	for _, tt := range []struct {
		later time.Duration
		how   How
		want  Weight
	}{
		{0, Outgoing, One}, {time.Hour, Release, One}, {24 * time.Hour, Release, 3 * One}, {HalfLife, Outgoing, 5 * One / 2},
	} {
		now = now.Add(tt.later)
		if err := b.Learn(t.Context(), key, tt.how); err != nil || rows.rows[key].Weight != tt.want {
			t.Errorf("after %s: got %+v, %v, want %d", tt.later, rows.rows[key], err, tt.want)
		}
	}
	if e, ok, err := b.Weigh(t.Context(), "ann@here.example", key.Sender, now); err != nil || !ok || e.How != Outgoing|Release {
		t.Errorf("got %+v %v, %v", e, ok, err)
	}
	rows.failing = errors.New("away")
	now = now.Add(48 * time.Hour)
	if err := b.Learn(t.Context(), key, Release); err == nil {
		t.Error("no error")
	}
}
