package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/bayes/desk"
)

// A roll-back to today leaves nothing of what was taught today, whenever snapshots were kept.
func TestRollBackToToday(t *testing.T) {
	for _, compacts := range []bool{true, false} {
		t.Run(fmt.Sprint("compacts in the evening ", compacts), func(t *testing.T) {
			s, d, w := trained(t, testCaps())
			compact := func() {
				t.Helper()
				if err := d.Compact(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if compacts {
				compact()
			}
			good := octets(t, d)
			s.now = s.now.AddDate(0, 0, 1)
			if compacts {
				compact()
			}
			s.now = s.now.Add(time.Hour)
			l := s.lesson("evil", w.letter("work", 400), true, "admin")
			l.Force = true
			s.teach(d, l)
			compact()
			bad := octets(t, d)
			if _, err := d.RollBack(t.Context(), s.now.Format(time.DateOnly), "test"); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(octets(t, d), good) {
				t.Error("the model is not that of this morning")
			}
			compact() // what came before the roll-back stays
			compact()
			list, err := d.Snapshots(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			head, err := s.rows.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			undo := int64(0)
			for _, one := range list {
				if one.Seq == head.Rolls[0].Seq-1 {
					undo = one.ID
				}
			}
			if _, err := d.RollBackTo(t.Context(), undo, "test"); err != nil || !bytes.Equal(octets(t, d), bad) {
				t.Errorf("the roll-back can't be taken back: %v", err)
			}
			if _, err := d.RollBackTo(t.Context(), 4711, "test"); !errors.Is(err, desk.ErrNoSnapshot) {
				t.Errorf("to none: %v", err)
			}
		})
	}
}

// A lesson that was taken back, stands again by a roll-back and is taken back once more, is no lesson of the past that a second
// roll-back leads to: there it had been taken back already.
func TestTakenBackTwice(t *testing.T) {
	s := newSite(t)
	d, w := s.node("a"), newWriter(7)
	empty := octets(t, d)
	forget := func(message string) {
		t.Helper()
		if _, err := d.Forget(t.Context(), message, "", "test"); err != nil {
			t.Fatal(err)
		}
	}
	s.teach(d, s.lesson("m", w.letter("pill", 40), true, "ann@d1.example"))
	s.teach(d, s.lesson("other", w.letter("pill", 40), true, "ann@d1.example"))
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := d.Snapshots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forget("m")
	if _, err := d.RollBackTo(t.Context(), list[len(list)-1].ID, "test"); err != nil { // "m" stands again
		t.Fatal(err)
	}
	forget("m")
	if list, err = d.Snapshots(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.RollBackTo(t.Context(), list[len(list)-1].ID, "test"); err != nil { // to right before the roll-back
		t.Fatal(err)
	}
	lessons, err := d.Lessons(t.Context(), desk.Query{Message: "m"})
	if err != nil || len(lessons) != 1 || lessons[0].Stands {
		t.Errorf("%+v, %v", lessons, err)
	}
	if counts, err := d.Counts(t.Context()); err != nil || len(counts) != 1 || counts[0].Count != 1 {
		t.Errorf("counts %+v, %v", counts, err)
	}
	if _, err := d.Forget(t.Context(), "m", "", "test"); !errors.Is(err, desk.ErrNone) {
		t.Errorf("taken out of a model that has it no more: %v", err)
	}
	forget("other")
	if !bytes.Equal(octets(t, d), empty) {
		t.Error("all is taken back, and the model is not empty")
	}
}

// What was told as not learnt is not learnt later, and the cause is told.
func TestFailedIsNotLearnt(t *testing.T) {
	s := newSite(t)
	full := &fullRows{Rows: s.rows}
	s.rows = full
	d := s.node("a")
	w := newWriter(5)
	full.fails.Store(true)
	for i := range 40 {
		d.TeachSoon(s.lesson(fmt.Sprint("soon", i), w.letter("pill", 400), true, fmt.Sprintf("x%d@d1.example", i)))
	}
	_, err := d.Teach(t.Context(), s.lesson("failed", w.letter("pill", 400), true, "ann@d1.example"))
	if !errors.Is(err, errRows) || errors.Is(err, desk.ErrFull) {
		t.Errorf("told %v", err)
	}
	full.fails.Store(false)
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := d.Lessons(t.Context(), desk.Query{Message: "failed"}); err != nil || len(list) > 0 {
		t.Errorf("learnt all the same: %d, %v", len(list), err)
	}
	if list, err := d.Lessons(t.Context(), desk.Query{}); err != nil || len(list) != 40 {
		t.Errorf("%d of those that wait are learnt, %v", len(list), err)
	}
}

// fullRows take nothing while they fail.
type fullRows struct {
	desk.Rows
	fails atomic.Bool
}

func (r *fullRows) Append(ctx context.Context, e desk.Entry) error {
	if r.fails.Load() {
		return errRows
	}
	return r.Rows.Append(ctx, e)
}

// An ordinary burst is learnt whole.
func TestBurstIsLearnt(t *testing.T) {
	s := newSite(t)
	d := s.node("a")
	w := newWriter(5)
	for i := range 400 {
		d.TeachSoon(s.lesson(fmt.Sprint("soon", i), w.letter("pill", 40), true, fmt.Sprintf("x%d@d1.example", i)))
	}
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts, err := d.Counts(t.Context())
	if err != nil || len(counts) != 1 || counts[0].Count != 400 {
		t.Errorf("%+v, %v", counts, err)
	}
}
