package desk_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/bayes"
	"gatepost/internal/bayes/desk"
)

// caps of the tests below; the program's are like them.
func testCaps() desk.Caps { return desk.Caps{Person: 100, Domain: 500, Source: 5000} }

// learnt is a site's store and mail after train; by caps, with which others are learnt.
type learnt struct {
	file []byte
	mail map[string]*bayes.Features
	pcg  []byte // the writer's state
}

var schools struct {
	sync.Mutex
	by map[string]*learnt
}

// trained returns a site whose desk has learnt some of both, of several domains, a day ago.
// Each is a copy of the first with such caps, by a desk that was started since.
func trained(t *testing.T, caps desk.Caps) (*site, *desk.Desk, writer) {
	t.Helper()
	schools.Lock()
	defer schools.Unlock()
	made := schools.by[fmt.Sprint(caps)]
	if made == nil {
		made = learnAsOf(t, caps)
		if schools.by == nil {
			schools.by = map[string]*learnt{}
		}
		schools.by[fmt.Sprint(caps)] = made
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gatepost.db"), made.file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := siteIn(t, dir)
	s.caps, s.now, s.mail = caps, firstDay.AddDate(0, 0, 1), maps.Clone(made.mail)
	pcg := &rand.PCG{}
	if err := pcg.UnmarshalBinary(made.pcg); err != nil {
		t.Fatal(err)
	}
	return s, s.node("a"), writer{rand.New(pcg)}
}

func learnAsOf(t *testing.T, caps desk.Caps) *learnt {
	t.Helper()
	dir := t.TempDir()
	s := siteIn(t, dir)
	s.caps, s.now = caps, firstDay
	pcg := rand.NewPCG(7, 1)
	s.trainBy(writer{rand.New(pcg)})
	state, err := pcg.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "gatepost.db"))
	if err != nil {
		t.Fatal(err)
	}
	return &learnt{file, s.mail, state}
}

// train has a new desk taught some of both, and lets a day pass.
func (s *site) train() (*desk.Desk, writer) {
	s.t.Helper()
	w := newWriter(7)
	return s.trainBy(w), w
}

func (s *site) trainBy(w writer) *desk.Desk {
	s.t.Helper()
	d := s.node("a")
	var list []desk.Lesson
	for i := range 800 {
		kind, spam := "work", i%2 == 0
		if spam {
			kind = "pill"
		}
		l := s.lesson(fmt.Sprint("base", i), w.letter(kind, 400), spam, fmt.Sprintf("p%d@d%d.example", i%40, i%5))
		if i%4 < 2 {
			l.Source, l.Person = desk.Command, "admin"
		}
		list = append(list, l)
	}
	if _, err := d.TeachNow(s.t.Context(), list...); err != nil {
		s.t.Fatal(err)
	}
	s.now = s.now.AddDate(0, 0, 1)
	return d
}

// measured is what the model makes of mail that nobody has taught, for a domain that has taught nothing.
type measured struct{ lost, caught int }

func measure(t *testing.T, s *site, d *desk.Desk) (m measured) {
	w := newWriter(99)
	for i := range 200 {
		f := s.lesson(fmt.Sprint("ham", i), w.letter("work", 400), false, "x@d1.example").Features
		if d.Judge(f, "new.example").Score >= bayes.LevelScore(bayes.DefaultLevel) {
			m.lost++
		}
		f = s.lesson(fmt.Sprint("spam", i), w.letter("pill", 400), true, "x@d1.example").Features
		if d.Judge(f, "new.example").Score >= bayes.LevelScore(bayes.DefaultLevel) {
			m.caught++
		}
	}
	return m
}

// taughtOn has lessons taught, those of a day after those of the one before, and counts what became of them.
func (s *site) taughtOn(d *desk.Desk, lessons func(day int) []desk.Lesson) map[desk.State]int {
	s.t.Helper()
	states := map[desk.State]int{}
	for day := 0; ; day++ {
		list := lessons(day)
		if len(list) == 0 {
			return states
		}
		taught, err := d.TeachNow(s.t.Context(), list...)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, one := range taught {
			states[one.State]++
		}
		s.now = s.now.AddDate(0, 0, 1)
	}
}

