package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/bayes/desk"
)

// Many nodes teach, take back and roll back at once, in any order, while appends fail, and some that are said
// to have failed have not. All come to the same model; and when all lessons that stand are taken back, to the
// empty one.
func TestNodesConverge(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { converge(t, seed) })
	}
}

func converge(t *testing.T, seed uint64) {
	s := newSite(t)
	empty := octets(t, s.node("first"))
	r := rand.New(rand.NewPCG(seed, 2))
	w := newWriter(seed)
	var lessons []desk.Lesson
	for i := range 30 {
		kind := []string{"pill", "work"}[i%2]
		lessons = append(lessons, s.lesson(fmt.Sprint("m", i), w.letter(kind, 40), kind == "pill", fmt.Sprintf("p%d@d%d.example", i%5, i%3)))
	}
	bad := &unsteady{Rows: s.rows, rand: rand.New(rand.NewPCG(seed, 3))}
	s.rows = bad
	nodes := []*desk.Desk{s.node("a"), s.node("b"), s.node("c")}
	bad.fails = 5
	var wg sync.WaitGroup
	for i, d := range nodes {
		own := rand.New(rand.NewPCG(seed, uint64(10+i)))
		wg.Go(func() {
			for range 25 {
				act(t, s, d, own, lessons)
			}
		})
	}
	wg.Wait()
	bad.fails = 0
	nodes = append(nodes, s.node("late"))
	for _, d := range nodes[1:] {
		same(t, "after all", nodes[0], d)
	}
	for _, l := range lessons {
		d := nodes[r.IntN(len(nodes))]
		if _, err := d.Forget(t.Context(), l.Message, "", "test"); err != nil && !errors.Is(err, desk.ErrNone) {
			t.Errorf("forget %s: %v", l.Message, err)
		}
	}
	for i, d := range nodes {
		if !bytes.Equal(octets(t, d), empty) {
			t.Errorf("node %d: all is taken back, and the model is not empty", i)
		}
	}
}

// act does something on a node.
func act(t *testing.T, s *site, d *desk.Desk, r *rand.Rand, lessons []desk.Lesson) {
	ctx := t.Context()
	var err error
	switch n := r.IntN(40); {
	case n < 26:
		l := lessons[r.IntN(len(lessons))]
		if r.IntN(3) == 0 {
			l.Person = "q" + l.Person
		}
		if l.Spam = l.Spam != (r.IntN(4) == 0); !l.Spam {
			l.Source = desk.Inbox
		}
		_, err = d.Teach(ctx, l)
	case n < 34:
		_, err = d.Forget(ctx, lessons[r.IntN(len(lessons))].Message, "", "test")
	case n < 36:
		err = d.Follow(ctx)
	case n < 38:
		err = d.Compact(ctx)
	default:
		if _, err = d.RollBack(ctx, "2026-11-27", "test"); errors.Is(err, desk.ErrNoSnapshot) {
			err = d.Reset(ctx, "test")
		}
	}
	if err != nil && !errors.Is(err, errRows) && !errors.Is(err, desk.ErrNone) && !errors.Is(err, desk.ErrBehind) {
		t.Error(err)
	}
}

var errRows = errors.New("the rows say no")

// unsteady rows fail one of some appends, and one of some others after it was done.
type unsteady struct {
	desk.Rows
	mu    sync.Mutex
	rand  *rand.Rand
	fails int // one of so many; 0: none
}

func (u *unsteady) Append(ctx context.Context, e desk.Entry) error {
	u.mu.Lock()
	before, after := false, false
	if u.fails > 0 {
		before, after = u.rand.IntN(u.fails) == 0, u.rand.IntN(u.fails) == 0
	}
	u.mu.Unlock()
	if before {
		return errRows
	}
	err := u.Rows.Append(ctx, e)
	if err == nil && after {
		err = errRows
	}
	return err
}

// trimmed rows have something done right after the log's end was asked for.
type trimmed struct {
	desk.Rows
	then func()
}

