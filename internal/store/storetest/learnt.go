package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/learnt"
)

// Learnt tests that what open returns keeps what was learnt. Each call of open is a new,
// empty store.
func Learnt(t *testing.T, open func(*testing.T) learnt.Rows) {
	for name, test := range map[string]func(*testing.T, learnt.Rows){
		"a lesson comes back as it was":    lessonRoundTrip,
		"told again, nothing changes":      lessonAgain,
		"one person changes his mind":      lessonTurned,
		"persons are counted, not lessons": lessonPersons,
		"taken back exactly":               lessonForgotten,
		"capped":                           lessonCapped,
		"who says it":                      lessonPeople,
		"a print keeps its newest lessons": lessonSurplus,
		"nobody outvotes an operator":      lessonFirm,
		"changes are followed":             lessonFollowed,
		"lessons are found":                lessonFound,
		"what is old goes":                 lessonExpired,
		"two nodes at once":                lessonRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// printOf makes a print of a kind out of a word.
func printOf(kind learnt.Kind, word string) learnt.Print {
	return learnt.Print{Kind: kind, Sum: []byte((word + strings.Repeat("\x00\xff", kind.Octets()))[:kind.Octets()])}
}

// spamOf is a lesson that a message is spam, which teaches words as checksums.
func spamOf(message, person string, words ...string) learnt.Lesson {
	l := learnt.Lesson{Message: message, Spam: true, Source: learnt.Report, Person: person, Time: time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)}
	for _, w := range words {
		l.Prints = append(l.Prints, printOf(learnt.Checksum, w))
	}
	return l
}

func hamOf(message, person string, words ...string) learnt.Lesson {
	l := spamOf(message, person, words...)
	l.Spam, l.Source = false, learnt.Release
	return l
}

func teachAll(t *testing.T, rows learnt.Rows, list ...learnt.Lesson) learnt.Taught {
	t.Helper()
	taught, err := rows.Teach(t.Context(), list, learnt.Caps{})
	if err != nil {
		t.Fatal(err)
	}
	return taught
}

// standings reads the prints that changed after a revision: "word spam:ham".
func standings(t *testing.T, rows learnt.Rows, since int64) (list []string, revision int64) {
	t.Helper()
	revision, err := rows.Load(t.Context(), since, func(e learnt.Entry) error {
		word, _, _ := strings.Cut(string(e.Sum), "\x00")
		list = append(list, fmt.Sprintf("%s %d:%d", word, e.Spam, e.Ham))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list, revision
}

func wantStandings(t *testing.T, rows learnt.Rows, since int64, want ...string) (revision int64) {
	t.Helper()
	got, revision := standings(t, rows, since)
	if !slices.Equal(got, want) {
		t.Errorf("after revision %d: got %q, want %q", since, got, want)
	}
	return revision
}

func lessonRoundTrip(t *testing.T, rows learnt.Rows) {
	l := learnt.Lesson{
		Message: "0abc", Spam: true, Source: learnt.Trap, Person: "jürgen@far.example", Time: time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond),
		Prints: []learnt.Print{
			printOf(learnt.Checksum, "a"), printOf(learnt.Sketch, "b"), printOf(learnt.Attachment, "c"), printOf(learnt.Picture, "d"), printOf(learnt.Pair, "e"),
		},
	}
	if got := teachAll(t, rows, l); got != (learnt.Taught{Kept: 1}) {
		t.Errorf("got %+v", got)
	}
	list, err := rows.Find(t.Context(), learnt.Query{Message: "0abc"})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d lessons, %v", len(list), err)
	}
	l.ID = list[0].ID
	if fmt.Sprint(list[0]) != fmt.Sprint(l) {
		t.Errorf("got %v, want %v", list[0], l)
	}
	var n int
	_, err = rows.Load(t.Context(), 0, func(e learnt.Entry) error {
		if e.Kind != l.Prints[n].Kind || string(e.Sum) != string(l.Prints[n].Sum) {
			t.Errorf("got print %v, want %v", e.Print, l.Prints[n])
		}
		if e.Spam != 1 || e.Ham != 0 || len(e.Sources) != 1 || e.Sources[0] != learnt.Trap || e.Networks != 1 || e.Domains != 0 || !e.First.Equal(l.Time) || !e.Last.Equal(l.Time) || e.Revision == 0 {
			t.Errorf("got standing %+v, revision %d", e.Standing, e.Revision)
		}
		n++
		return nil
	})
	if err != nil || n != len(l.Prints) {
		t.Errorf("%d prints, %v", n, err)
	}
	counts, err := rows.Counts(t.Context())
	if err != nil || len(counts) != 1 || counts[0] != (learnt.Count{Source: learnt.Trap, Spam: true, Count: 1, Last: l.Time}) {
		t.Errorf("counts %+v, %v", counts, err)
	}
}

func lessonAgain(t *testing.T, rows learnt.Rows) {
	teachAll(t, rows, spamOf("m1", "ann", "a"))
	if got := teachAll(t, rows, spamOf("m1", "ann", "a", "b"), spamOf("m1", "ann", "a")); got != (learnt.Taught{Known: 2}) {
		t.Errorf("got %+v", got)
	}
	wantStandings(t, rows, 0, "a 1:0")
}

func lessonTurned(t *testing.T, rows learnt.Rows) {
	teachAll(t, rows, spamOf("m1", "ann", "a", "b"))
	_, at := standings(t, rows, 0)
	teachAll(t, rows, hamOf("m1", "ann", "a"))
	at = wantStandings(t, rows, at, "a 0:1", "b 0:0")
	teachAll(t, rows, spamOf("m1", "ann", "a", "b"))
	wantStandings(t, rows, at, "a 1:0", "b 1:0")
	list, err := rows.Find(t.Context(), learnt.Query{Message: "m1", Ended: true})
	if err != nil || len(list) != 3 || list[0].Ended != (time.Time{}) || list[1].Ended.IsZero() || list[1].EndedBy != "ann" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func lessonPersons(t *testing.T, rows learnt.Rows) {
	teachAll(t, rows, spamOf("m1", "ann", "a"), spamOf("m2", "ann", "a"), spamOf("m1", "bob", "a"), hamOf("m3", "eve", "a"), hamOf("m3", "zoe", "a", "b"))
	wantStandings(t, rows, 0) // as many say that it is not
	teachAll(t, rows, spamOf("m4", "joe", "a"))
	wantStandings(t, rows, 0, "a 3:2")
}

// Taking lessons back leaves what there would be without them.
func lessonForgotten(t *testing.T, rows learnt.Rows) {
	teachAll(t, rows, spamOf("m1", "ann", "a"), hamOf("m1", "bob", "a", "c"))
	_, at := standings(t, rows, 0)
	teachAll(t, rows, spamOf("m2", "ann", "a", "b"), spamOf("m2", "eve", "a", "b"), hamOf("m3", "eve", "c"))
	at = wantStandings(t, rows, at, "a 2:1", "b 2:0", "c 0:2")
	list, err := rows.Forget(t.Context(), learnt.Forgetting{Message: "m2", Who: "olga"})
	if err != nil || len(list) != 2 || len(list[0].Prints) != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
	at = wantStandings(t, rows, at, "a 1:1", "b 0:0")
	if list, err := rows.Forget(t.Context(), learnt.Forgetting{Message: "m2", Who: "olga"}); err != nil || len(list) != 0 {
		t.Errorf("again: got %+v, %v", list, err)
	}
	if _, err := rows.Forget(t.Context(), learnt.Forgetting{Who: "olga"}); err == nil {
		t.Error("all was forgotten")
	}
	if list, err := rows.Forget(t.Context(), learnt.Forgetting{Message: "m3", Person: "eve", Who: "olga"}); err != nil || len(list) != 1 {
		t.Errorf("by person: got %+v, %v", list, err)
	}
	wantStandings(t, rows, at, "c 0:1")
}

func lessonCapped(t *testing.T, rows learnt.Rows) {
	var list []learnt.Lesson
	for i := range 5 {
		list = append(list, spamOf(fmt.Sprint("m", i), "ann", "a"), spamOf(fmt.Sprint("m", i), "bob", "b"), hamOf(fmt.Sprint("m", i), "eve", "c"))
	}
	caps := learnt.Caps{Person: 3, Source: 5}
	if got, err := rows.Teach(t.Context(), list[:6], caps); err != nil || got != (learnt.Taught{Kept: 6}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := rows.Teach(t.Context(), list, caps); err != nil || got != (learnt.Taught{Kept: 2, Known: 6, Capped: 7}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for i := range list {
		list[i].Source, list[i].Message = learnt.Command, list[i].Message+" by hand"
	}
	if got, err := rows.Teach(t.Context(), list, caps); err != nil || got.Kept != len(list) {
		t.Errorf("by hand: got %+v, %v", got, err)
	}
	old := spamOf("old", "joe", "d")
	old.Source, old.Time = learnt.Junk, time.Now().Add(-25*time.Hour)
	fresh := old
	fresh.Message, fresh.Time = "fresh", time.Now()
	for _, one := range []learnt.Lesson{old, fresh} { // what is a day old does not count
		if got, err := rows.Teach(t.Context(), []learnt.Lesson{one}, learnt.Caps{Person: 1}); err != nil || got.Kept != 1 {
			t.Errorf("%s: got %+v, %v", one.Message, got, err)
		}
	}
}

// Who says it is told with a print: networks of traps, and people's domains.
func lessonPeople(t *testing.T, rows learnt.Rows) {
	trap := spamOf("m1", "trap 192.0.2.0/24", "a")
	trap.Source = learnt.Trap
	other := trap
	other.Person, other.Message = "trap 198.51.100.0/24", "m2"
	wants := func(when, want string) {
		t.Helper()
		got := ""
		_, err := rows.Load(t.Context(), 0, func(e learnt.Entry) error {
			got = fmt.Sprintf("%d: %d networks, %d domains, a.example %v", e.Spam, e.Networks, e.Domains, e.Home == learnt.HomeOf("a.example"))
			return nil
		})
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", when, got, err, want)
		}
	}
	teachAll(t, rows, trap, other)
	wants("traps", "2: 2 networks, 0 domains, a.example false")
	teachAll(t, rows, spamOf("m3", "ann@a.example", "a"), spamOf("m4", "bob@A.example", "a"))
	wants("people of one domain", "4: 2 networks, 1 domains, a.example true")
	teachAll(t, rows, spamOf("m5", "eve@b.example", "a"))
	wants("people of two", "5: 2 networks, 2 domains, a.example false")
	for _, message := range []string{"m1", "m5"} {
		if _, err := rows.Forget(t.Context(), learnt.Forgetting{Message: message}); err != nil {
			t.Fatal(err)
		}
	}
	wants("when that is taken back", "3: 1 networks, 1 domains, a.example true")
}

func lessonSurplus(t *testing.T, rows learnt.Rows) {
	var list []learnt.Lesson
	for i := range learnt.MaxLessons + 10 {
		list = append(list, spamOf(fmt.Sprint("m", i), fmt.Sprint("p", i), "a"))
	}
	teachAll(t, rows, list...)
	wantStandings(t, rows, 0, fmt.Sprintf("a %d:0", learnt.MaxLessons))
	for _, tt := range []struct{ message, want string }{
		{"m0", fmt.Sprintf("a %d:0", learnt.MaxLessons)}, // does not count any more
		{list[len(list)-1].Message, fmt.Sprintf("a %d:0", learnt.MaxLessons-1)},
	} {
		if _, err := rows.Forget(t.Context(), learnt.Forgetting{Message: tt.message, Who: "x"}); err != nil {
			t.Fatal(err)
		}
		wantStandings(t, rows, 0, tt.want)
	}
}

// However many people say something, what an operator or a virus taught stands, and ends by an operator's word.
func lessonFirm(t *testing.T, rows learnt.Rows) {
	operators := spamOf("m", "admin", "o")
	operators.Source = learnt.Command
	virus := spamOf("v", "virus 192.0.2.0/24", "v")
	virus.Source = learnt.Virus
	solved := hamOf("s", "spammer@far.example", "o", "v", "r")
	solved.Source = learnt.Challenge
	teachAll(t, rows, operators, virus, spamOf("r", "ann", "r"), solved)
	wantStandings(t, rows, 0, "o 1:0", "r 1:0", "v 1:0")
	var list []learnt.Lesson
	for i := range learnt.MaxLessons + 10 {
		list = append(list, hamOf(fmt.Sprint("m", i), fmt.Sprint("p", i), "o", "v"), spamOf(fmt.Sprint("n", i), fmt.Sprint("q", i), "o", "v"))
	}
	teachAll(t, rows, list...)
	for i := range list[:learnt.MaxLessons] { // some change their mind, so that few are left who say that it is spam
		list[i].Spam, list[i].Source = false, learnt.Release
	}
	teachAll(t, rows, list...)
	got, _ := standings(t, rows, 0)
	if len(got) != 3 || !strings.HasSuffix(got[0], ":0") || !strings.HasSuffix(got[2], ":0") {
		t.Errorf("people ended what an operator and a virus taught: %q", got)
	}
	no := hamOf("mine", "olga", "o", "v")
	no.Source = learnt.Command
	teachAll(t, rows, no)
	got, _ = standings(t, rows, 0)
	if len(got) != 2 || !strings.HasPrefix(got[0], "o ") { // o: another operator says the opposite, and people say so too
		t.Errorf("an operator said no: %q", got)
	}
}

func lessonFollowed(t *testing.T, rows learnt.Rows) {
	if list, at := standings(t, rows, 0); len(list) != 0 || at != 0 {
		t.Errorf("at first: %q, %d", list, at)
	}
	teachAll(t, rows, spamOf("m1", "ann", "a"), hamOf("m2", "ann", "b"))
	at := wantStandings(t, rows, 0, "a 1:0")
	if again := wantStandings(t, rows, at); again != at {
		t.Errorf("nothing new: revision %d, want %d", again, at)
	}
	teachAll(t, rows, spamOf("m3", "bob", "b", "c"))
	wantStandings(t, rows, at, "b 1:1", "c 1:0")
}

func lessonFound(t *testing.T, rows learnt.Rows) {
	teachAll(t, rows, spamOf("m1", "ann", "a"), spamOf("m2", "ann", "a", "b"), hamOf("m3", "bob", "b"))
	all, err := rows.Find(t.Context(), learnt.Query{})
	if err != nil || len(all) != 3 {
		t.Fatal(len(all), err)
	}
	for name, tt := range map[string]struct {
		q    learnt.Query
		want string
	}{
		"all, the newest first": {learnt.Query{}, "m3 m2 m1"},
		"by message":            {learnt.Query{Message: "m2"}, "m2"},
		"by source":             {learnt.Query{Source: learnt.Release}, "m3"},
		"by print":              {learnt.Query{Sum: printOf(learnt.Checksum, "b").Sum}, "m3 m2"},
		"a page":                {learnt.Query{Limit: 2}, "m3 m2"},
		"the next one":          {learnt.Query{After: all[1].ID, Limit: 2}, "m1"},
		"nothing":               {learnt.Query{Message: "x"}, ""},
	} {
		list, err := rows.Find(t.Context(), tt.q)
		var names []string
		for _, l := range list {
			names = append(names, l.Message)
		}
		if got := strings.Join(names, " "); got != tt.want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, tt.want)
		}
	}
}

func lessonExpired(t *testing.T, rows learnt.Rows) {
	now := time.Now()
	for i, word := range []string{"a", "b", "c", "d", "e"} {
		l := spamOf("m"+word, "ann", word, "always")
		l.Time = now.Add(-time.Duration(100-i) * time.Hour)
		teachAll(t, rows, l)
	}
	expire := func(before time.Time, most, limit, want int) {
		t.Helper()
		if n, err := rows.Expire(t.Context(), before, most, limit); n != want || err != nil {
			t.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	expire(now.Add(-98*time.Hour-time.Minute), 100, 1, 1)
	expire(now.Add(-98*time.Hour-time.Minute), 100, 10, 1)
	expire(now.Add(-98*time.Hour-time.Minute), 100, 10, 0)
	wantStandings(t, rows, 0, "always 1:0", "c 1:0", "d 1:0", "e 1:0")
	expire(now.Add(-98*time.Hour-time.Minute), 3, 10, 1) // the oldest
	wantStandings(t, rows, 0, "always 1:0", "d 1:0", "e 1:0")
	expire(now, 3, 10, 3)
	expire(now, 3, 10, 0)
	wantStandings(t, rows, 0)
	if list, err := rows.Find(t.Context(), learnt.Query{Ended: true}); err != nil || len(list) != 0 {
		t.Errorf("%d lessons are left, %v", len(list), err)
	}
}

// Nodes teach and forget the same at once: each message counts once.
func lessonRace(t *testing.T, rows learnt.Rows) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for node := range 4 {
		all.Go(func() {
			for i := range 5 {
				list := []learnt.Lesson{spamOf("m1", "ann", "a", "b"), spamOf("m2", "bob", "b", "a"), spamOf(fmt.Sprint("own", node, i), "eve", "a")}
				if node%2 == 1 {
					slices.Reverse(list)
				}
				if _, err := rows.Teach(ctx, list, learnt.Caps{}); err != nil {
					t.Error(err)
				}
				if _, err := rows.Forget(ctx, learnt.Forgetting{Message: fmt.Sprint("own", node, i), Who: "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	wantStandings(t, rows, 0, "a 2:0", "b 2:0")
}
