package desk_test

import (
	"fmt"
	"testing"
	"time"

	"gatepost/internal/bayes/desk"
)

// What one owner says of a hundred messages counts in his domain, and moves nothing in others'; what an operator says
// counts for all.
func TestOnePersonTeachesHisDomainAlone(t *testing.T) {
	s, d, w := trained(t, testCaps())
	before := measure(t, s, d)
	next := s.lesson("next", w.letter("pill", 400), true, "x@evil.example").Features
	home, other := d.Judge(next, "evil.example"), d.Judge(next, "new.example")
	states := s.taughtOn(d, func(day int) (list []desk.Lesson) {
		for i := 0; i < 100 && day < 1; i++ {
			l := s.lesson(fmt.Sprint("evil", i), w.letter("pill", 400), false, "eve@evil.example")
			l.Confirmed = false
			list = append(list, l)
		}
		return list
	})
	after := measure(t, s, d)
	got := d.Judge(next, "new.example")
	t.Logf("%v: %+v, then %+v; at home %.1f, then %.1f; elsewhere %.1f, then %.1f", states, before, after, home.Score, d.Judge(next, "evil.example").Score, other.Score, got.Score)
	if states[desk.Learnt] != 100 || after != before || got.Ham != other.Ham {
		t.Errorf("%v: %+v, then %+v", states, before, after)
	}
	if now := d.Judge(next, "evil.example").Score; now >= home.Score-1 {
		t.Errorf("at home %.1f, was %.1f", now, home.Score)
	}
	released := s.lesson("released", w.letter("pill", 400), false, "olga")
	released.Source, released.Domain, released.Confirmed = desk.Operator, "d1.example", false
	if s.teach(d, released); d.Judge(next, "new.example").Ham != other.Ham+1 {
		t.Error("an operator's word is not for everybody")
	}
}

// What strangers write to traps, and what was refused, keeps nobody in the domain from teaching.
func TestStrangersDoNotUseUpCaps(t *testing.T) {
	s, d, w := trained(t, desk.Caps{Person: 50, Persons: map[desk.Source]int{desk.Trap: 10}, Domain: 20, Source: 5000})
	s.now = time.Now().UTC() // by which rows count
	learnt := 0
	for i := range 60 {
		l := s.lesson(fmt.Sprint("trap", i), w.letter("pill", 60), true, fmt.Sprintf("trap 192.0.%d.0/24", i/20))
		l.Source, l.Domain = desk.Trap, "d9.example"
		if s.teach(d, l).State == desk.Learnt {
			learnt++
		}
	}
	if learnt != 30 {
		t.Errorf("%d lessons of three networks", learnt)
	}
	e := desk.Entry{Seq: head(t, s).Seq + 1, Time: s.now}
	for i := range 30 {
		e.Lessons = append(e.Lessons, desk.Lesson{Message: fmt.Sprint("no", i), Person: "eve@d9.example", Domain: "d9.example", Source: desk.Junk, State: desk.Refused, Time: s.now})
	}
	if err := s.rows.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := s.teach(d, s.lesson("own", w.letter("pill", 60), true, "ann@d9.example")); got.State != desk.Learnt {
		t.Errorf("after them: %+v", got)
	}
}

// The record counts a message once however often it is taught and forgotten, three a day of a person's, and nothing of strangers'.
func TestRecordIsNotMadeUp(t *testing.T) {
	s, d, w := trained(t, desk.Caps{})
	ham := func() int64 {
		r, err := d.Record(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r.Ham
	}
	start := ham()
	own := s.lesson("own", w.letter("work", 400), false, "admin")
	own.Source = desk.Command
	for range 5 {
		s.teach(d, own)
		if _, err := d.Forget(t.Context(), "own", "admin", "admin"); err != nil {
			t.Fatal(err)
		}
	}
	if got := ham() - start; got != 1 {
		t.Errorf("taught and forgotten: counted %d times", got)
	}
	solved := s.lesson("solved", w.letter("work", 400), false, "senders")
	solved.Source = desk.Challenge
	s.teach(d, solved)
	for i := range 10 {
		s.teach(d, s.lesson(fmt.Sprint("ann", i), w.letter("work", 400), false, "ann@d1.example"))
	}
	if got := ham() - start; got != 4 {
		t.Errorf("%d count, want 1 of an operator's and 3 of a person's", got)
	}
}

func head(t *testing.T, s *site) desk.Head {
	t.Helper()
	h, err := s.rows.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}
