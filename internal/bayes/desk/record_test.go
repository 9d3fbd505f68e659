package desk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/test/bubble"
)

// Bayes may be decisive at a level where of 1,000 messages of ham or more at most one in 1,000 would have
// been lost.
func TestEarned(t *testing.T) {
	for _, c := range []struct {
		name  string
		cells string // day:score:count of ham, scores in points
		want  string // levels at which it may be decisive
	}{
		{"nothing", "", ""},
		{"too few", "26:1:999", ""},
		{"enough", "26:1:1000", "1234567"},
		{"the guard does not judge yet", "26:1:1000", ""},
		{"one lost", "26:1:999 26:8:1", "1234567"},
		{"two lost", "26:1:999 26:8:2", "567"},
		{"at the border", "26:1:999 26:7.5:2", "567"},
		{"just below it", "26:1:999 26:7.4:2", "4567"},
		{"what was long ago does not count", "20:14:50 25:1:500 26:1:500", "1234567"},
		{"but is needed where there is little", "20:14:50 25:1:500 26:1:499", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			e := desk.Entry{Seq: 1, Time: s.now, Guard: &desk.GuardDay{Day: "2026-11-25"}}
			if strings.HasPrefix(c.name, "the guard") {
				e.Guard.Day = "2026-11-26"
			}
			for _, cell := range strings.Fields(c.cells) {
				var day, count int
				var score float64
				if _, err := fmt.Sscanf(strings.ReplaceAll(cell, ":", " "), "%d %g %d", &day, &score, &count); err != nil {
					t.Fatal(err)
				}
				e.Cells = append(e.Cells, desk.Cell{Day: fmt.Sprintf("2026-11-%d", day), Score: int(score * desk.ScoreParts), Count: int64(count)})
			}
			if err := s.rows.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			d := s.node("a")
			got := ""
			for level := 1; level <= bayes.Levels; level++ {
				if d.EarnedAt(bayes.LevelScore(level)) {
					got += fmt.Sprint(level)
				}
			}
			if got != c.want || d.Earned() != strings.Contains(c.want, "4") {
				t.Errorf("earned at levels %q, want %q", got, c.want)
			}
		})
	}
}

// The record counts each message once, before it is learnt, and none that a model judged that knew nothing.
func TestRecord(t *testing.T) {
	s, d, w := trained(t, desk.Caps{})
	start, err := d.Record(t.Context())
	if err != nil || start.Ham == 0 || start.Ham >= 400 || start.Spam == 0 {
		t.Fatalf("%+v, %v", start.Figures, err)
	}
	s.now = s.now.AddDate(0, 0, 1)
	spam := s.lesson("new spam", w.letter("pill", 400), true, "ann@d1.example")
	s.teach(d, spam)
	s.teach(d, spam)
	spam.Person = "bob@d1.example"
	s.teach(d, spam)
	s.teach(d, s.lesson("spam as ham", w.letter("pill", 400), false, "ann@d1.example"))
	got, err := s.node("other").Record(t.Context())
	if err != nil || len(got.Days) != 2 || got.Days[0].Day != "2026-11-28" || got.Since != "2026-11-26" {
		t.Fatalf("%+v, %v", got, err)
	}
	day := got.Days[0].Figures
	if day.Ham != 1 || day.Spam != 1 || day.Lost[4] != 1 || day.Caught[4] != 1 || got.Ham != start.Ham+1 {
		t.Errorf("the day has %+v", day)
	}
	if here, err := d.Record(t.Context()); err != nil || fmt.Sprint(here) != fmt.Sprint(got) {
		t.Errorf("two nodes: %+v and %+v, %v", here, got, err)
	}
}

func TestTeachIsCapped(t *testing.T) {
	s := newSite(t)
	s.now = time.Now().UTC() // rows count by their own clock
	s.caps = desk.Caps{Person: 3, Domain: 5, Source: 7, Of: map[desk.Source]int{desk.Challenge: 1}}
	d := s.node("a")
	w := newWriter(1)
	n := 0
	told := func(person string, source desk.Source, want ...bool) {
		t.Helper()
		for i, capped := range want {
			n++
			l := s.lesson(fmt.Sprint("m", n), w.letter("pill", 40), source == desk.Junk, person)
			l.Source = source
			if got := s.teach(d, l); got.Capped != capped {
				t.Errorf("%s of %s, lesson %d: %+v", source, person, i+1, got)
			}
		}
	}
	told("ann@one.example", desk.Junk, false, false, false, true)
	told("ann@one.example", desk.Inbox, false, false, true)
	told("bob@one.example", desk.Junk, true)
	told("ann@two.example", desk.Junk, false, false, false, true)
	told("ann@three.example", desk.Junk, false, true)
	told("senders", desk.Challenge, false, true)
	told("admin", desk.Command, false, false, false, false, false, false, false, false)
	l := s.lesson("verdict", w.letter("pill", 40), true, "filter")
	l.Source = "bayes"
	if _, err := d.Teach(t.Context(), l); err == nil {
		t.Error("a verdict was learnt")
	}
}

