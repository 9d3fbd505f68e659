package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"gatepost/internal/bayes/desk"
)

// evil are lessons that call others' ham spam, of many persons of one domain.
func (s *site) evil(w writer, n int) (list []desk.Lesson) {
	for i := range n {
		list = append(list, s.lesson(fmt.Sprint("evil", i), w.letter("work", 400), true, fmt.Sprintf("e%d@evil.example", i%100)))
	}
	return list
}

// failing rows fail where they are told to.
type failing struct {
	desk.Rows
	appends, cells atomic.Bool
	during         func() // before an entry is in the log
}

var errDisk = errors.New("no space left on device")

func (r *failing) Append(ctx context.Context, e desk.Entry) error {
	if r.during != nil {
		r.during()
	}
	if r.appends.Load() {
		return errDisk
	}
	return r.Rows.Append(ctx, e)
}

func (r *failing) Cells(ctx context.Context, since string) ([]desk.Cell, error) {
	if r.cells.Load() {
		return nil, errDisk
	}
	return r.Rows.Cells(ctx, since)
}

// What fails leaves the guard as it was: an entry that can't be written, and a Forget that finds nothing, or finds what was refused.
func TestGuardAfterErrors(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, s *site, d *desk.Desk, r *failing, w writer){
		"an entry is not written": func(t *testing.T, s *site, d *desk.Desk, r *failing, w writer) {
			r.appends.Store(true)
			defer r.appends.Store(false)
			if _, err := d.Teach(t.Context(), s.lesson("second", w.letter("pill", 400), true, "p2@d1.example")); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
		},
		"nothing to forget": func(t *testing.T, s *site, d *desk.Desk, r *failing, w writer) {
			if _, err := d.Forget(t.Context(), "nobody knows", "x@d1.example", "x"); !errors.Is(err, desk.ErrNone) {
				t.Fatal(err)
			}
		},
		"refused lessons are forgotten": func(t *testing.T, s *site, d *desk.Desk, r *failing, w writer) {
			list := s.evil(w, 64)
			if _, err := d.TeachNow(t.Context(), list...); err != nil {
				t.Fatal(err)
			}
			for _, l := range list {
				if _, err := d.Forget(t.Context(), l.Message, l.Person, "x"); err != nil && !errors.Is(err, desk.ErrNone) {
					t.Fatal(err)
				}
			}
		},
		"what stands beside the model is not read": func(t *testing.T, s *site, d *desk.Desk, r *failing, w writer) {
			s.teach(s.node("other"), s.lesson("second", w.letter("pill", 400), true, "p2@d1.example"))
			r.cells.Store(true)
			defer r.cells.Store(false)
			if err := d.Follow(t.Context()); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, w := trained(t, testCaps())
			r := &failing{Rows: s.rows}
			s.rows = r
			d := s.node("b")
			s.rows = r.Rows
			s.teach(d, s.lesson("first", w.letter("pill", 400), true, "p1@d1.example"))
			fail(t, s, d, r, w)
			if _, err := d.TeachNow(t.Context(), s.evil(w, 300)...); err != nil {
				t.Fatal(err)
			}
			if after := measure(t, s, d); after.lost > 3 || d.Guard().Lessons == 0 {
				t.Errorf("of 200 ham %d are lost; %+v", after.lost, d.Guard())
			}
		})
	}
}

// While lessons are weighed, and until their entry is in the log, mail is judged as it was before.
func TestMailIsJudgedByWhatIsInTheLog(t *testing.T) {
	s, _, w := trained(t, testCaps())
	r := &failing{Rows: s.rows}
	s.rows = r
	d := s.node("b")
	known := s.lesson("new", w.letter("loan", 50), true, "p1@d1.example")
	before, looks := octetsNow(t, d), 0
	r.during = func() {
		looks++
		if !bytes.Equal(octetsNow(t, d), before) {
			t.Error("the model has what is not in the log")
		}
	}
	r.appends.Store(true)
	if _, err := d.Teach(t.Context(), known); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	r.appends.Store(false)
	if !bytes.Equal(octetsNow(t, d), before) {
		t.Error("the model has what was not written")
	}
	s.teach(d, known)
	if looks != 2 || bytes.Equal(octetsNow(t, d), before) {
		t.Errorf("%d looks; or nothing was learnt", looks)
	}
	r.during = nil
	if _, err := d.Forget(t.Context(), "new", "", "x"); err != nil {
		t.Fatal(err)
	}
	s.teach(d, s.lesson("another", w.letter("loan", 50), true, "p2@d1.example"))
	same(t, "after lessons and one taken back", d, s.node("c"))
}

// octetsNow are a desk's model, whole, as mail is judged by it at this moment.
func octetsNow(t *testing.T, d *desk.Desk) []byte {
	t.Helper()
	return octetsOf(t, d.Model())
}

// What the guard knows can be told on a model's first day, and after a restart before anything is learnt; and it says when it
// judges.
func TestGuardTellsWhatItKnows(t *testing.T) {
	s := newSite(t)
	s.caps = testCaps()
	first, w := s.train()
	s.now = s.now.AddDate(0, 0, -1)
	if g := first.Guard(); g.Judging || g.Ham.Samples < 64 || g.Spam.Samples < 64 {
		t.Errorf("on the first day: %+v", g)
	}
	forced := s.evil(w, 300)
	for i := range forced {
		forced[i].Source, forced[i].Person, forced[i].Force = desk.Command, "admin", true
	}
	if _, err := first.TeachNow(t.Context(), forced...); err != nil {
		t.Fatal(err)
	}
	if g := first.Guard(); g.Judging || g.Ham.Lost == 0 {
		t.Errorf("on the first day, poisoned: %+v", g)
	}
	s.now = s.now.AddDate(0, 0, 1)
	g := s.node("new").Guard()
	if !g.Judging || g.Ham != first.Guard().Ham || g.Ham.Samples < 64 || g.Ham.Lost == 0 {
		t.Errorf("on a new node %+v, on the first %+v", g, first.Guard())
	}
}

// In a batch that the guard refuses each person's lessons are tried alone, and those of others are learnt; but where those of several
// of a domain were refused the rest of it is not tried, which costs.
func TestGuardRefusesOnlyWhoHarms(t *testing.T) {
	s, d, w := trained(t, testCaps())
	var list []desk.Lesson
	for i, l := range s.evil(w, 320) {
		switch {
		case i%32 == 31:
			l = s.lesson(fmt.Sprint("among them", i), w.letter("pill", 400), true, fmt.Sprintf("h%d@evil.example", i))
		case i%8 == 7:
			l = s.lesson(fmt.Sprint("honest", i), w.letter("pill", 400), true, fmt.Sprintf("h%d@d%d.example", i, i%3))
		}
		list = append(list, l)
	}
	taught, err := d.TeachNow(t.Context(), list...)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i, one := range taught {
		switch {
		case i%32 == 31 && i > 200:
			if one.State != desk.Refused {
				t.Errorf("lesson %d was tried: %v", i, one.State)
			}
		case one.State == desk.Refused && i%8 == 7 && i%32 != 31:
			t.Errorf("an honest lesson was refused: %d", i)
		case one.State == desk.Refused:
			refused++
		}
	}
	if after := measure(t, s, d); refused < 200 || after.lost > 3 {
		t.Errorf("%d refused, of 200 ham %d lost", refused, after.lost)
	}
}
