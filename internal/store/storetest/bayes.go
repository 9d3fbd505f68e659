package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
	"gatepost/internal/mail"
)

// Bayes tests that what open returns keeps what the Bayes filter learnt. Each call of open is a new,
// empty store.
func Bayes(t *testing.T, open func(*testing.T) desk.Rows) {
	for name, test := range map[string]func(*testing.T, desk.Rows){
		"an entry comes back as it was":     bayesRoundTrip,
		"one entry follows another":         bayesBehind,
		"many at once, one after the other": bayesRace,
		"large entries are cut":             bayesLarge,
		"what was said before":              bayesBefore,
		"what was taught in a day":          bayesCounted,
		"the record is added up":            bayesRecord,
		"a day begins once":                 bayesGuardDays,
		"samples take each other's place":   bayesSamples,
		"snapshots count when whole":        bayesSnapshots,
		"roll-backs need their snapshot":    bayesRollToSnapshot,
		"the log is trimmed":                bayesTrim,
		"what is old goes":                  bayesExpired,
		"lessons are found":                 bayesFound,
		"a desk over it":                    bayesDesk,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// bayesNow is the time of what the tests append; rows believe no time to come.
func bayesNow() time.Time { return time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond) }

func bayesFeatures(t *testing.T, text string) *bayes.Features {
	t.Helper()
	f, err := bayes.Of(mail.NewMessage([]byte("Subject: " + text + "\r\n\r\n" + text + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func appendEntry(t *testing.T, rows desk.Rows, e desk.Entry) {
	t.Helper()
	if e.Time.IsZero() {
		e.Time = bayesNow()
	}
	if err := rows.Append(t.Context(), e); err != nil {
		t.Fatalf("entry %d: %v", e.Seq, err)
	}
}

func entriesOf(t *testing.T, rows desk.Rows, s desk.Span, octets int) (list []desk.Entry) {
	t.Helper()
	err := rows.Entries(t.Context(), s, octets, func(e desk.Entry) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func bayesLesson(t *testing.T, message, person string, spam bool) desk.Lesson {
	t.Helper()
	sum := bayesFeatures(t, message).Sum()
	return desk.Lesson{
		Message: message, Person: person, Domain: "one.example", Spam: spam, Source: desk.Junk, Time: bayesNow(), State: desk.Learnt,
		Sum: sum[:], Step: []byte{1, 2, 3}, Score: 3.25,
	}
}

func bayesRoundTrip(t *testing.T, rows desk.Rows) {
	head, err := rows.Head(t.Context())
	if err != nil || head.Seq != 0 || head.First != 1 || len(head.Rolls) > 0 {
		t.Fatalf("a new log: %+v, %v", head, err)
	}
	at := bayesNow()
	l := bayesLesson(t, "jürgen", "ann@one.example", true)
	l.Seq = 1
	appendEntry(t, rows, desk.Entry{Seq: 1, Node: "mx1", Time: at, Delta: []byte("what changed"), Lessons: []desk.Lesson{l}})
	roll := desk.Roll{Seq: 2, To: 1, Snapshot: putSnapshot(t, rows, 1), Day: "2026-11-25", Time: at, By: "olga"}
	appendEntry(t, rows, desk.Entry{Seq: 2, Node: "mx2", Time: at, Roll: &roll})
	appendEntry(t, rows, desk.Entry{Seq: 3, Node: "mx1", Time: at, Ends: []desk.End{{Lesson: 1, By: "bob"}}})
	want := []desk.Entry{{Seq: 1, Node: "mx1", Time: at, Delta: []byte("what changed")}, {Seq: 2, Node: "mx2", Time: at}, {Seq: 3, Node: "mx1", Time: at}}
	if got := entriesOf(t, rows, desk.Span{UpTo: 9}, 1000); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := entriesOf(t, rows, desk.Span{After: 1, UpTo: 2}, 1000); !reflect.DeepEqual(got, want[1:2]) {
		t.Errorf("the second alone: got %+v", got)
	}
	if got := entriesOf(t, rows, desk.Span{UpTo: 9}, 1); len(got) != 1 {
		t.Errorf("a few octets: %d entries", len(got))
	}
	head, err = rows.Head(t.Context())
	if err != nil || head.Seq != 3 || head.First != 1 || !reflect.DeepEqual(head.Rolls, []desk.Roll{roll}) {
		t.Errorf("head %+v, %v", head, err)
	}
	list, err := rows.Lessons(t.Context(), desk.Query{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d lessons, %v", len(list), err)
	}
	l.ID, l.Ended, l.EndedSeq, l.EndedBy = list[0].ID, at, 3, "bob"
	if !reflect.DeepEqual(list[0], l) {
		t.Errorf("got lesson %+v, want %+v", list[0], l)
	}
	appendEntry(t, rows, desk.Entry{Seq: 4, Node: "mx1", Time: at, Ends: []desk.End{{Lesson: 1, By: "eve"}}})
	l.EndedSeq, l.EndedBy, l.Earlier = 4, "eve", []int64{3}
	if list, err = rows.Lessons(t.Context(), desk.Query{}); err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], l) {
		t.Errorf("ended again: got %+v, want %+v, %v", list, l, err)
	}
	for _, c := range []struct {
		path desk.Path
		want int64
	}{{desk.Path{{After: 0, UpTo: 2}}, 1}, {desk.Path{{After: 0, UpTo: 3}}, 0}, {desk.Path{{After: 3, UpTo: 9}, {After: 0, UpTo: 2}}, 0}} {
		counts, err := rows.Counts(t.Context(), c.path)
		got := int64(0)
		for _, n := range counts {
			got += n.Count
		}
		if err != nil || got != c.want {
			t.Errorf("along %v: %d stand, want %d, %v", c.path, got, c.want, err)
		}
	}
}

// What comes too late leaves nothing.
func bayesBehind(t *testing.T, rows desk.Rows) {
	appendEntry(t, rows, desk.Entry{Seq: 1})
	for _, seq := range []int64{1, 3, 0} {
		e := desk.Entry{Seq: seq, Time: bayesNow(), Lessons: []desk.Lesson{bayesLesson(t, "m", "ann", true)}, Cells: []desk.Cell{{Day: "2026-11-26", Count: 1}}}
		if err := rows.Append(t.Context(), e); !errors.Is(err, desk.ErrBehind) {
			t.Errorf("entry %d after 1: %v", seq, err)
		}
	}
	list, err := rows.Lessons(t.Context(), desk.Query{})
	cells, cellErr := rows.Cells(t.Context(), "")
	if len(list) > 0 || len(cells) > 0 || err != nil || cellErr != nil {
		t.Errorf("left: %v, %v, %v, %v", list, cells, err, cellErr)
	}
}

func bayesRace(t *testing.T, rows desk.Rows) {
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for done := 0; done < 10; {
				head, err := rows.Head(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				err = rows.Append(t.Context(), desk.Entry{Seq: head.Seq + 1, Time: bayesNow(), Node: fmt.Sprint(i), Delta: []byte{byte(i)}})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, desk.ErrBehind):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	list := entriesOf(t, rows, desk.Span{UpTo: 100}, 1<<20)
	for i, e := range list {
		if e.Seq != int64(i+1) || len(e.Delta) != 1 || fmt.Sprint(e.Delta[0]) != e.Node {
			t.Fatalf("entry %d is %+v", i+1, e)
		}
	}
	if len(list) != 40 {
		t.Errorf("%d entries", len(list))
	}
}

func bayesLarge(t *testing.T, rows desk.Rows) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 100<<10) // 1.6 MB
	appendEntry(t, rows, desk.Entry{Seq: 1, Delta: large})
	if got := entriesOf(t, rows, desk.Span{UpTo: 1}, 1); len(got) != 1 || !bytes.Equal(got[0].Delta, large) {
		t.Error("it is another")
	}
}

func bayesBefore(t *testing.T, rows desk.Rows) {
	copied := bayesLesson(t, "m1", "ann", true)
	copied.Message = "copy of m1"
	appendEntry(t, rows, desk.Entry{Seq: 1, Lessons: []desk.Lesson{
		bayesLesson(t, "m1", "ann", true), bayesLesson(t, "m1", "bob", false), bayesLesson(t, "m2", "ann", true), copied,
	}})
	asked := desk.Lesson{Message: "m1", Person: "ann", Features: bayesFeatures(t, "m1"), Source: desk.Junk}
	before, err := rows.Before(t.Context(), []desk.Lesson{asked, {Message: "m3", Person: "joe"}})
	if err != nil || before.Head.Seq != 1 {
		t.Fatalf("%+v, %v", before.Head, err)
	}
	var got []string
	for _, l := range before.Lessons {
		got = append(got, l.Message+" by "+l.Person)
	}
	if want := "m1 by bob, m1 by ann, copy of m1 by ann"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func bayesCounted(t *testing.T, rows desk.Rows) {
	old, operator, refused := bayesLesson(t, "m1", "ann", true), bayesLesson(t, "m2", "ann", true), bayesLesson(t, "m5", "joe", true)
	old.Time, operator.Source, refused.State = time.Now().Add(-25*time.Hour), desk.Command, desk.Refused
	trap := bayesLesson(t, "m6", "net", true)
	trap.Source = desk.Trap
	appendEntry(t, rows, desk.Entry{Seq: 1, Lessons: []desk.Lesson{old, operator, trap, bayesLesson(t, "m3", "ann", true), bayesLesson(t, "m4", "bob", true), refused}})
	before, err := rows.Before(t.Context(), []desk.Lesson{{Message: "m", Person: "ann", Domain: "one.example", Source: desk.Junk}})
	want := map[[2]string]int{{"source", "junk"}: 2, {"domain", "one.example"}: 2, {"junk", "ann"}: 1}
	if err != nil || !reflect.DeepEqual(before.Counts, want) {
		t.Errorf("got %v, %v, want %v", before.Counts, err, want)
	}
}

func bayesRecord(t *testing.T, rows desk.Rows) {
	appendEntry(t, rows, desk.Entry{Seq: 1, Cells: []desk.Cell{{Day: "2026-11-25", Spam: true, Score: 100, Count: 2}, {Day: "2026-11-26", Spam: false, Score: 3, Count: 1}}})
	appendEntry(t, rows, desk.Entry{Seq: 2, Cells: []desk.Cell{{Day: "2026-11-26", Spam: false, Score: 3, Count: 4}, {Day: "2026-11-26", Spam: true, Score: 3, Count: 1}, {Day: "2026-11-26", Spam: false, Score: 3, Count: 1}}})
	got, err := rows.Cells(t.Context(), "2026-11-26")
	if want := []desk.Cell{{Day: "2026-11-26", Spam: false, Score: 3, Count: 6}, {Day: "2026-11-26", Spam: true, Score: 3, Count: 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := rows.Cells(t.Context(), ""); err != nil || len(got) != 3 {
		t.Errorf("all: %v, %v", got, err)
	}
}

func bayesGuardDays(t *testing.T, rows desk.Rows) {
	appendEntry(t, rows, desk.Entry{Seq: 1, Guard: &desk.GuardDay{Day: "2026-11-25", Ham: 2, Spam: 7}})
	appendEntry(t, rows, desk.Entry{Seq: 2, Guard: &desk.GuardDay{Day: "2026-11-26", Ham: 3, Spam: 1}})
	appendEntry(t, rows, desk.Entry{Seq: 3, Guard: &desk.GuardDay{Day: "2026-11-26", Ham: 9}})
	got, err := rows.GuardDays(t.Context(), 1)
	if err != nil || !reflect.DeepEqual(got, []desk.GuardDay{{Day: "2026-11-26", Ham: 3, Spam: 1}}) {
		t.Errorf("got %v, %v", got, err)
	}
	appendEntry(t, rows, desk.Entry{Seq: 4, Guard: &desk.GuardDay{Day: "2026-11-27", Ham: 4, Anew: true}})
	got, err = rows.GuardDays(t.Context(), 9)
	if err != nil || !reflect.DeepEqual(got, []desk.GuardDay{{Day: "2026-11-27", Ham: 4}}) {
		t.Errorf("anew: got %v, %v", got, err)
	}
}

func bayesSamples(t *testing.T, rows desk.Rows) {
	one := desk.Sample{Slot: 3, Seq: 1, Message: "m1", Person: "ann", Domain: "one.example", Features: []byte("first")}
	two := desk.Sample{Slot: 100, Seq: 2, Message: "m2", Person: "", Domain: "", Features: bytes.Repeat([]byte{1}, 200<<10)}
	appendEntry(t, rows, desk.Entry{Seq: 1, Samples: []desk.Sample{one}})
	appendEntry(t, rows, desk.Entry{Seq: 2, Samples: []desk.Sample{two}})
	if got, err := rows.Samples(t.Context(), 0); err != nil || !reflect.DeepEqual(got, []desk.Sample{one, two}) {
		t.Errorf("got %d, %v", len(got), err)
	}
	appendEntry(t, rows, desk.Entry{Seq: 3, Samples: []desk.Sample{{Slot: 3, Seq: 3}}})
	if got, err := rows.Samples(t.Context(), 2); err != nil || len(got) != 1 || got[0].Slot != 3 || len(got[0].Features) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	appendEntry(t, rows, desk.Entry{Seq: 4, Roll: &desk.Roll{To: 2}})
	if got, err := rows.Samples(t.Context(), 0); err != nil || len(got) != 1 || got[0].Slot != 100 {
		t.Errorf("after a roll-back: %d, %v", len(got), err)
	}
}

func bayesSnapshots(t *testing.T, rows desk.Rows) {
	data := bytes.Repeat([]byte("model "), 200<<10) // 1.2 MB
	s := desk.Snapshot{Seq: 1, Day: "2026-11-26", Time: bayesNow(), Node: "mx1", Octets: int64(len(data))}
	appendEntry(t, rows, desk.Entry{Seq: 1})
	if err := rows.PutSnapshot(t.Context(), s, data); err != nil {
		t.Fatal(err)
	}
	list, err := rows.Snapshots(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if s.ID = list[0].ID; list[0] != s {
		t.Errorf("got %+v, want %+v", list[0], s)
	}
	var got bytes.Buffer
	if err := rows.Snapshot(t.Context(), s.ID, &got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d octets, %v", got.Len(), err)
	}
	if err := rows.PutSnapshot(t.Context(), s, data); !errors.Is(err, desk.ErrBusy) {
		t.Errorf("the same again: %v", err)
	}
	if err := rows.DropSnapshot(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if list, err := rows.Snapshots(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("dropped: %v, %v", list, err)
	}
	if err := rows.Snapshot(t.Context(), s.ID, &got); err == nil {
		t.Error("a dropped one was read")
	}
}

// putSnapshot keeps one of an entry, and returns which it is.
func putSnapshot(t *testing.T, rows desk.Rows, seq int64) int64 {
	t.Helper()
	if err := rows.PutSnapshot(t.Context(), desk.Snapshot{Seq: seq, Day: "2026-11-26", Time: bayesNow()}, []byte("model")); err != nil {
		t.Fatal(err)
	}
	list, err := rows.Snapshots(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatalf("%v, %v", list, err)
	}
	return list[len(list)-1].ID
}

// A roll-back to a snapshot that is gone is not done, and the one that the last roll-back leads to stays.
func bayesRollToSnapshot(t *testing.T, rows desk.Rows) {
	appendEntry(t, rows, desk.Entry{Seq: 1})
	id := putSnapshot(t, rows, 1)
	gone := desk.Entry{Seq: 2, Roll: &desk.Roll{Seq: 2, To: 1, Snapshot: id + 1, Time: bayesNow()}}
	if err := rows.Append(t.Context(), gone); !errors.Is(err, desk.ErrNoSnapshot) {
		t.Errorf("to one that is not there: %v", err)
	}
	if head, err := rows.Head(t.Context()); err != nil || head.Seq != 1 || len(head.Rolls) > 0 {
		t.Errorf("head %+v, %v", head, err)
	}
	appendEntry(t, rows, desk.Entry{Seq: 2, Roll: &desk.Roll{Seq: 2, To: 1, Snapshot: id, Time: bayesNow()}})
	if err := rows.DropSnapshot(t.Context(), id); !errors.Is(err, desk.ErrNeeded) {
		t.Errorf("dropped what is needed: %v", err)
	}
	appendEntry(t, rows, desk.Entry{Seq: 3, Roll: &desk.Roll{Seq: 3, Time: bayesNow()}})
	if err := rows.DropSnapshot(t.Context(), id); err != nil {
		t.Errorf("the empty model is the last: %v", err)
	}
}

func bayesTrim(t *testing.T, rows desk.Rows) {
	for i := range 50 {
		appendEntry(t, rows, desk.Entry{Seq: int64(i + 1), Delta: []byte("x")})
	}
	for more, turns := true, 0; more; turns++ {
		var err error
		if more, err = rows.Trim(t.Context(), 45); err != nil || turns > 10 {
			t.Fatalf("turn %d: %v", turns, err)
		}
	}
	if head, err := rows.Head(t.Context()); err != nil || head.First != 46 || head.Seq != 50 {
		t.Errorf("head %+v, %v", head, err)
	}
	if got := entriesOf(t, rows, desk.Span{UpTo: 50}, 1000); len(got) != 5 {
		t.Errorf("%d entries are left", len(got))
	}
}

func bayesExpired(t *testing.T, rows desk.Rows) {
	var list []desk.Lesson
	for i := range 10 {
		l := bayesLesson(t, fmt.Sprint("m", i), "ann", true)
		l.Time = bayesNow().AddDate(0, 0, i-10)
		list = append(list, l)
	}
	today := bayesNow()
	appendEntry(t, rows, desk.Entry{Seq: 1, Lessons: list, Cells: []desk.Cell{
		{Day: today.AddDate(0, 0, -9).Format(time.DateOnly), Spam: true, Score: 1, Count: 1}, {Day: today.Format(time.DateOnly), Spam: true, Score: 1, Count: 1},
	}})
	left := func(want int) {
		t.Helper()
		if got, err := rows.Lessons(t.Context(), desk.Query{}); err != nil || len(got) != want {
			t.Errorf("%d lessons are left, not %d, %v", len(got), want, err)
		}
	}
	before := bayesNow().AddDate(0, 0, -7).Add(-time.Hour)
	if n, err := rows.Expire(t.Context(), before, 100, 2); err != nil || n != 2 {
		t.Errorf("some: %d, %v", n, err)
	}
	if n, err := rows.Expire(t.Context(), before, 100, 2); err != nil || n != 1 {
		t.Errorf("the rest: %d, %v", n, err)
	}
	left(7)
	if n, err := rows.Expire(t.Context(), before, 4, 100); err != nil || n != 3 {
		t.Errorf("too many: %d, %v", n, err)
	}
	left(4)
	if cells, err := rows.Cells(t.Context(), ""); err != nil || len(cells) != 1 {
		t.Errorf("record: %v, %v", cells, err)
	}
}

func bayesFound(t *testing.T, rows desk.Rows) {
	ham, refused := bayesLesson(t, "m2", "bob", false), bayesLesson(t, "m3", "eve", true)
	ham.Source, refused.State = desk.Release, desk.Refused
	appendEntry(t, rows, desk.Entry{Seq: 1, Lessons: []desk.Lesson{bayesLesson(t, "m1", "ann", true), ham, refused}})
	for _, c := range []struct {
		name string
		q    desk.Query
		want string
	}{
		{"all", desk.Query{}, "m3 m2 m1"},
		{"by message", desk.Query{Message: "m2"}, "m2"},
		{"by person", desk.Query{Person: "ann"}, "m1"},
		{"by source", desk.Query{Source: desk.Junk}, "m3 m1"},
		{"refused", desk.Query{State: desk.Refused}, "m3"},
		{"the newest", desk.Query{Limit: 1}, "m3"},
		{"since", desk.Query{Since: time.Now()}, ""},
	} {
		list, err := rows.Lessons(t.Context(), c.q)
		var got []string
		for _, l := range list {
			got = append(got, l.Message)
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.name, got, err, c.want)
		}
	}
	all, _ := rows.Lessons(t.Context(), desk.Query{})
	if list, err := rows.Lessons(t.Context(), desk.Query{After: all[0].ID}); err != nil || len(list) != 2 {
		t.Errorf("the next page: %d, %v", len(list), err)
	}
	counts, err := rows.Counts(t.Context(), desk.PathOf(nil))
	if err != nil || len(counts) != 2 || counts[0].Source != desk.Junk || counts[0].Count != 1 || counts[1].Source != desk.Release || counts[1].Spam {
		t.Errorf("counts %+v, %v", counts, err)
	}
	if counts, err := rows.Counts(t.Context(), desk.PathOf([]desk.Roll{{Seq: 2}})); err != nil || len(counts) != 0 {
		t.Errorf("counts beside the path: %+v, %v", counts, err)
	}
}

// Two desks teach at once, and have one model.
func bayesDesk(t *testing.T, rows desk.Rows) {
	nodes := []*desk.Desk{desk.New(desk.Config{Rows: rows, Node: "a"}), desk.New(desk.Config{Rows: rows, Node: "b"})}
	var wg sync.WaitGroup
	for n, d := range nodes {
		wg.Go(func() {
			for i := range 10 {
				text := fmt.Sprint("buy ", i, " of ", n)
				_, err := d.Teach(t.Context(), desk.Lesson{Message: text, Features: bayesFeatures(t, text), Domain: "one.example", Spam: i%2 == 0, Source: desk.Report, Person: fmt.Sprint("p", i)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var models [2]bytes.Buffer
	for i, d := range nodes {
		if err := errors.Join(d.Follow(t.Context()), d.Compact(t.Context())); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Model().WriteTo(&models[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(models[0].Bytes(), models[1].Bytes()) {
		t.Error("two models")
	}
	if list, err := rows.Snapshots(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("snapshots %v, %v", list, err)
	}
}