// Rows that are full, or dead, stop learning, which says so, and not judging. What waits is learnt when they are back.
func TestDeadStore(t *testing.T) {
	s, _, w := trained(t, desk.Caps{})
	dead := &deadRows{Rows: s.rows}
	s.rows = dead
	d := s.node("b")
	model := octets(t, d)
	for _, what := range []string{"read", "write"} {
		dead.fail(what)
		f := s.lesson("m", w.letter("pill", 400), true, "ann@d1.example")
		if _, err := d.Teach(t.Context(), f); !errors.Is(err, errRows) {
			t.Errorf("%s: teach: %v", what, err)
		}
		if _, err := d.Forget(t.Context(), "base0", "", "test"); !errors.Is(err, errRows) {
			t.Errorf("%s: forget: %v", what, err)
		}
		if v := d.Judge(f.Features, "d1.example"); !v.Trained || v.Score < 7.5 {
			t.Errorf("%s: judged %+v", what, v)
		}
		d.TeachSoon(s.lesson("soon "+what, w.letter("pill", 400), true, "ann@d1.example"))
		if err := d.Flush(t.Context()); !errors.Is(err, errRows) {
			t.Errorf("%s: flush: %v", what, err)
		}
	}
	dead.fail("")
	if string(octets(t, d)) != string(model) {
		t.Error("what was not kept was learnt")
	}
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"soon read", "soon write"} {
		if list, err := d.Lessons(t.Context(), desk.Query{Message: m}); err != nil || len(list) != 1 || !list[0].Stands {
			t.Errorf("%s: %+v, %v", m, list, err)
		}
	}
}

type deadRows struct {
	desk.Rows
	mu   sync.Mutex
	what string // that fails
}

func (d *deadRows) fail(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.what = what
}

func (d *deadRows) fails(what string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.what == what
}

func (d *deadRows) Head(ctx context.Context) (desk.Head, error) {
	if d.fails("read") {
		return desk.Head{}, errRows
	}
	return d.Rows.Head(ctx)
}

func (d *deadRows) Append(ctx context.Context, e desk.Entry) error {
	if d.fails("write") {
		return errRows
	}
	return d.Rows.Append(ctx, e)
}

// In a flood lessons are lost, and counted; those that wait are learnt by Run, which says once that it can't.
func TestRun(t *testing.T) {
	s := newSite(t)
	w := newWriter(1)
	dead := &deadRows{Rows: &memoryRows{}, what: "write"}
	s.rows = dead
	l := s.lesson("m", w.letter("pill", 40), true, "ann@d1.example")
	synctest.Test(t, func(t *testing.T) {
		d := s.node("a")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			d.Run(ctx)
			close(done)
		}()
		synctest.Wait() // until the first tick
		l.Force = true
		for i := range 1100 {
			if i == 1024 {
				synctest.Wait() // woken, it has tried
			}
			l.Message, l.Person = fmt.Sprint("m", i), fmt.Sprint("p", i)
			d.TeachSoon(l)
		}
		bubble.Sleep(5 * time.Second)
		dead.fail("")
		bubble.Sleep(2 * time.Second)
		if v := d.Judge(l.Features, ""); v.Spam != 1024 {
			t.Errorf("%d learnt", v.Spam)
		}
		l.Message = "last"
		d.TeachSoon(l)
		cancel()
		<-done
		if v := d.Judge(l.Features, ""); v.Spam != 1025 {
			t.Errorf("%d learnt at the end", v.Spam)
		}
	})
	log := s.log.String()
	for _, want := range []string{"bayes does not learn", "bayes learns again", "lost in a flood", "lessons=76"} {
		if n := strings.Count(log, want); n != 1 {
			t.Errorf("%q is %d times in the log", want, n)
		}
	}
}

// memoryRows keep the log alone, in the bubble of a test.
type memoryRows struct {
	desk.Rows
	mu  sync.Mutex
	log []desk.Entry
}

func (m *memoryRows) Head(context.Context) (desk.Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return desk.Head{Seq: int64(len(m.log)), First: 1}, nil
}

func (m *memoryRows) Before(ctx context.Context, _ []desk.Lesson) (b desk.Before, err error) {
	b.Head, err = m.Head(ctx)
	return b, err
}

func (m *memoryRows) Append(_ context.Context, e desk.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Seq != int64(len(m.log))+1 {
		return desk.ErrBehind
	}
	m.log = append(m.log, e)
	return nil
}

func (m *memoryRows) Cells(context.Context, string) ([]desk.Cell, error)       { return nil, nil }
func (m *memoryRows) Samples(context.Context, int64) ([]desk.Sample, error)    { return nil, nil }
func (m *memoryRows) GuardDays(context.Context, int) ([]desk.GuardDay, error)  { return nil, nil }
func (m *memoryRows) Snapshots(context.Context) ([]desk.Snapshot, error)       { return nil, nil }
func (m *memoryRows) PutSnapshot(context.Context, desk.Snapshot, []byte) error { return nil }
func (m *memoryRows) Expire(context.Context, time.Time, int, int) (int, error) { return 0, nil }