// Whoever teaches others' ham as spam does no harm, be it one person, many of one domain, or a little each day. Without
// caps and guard half of them are lost.
func TestFieldNote8BayesPoisoned(t *testing.T) {
	for _, c := range []struct {
		name         string
		days, aDay   int
		person       func(day, i int) string
		open         bool // no caps, no guard
		atLeast, not int  // ham lost of 200
	}{
		{"nothing in the way", 1, 300, func(int, int) string { return "eve@evil.example" }, true, 60, 201},
		{"one person", 1, 300, func(int, int) string { return "eve@evil.example" }, false, 0, 3},
		{"many of one domain", 1, 300, func(_, i int) string { return fmt.Sprintf("e%d@evil.example", i%100) }, false, 0, 3},
		{"a little each day", 10, 20, func(day, i int) string { return fmt.Sprintf("e%d@evil%d.example", i, day%3) }, false, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			caps := testCaps()
			if c.open {
				caps = desk.Caps{}
			}
			s, d, w := trained(t, caps)
			before := measure(t, s, d)
			states := s.taughtOn(d, func(day int) (list []desk.Lesson) {
				for i := 0; i < c.aDay && day < c.days; i++ {
					l := s.lesson(fmt.Sprint("evil", day, "-", i), w.letter("work", 400), true, c.person(day, i))
					l.Force = c.open
					list = append(list, l)
				}
				return list
			})
			after := measure(t, s, d)
			t.Logf("of 200: ham lost %d, then %d, spam caught %d, then %d; %v; %+v", before.lost, after.lost, before.caught, after.caught, states, d.Guard())
			if after.lost < c.atLeast || after.lost >= c.not || after.caught < 195 {
				t.Error("that is not what is to be")
			}
			if warned := strings.Count(s.log.String(), "bayes lessons refused"); c.open != (warned == 0) || warned > c.days {
				t.Errorf("warned %d times", warned)
			}
		})
	}
}

// What was known as ham before a restart is known after it, on every node, and refused lessons can be seen.
func TestGuardAfterRestart(t *testing.T) {
	s, d, w := trained(t, desk.Caps{})
	for _, d := range []*desk.Desk{d, s.node("new")} {
		var list []desk.Lesson
		for i := range 64 {
			list = append(list, s.lesson(fmt.Sprint("evil", i), w.letter("work", 400), true, "eve@evil.example"))
		}
		if _, err := d.TeachNow(t.Context(), list...); err != nil {
			t.Fatal(err)
		}
		if g := d.Guard(); g.Ham.Samples < 64 || g.Lessons < 32 || g.Refused.IsZero() {
			t.Errorf("guard %+v", g)
		}
	}
	list, err := d.Lessons(t.Context(), desk.Query{State: desk.Refused, Limit: 1})
	if err != nil || len(list) != 1 || list[0].Stands || list[0].Person != "eve@evil.example" {
		t.Fatalf("refused: %+v, %v", list, err)
	}
	again := list[0]
	again.Features, again.Source, again.Person, again.Force = s.mail[again.Message], desk.Command, "admin", true
	if got := s.teach(d, again); got.State != desk.Learnt {
		t.Errorf("forced: %+v", got)
	}
	for i := range 64 { // an operator has decided; from now on that is how it is
		again.Message, again.Features = fmt.Sprint("evil", i), s.mail[fmt.Sprint("evil", i)]
		s.teach(d, again)
	}
	lost := d.Guard().Ham
	if lost.Lost == 0 || lost.Before == 0 {
		t.Errorf("after what was forced: %+v", lost)
	}
	if got := s.teach(s.node("another"), s.lesson("harmless", w.letter("else", 40), true, "ann@d1.example")); got.State != desk.Learnt {
		t.Errorf("a lesson that harms nothing: %+v", got)
	}
}