func (r *trimmed) Head(ctx context.Context) (desk.Head, error) {
	head, err := r.Rows.Head(ctx)
	if f := r.then; f != nil {
		r.then = nil
		f()
	}
	return head, err
}

// While a node reads the log, others keep the model whole and remove what it is about to read.
func TestFollowWhileTrimmed(t *testing.T) {
	s := newSite(t)
	w := newWriter(1)
	taught := 0
	teach := func(d *desk.Desk) {
		taught++
		s.teach(d, s.lesson(fmt.Sprint("m", taught), w.letter("pill", 40), true, "p@d.example"))
	}
	a := s.node("a")
	rows := &trimmed{Rows: s.rows}
	s.rows = rows
	b := s.node("b")
	teach(a)
	if err := b.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		teach(a)
	}
	rows.then = func() {
		for range 2 {
			s.now = s.now.Add(24 * time.Hour)
			teach(a)
			if err := a.Compact(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	if err := b.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if head, err := s.rows.Head(t.Context()); err != nil || head.First < 4 {
		t.Fatalf("the log begins with %d, %v: nothing was removed", head.First, err)
	}
	same(t, "what was removed stands in a snapshot", a, b)
}

// One campaign that comes to many nodes at the same moment teaches what it would have taught one.
func TestCampaignOnManyNodes(t *testing.T) {
	const nodes = 8
	one, many := newSite(t), newSite(t)
	letter := func(i int) string {
		return fmt.Sprintf("From: <sale@pill.example>\r\nSubject: only today\r\nMessage-ID: <%d@pill.example>\r\n\r\nOur cheapest tablets, only today, %d left\r\n", i, 1000+i)
	}
	var list []*desk.Desk
	for i := range nodes {
		list = append(list, many.node(fmt.Sprint("node", i)))
	}
	var wg sync.WaitGroup
	for i, d := range list {
		l := many.lesson(fmt.Sprint("m", i), letter(i), true, fmt.Sprintf("p%d@d.example", i))
		wg.Go(func() { many.teach(d, l) })
	}
	wg.Wait()
	if strings.Contains(many.log.String(), "snapshot") { // one of them keeps it, the others need not
		t.Errorf("nodes complain: %s", &many.log)
	}
	for _, d := range list[1:] {
		same(t, "a campaign on many nodes", list[0], d)
	}
	lessons, err := list[0].Lessons(t.Context(), desk.Query{})
	if err != nil || len(lessons) != nodes {
		t.Fatalf("%d lessons, %v", len(lessons), err)
	}
	single := one.node("single")
	for _, l := range slices.Backward(lessons) {
		var i int
		fmt.Sscanf(l.Message, "m%d", &i)
		one.teach(single, one.lesson(l.Message, letter(i), true, l.Person))
	}
	if !bytes.Equal(octets(t, single), octets(t, list[0])) {
		t.Error("one node would have learnt something else")
	}
}

// A node that was away catches up by the log, or by a snapshot where the log is gone.
func TestNodeWasAway(t *testing.T) {
	for _, c := range []struct {
		name      string
		snapshots int
	}{{"the log is there", 0}, {"the log is gone", 3}} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			w := newWriter(1)
			here, away := s.node("here"), s.node("away")
			s.teach(here, s.lesson("first", w.letter("pill", 40), true, "ann@d.example"))
			same(t, "before", here, away)
			for i := range 40 {
				s.teach(here, s.lesson(fmt.Sprint("m", i), w.letter("work", 40), false, fmt.Sprintf("p%d@d.example", i)))
				if c.snapshots > 0 && i%(40/c.snapshots) == 0 {
					s.now = s.now.AddDate(0, 0, 1)
					if err := here.Compact(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			head, err := s.rows.Head(t.Context())
			if err != nil || (head.First > 2) != (c.snapshots > 0) {
				t.Fatalf("the log goes from %d to %d, %v", head.First, head.Seq, err)
			}
			same(t, "back again", here, away)
			same(t, "a new one", here, s.node("new"))
			s.teach(away, s.lesson("last", w.letter("pill", 40), true, "ann@d.example"))
			same(t, "taught by it", here, away)
		})
	}
}

// The way back, and back again: each day's model is what it was, and so is which lessons count.
func TestRollBack(t *testing.T) {
	s := newSite(t)
	w := newWriter(1)
	var letters []string
	for i := range 20 {
		letters = append(letters, w.letter([]string{"pill", "work"}[i%2], 40))
	}
	d, other := s.node("a"), s.node("b")
	start := s.now
	models, counts := map[string][]byte{}, map[string]int{}
	day := func(n int) string { return start.AddDate(0, 0, n).Format("2006-01-02") }
	standing := func() (n int) {
		list, err := d.Lessons(t.Context(), desk.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if l.Stands {
				n++
			}
		}
		counted := 0
		byKind, err := d.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range byKind {
			counted += int(c.Count)
		}
		if counted != n {
			t.Errorf("%d lessons stand, %d are counted", n, counted)
		}
		return n
	}
	live := func(n int, from, to int) {
		s.now = start.AddDate(0, 0, n)
		if err := d.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		models[day(n)], counts[day(n)] = octets(t, d), standing()
		for i := from; i < to; i++ {
			s.teach(d, s.lesson(fmt.Sprint("m", i), letters[i], i%2 == 0, "ann@d.example"))
		}
		if _, err := d.Forget(t.Context(), fmt.Sprint("m", from), "", "test"); err != nil {
			t.Fatal(err)
		}
	}
	s.now = start.AddDate(0, 0, -1)
	s.teach(d, s.lesson("m0", letters[0], true, "ann@d.example"))
	for n := range 5 {
		live(n, n*4, n*4+4) // "m0" is told again after it was taken back, and so on
	}
	for _, n := range []int{3, 1, 4, 2, 0, 4} {
		got, err := d.RollBack(t.Context(), day(n), "test")
		if err != nil || got.Day != day(n) {
			t.Fatalf("to %s: %+v, %v", day(n), got, err)
		}
		if !bytes.Equal(octets(t, d), models[day(n)]) || !bytes.Equal(octets(t, other), models[day(n)]) {
			t.Errorf("to %s: the model is another", day(n))
		}
		if got := standing(); got != counts[day(n)] {
			t.Errorf("to %s: %d lessons stand, not %d", day(n), got, counts[day(n)])
		}
	}
	if got := s.teach(d, s.lesson("m19", "Subject: x\r\n\r\ny\r\n", false, "ann@d.example")); got.State != desk.Learnt {
		t.Errorf("what was rolled back, told again: %+v", got)
	}
	if _, err := d.RollBack(t.Context(), day(-1), "test"); !errors.Is(err, desk.ErrNoSnapshot) {
		t.Errorf("before all: %v", err)
	}
	if err := d.Reset(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	if standing() != 0 || !bytes.Equal(octets(t, other), octets(t, desk.New(desk.Config{Rows: newSite(t).rows}))) {
		t.Error("after a reset something is left")
	}
	same(t, "a new node", d, s.node("new"))
}

// What is kept of the past is bounded.
func TestSnapshotsAreBounded(t *testing.T) {
	s := newSite(t)
	d := s.node("a")
	w := newWriter(1)
	for i := range 30 {
		s.now = s.now.AddDate(0, 0, 1)
		s.teach(d, s.lesson(fmt.Sprint("m", i), w.letter("pill", 40), true, "ann@d.example"))
		if err := d.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	list, err := d.Snapshots(t.Context())
	if err != nil || len(list) != desk.KeepDays {
		t.Errorf("%d snapshots, %v", len(list), err)
	}
	days := func(s desk.Snapshot) string { return s.Day }
	if !slices.IsSortedFunc(list, func(a, b desk.Snapshot) int { return int(a.Seq - b.Seq) }) || days(list[len(list)-1]) != s.now.Format("2006-01-02") {
		t.Errorf("%+v", list)
	}
	if head, err := s.rows.Head(t.Context()); err != nil || head.Seq-head.First > 2 {
		t.Errorf("the log has %d to %d, %v", head.First, head.Seq, err)
	}
}