// Whoever teaches spam as ham, so that it passes with all, gets no further.
func TestGuardOverSpam(t *testing.T) {
	for _, c := range []struct {
		name          string
		open          bool
		atLeast, most int // spam caught of 200
	}{{"nothing in the way", true, 0, 20}, {"guarded", false, 140, 200}} {
		t.Run(c.name, func(t *testing.T) {
			s, d, w := trained(t, testCaps())
			states := s.taughtOn(d, func(day int) (list []desk.Lesson) {
				for i := 0; i < 200 && day < 1; i++ {
					l := s.lesson(fmt.Sprint("let in", i), w.letter("pill", 400), false, fmt.Sprintf("e%d@evil.example", i%50))
					l.Force = c.open
					list = append(list, l)
				}
				return list
			})
			after := measure(t, s, d)
			t.Logf("%+v of 200; %v; %+v", after, states, d.Guard())
			if after.caught < c.atLeast || after.caught > c.most || after.lost > 0 {
				t.Error("that is not what is to be")
			}
		})
	}
}

// Many of one domain teach spam as ham, so that the guard knows it as ham: others can teach it as spam all the same, and the
// spam is caught.
func TestGuardIsNotTurnedAgainstLearning(t *testing.T) {
	s, d, w := trained(t, testCaps())
	before := measure(t, s, d)
	var fakes, honest []desk.Lesson
	for i := range 1000 {
		fakes = append(fakes, s.lesson(fmt.Sprint("fake", i), w.letter("loan", 400), false, fmt.Sprintf("e%d@evil.example", i%100)))
	}
	if _, err := d.TeachNow(t.Context(), fakes...); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		honest = append(honest, s.lesson(fmt.Sprint("honest", i), w.letter("loan", 400), true, fmt.Sprintf("h%d@d%d.example", i%50, i%4)))
	}
	taught, err := d.TeachNow(t.Context(), honest...)
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range taught {
		if one.State != desk.Learnt {
			t.Errorf("lesson %d: %+v", i, one)
		}
	}
	if after := measure(t, s, d); after.lost > before.lost+2 || after.caught < before.caught-2 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// A flood of one campaign at traps moves the model little: soon it is known, and then no more of it is learnt.
func TestFloodIsBalanced(t *testing.T) {
	s, d, w := trained(t, desk.Caps{})
	before := measure(t, s, d)
	start := d.Judge(s.mail["ham1"], "")
	states := s.taughtOn(d, func(day int) (list []desk.Lesson) {
		for i := 0; i < 2000 && day < 1; i++ {
			l := s.lesson(fmt.Sprint("flood", i), w.letter("pill", 60), true, fmt.Sprintf("trap 192.0.%d.0/24", i%200))
			l.Source, l.Domain = desk.Trap, "d1.example"
			list = append(list, l)
		}
		return list
	})
	after, v := measure(t, s, d), d.Judge(s.mail["ham1"], "")
	t.Logf("%v; %+v, then %+v; %d lessons of spam, then %d, %d of ham", states, before, after, start.Spam, v.Spam, v.Ham)
	if after.lost > before.lost+1 || states[desk.Enough] == 0 || v.Spam > 3*v.Ham+600 {
		t.Error("the flood moved the model")
	}
}

// Domains share a table: the few lessons of a small one, even wrong ones, in its layer change little for others.
func TestDomainsDoNotHurtEachOther(t *testing.T) {
	s, d, w := trained(t, desk.Caps{})
	before := measure(t, s, d)
	var list []desk.Lesson
	for i := range 300 { // 300 domains with two lessons each: what is ham elsewhere is spam there, and the other way round
		list = append(list, s.lesson(fmt.Sprint("s", i), w.letter(fmt.Sprint("own", i), 20), true, fmt.Sprintf("ann@small%d.example", i)),
			s.lesson(fmt.Sprint("h", i), w.letter(fmt.Sprint("own", i+1), 20), false, fmt.Sprintf("ann@small%d.example", i)))
	}
	if _, err := d.TeachNow(t.Context(), list...); err != nil {
		t.Fatal(err)
	}
	after := measure(t, s, d)
	t.Logf("%+v, then %+v", before, after)
	if after.lost > before.lost+2 || after.caught < before.caught-4 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
