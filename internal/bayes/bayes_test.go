package bayes

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/mail"
)

var update = flag.Bool("update", false, "write golden files")

func features(t testing.TB, text string) *Features {
	t.Helper()
	f, err := Of(mail.NewMessage([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A taught message of testdata/mails; new ones are judged only.
type example struct {
	name string
	f    *Features
}

func (e example) spam() bool { return strings.HasPrefix(e.name, "spam-") }

func examples(t testing.TB) (taught, fresh []example) {
	t.Helper()
	files, err := filepath.Glob("testdata/mails/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatal("no mails", err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		e := example{strings.TrimSuffix(filepath.Base(path), ".eml"), features(t, string(b))}
		if strings.HasPrefix(e.name, "new-") {
			fresh = append(fresh, e)
		} else {
			taught = append(taught, e)
		}
	}
	return taught, fresh
}

// made is a message of random words, spam's or ham's.
func made(t testing.TB, r *rand.Rand, spam bool) *Features {
	t.Helper()
	stock := strings.Fields("meeting minutes report budget patch parser council agenda thanks regards")
	if spam {
		stock = strings.Fields("pills cheap winner lottery credit gratuit cliquez offer prize limited")
	}
	word := func() string { return stock[r.IntN(len(stock))] }
	return features(t, fmt.Sprintf("From: %s@%s.test\r\nSubject: %s %s\r\nMessage-ID: <%d@x>\r\n\r\n%s %s the and of %s %d.\r\n",
		word(), word(), word(), word(), r.Uint32(), word(), word(), word(), r.IntN(100)))
}

func same(t *testing.T, got, want *Model) {
	t.Helper()
	if got.lessons != want.lessons {
		t.Errorf("lessons %v, want %v", got.lessons, want.lessons)
	}
	defer runtime.KeepAlive(got) // and with it its table
	defer runtime.KeepAlive(want)
	for i, e := range want.table {
		if got.table[i] != e {
			t.Fatalf("entry %d is %v, want %v", i, got.table[i], e)
		}
	}
}

func TestTellsApartFromTheSecondLesson(t *testing.T) {
	taught, fresh := examples(t)
	m := New()
	by := map[string]*Features{}
	for _, e := range append(taught, fresh...) {
		by[e.name] = e.f
	}
	m.Learn(by["spam-pills"], "", true)
	m.Learn(by["ham-meeting"], "", false)
	spam, ham := m.Judge(by["new-pills"], ""), m.Judge(by["new-reply"], "")
	if spam.Score <= ham.Score || spam.Trained || spam.Ham != 1 || spam.Spam != 1 {
		t.Errorf("spam %+v, ham %+v", spam, ham)
	}
}

func TestTrained(t *testing.T) {
	f := features(t, "Subject: a\r\n\r\nb\r\n")
	for _, c := range []struct {
		name      string
		ham, spam int
		want      bool
	}{
		{"nothing", 0, 0, false}, {"ham alone", 1000, 0, false}, {"too little spam", 1000, Enough - 1, false},
		{"enough of both", Enough, Enough, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New()
			for range c.ham {
				m.Learn(f, "", false)
			}
			for range c.spam {
				m.Learn(f, "", true)
			}
			if v := m.Judge(f, ""); v.Trained != c.want {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestGolden compares scores, and the two weightiest reasons, with testdata/scores.golden, which a person has read.
func TestGolden(t *testing.T) {
	taught, fresh := examples(t)
	m := New()
	for range 40 {
		for _, e := range taught {
			m.Learn(e.f, "example.org", e.spam())
		}
	}
	var got strings.Builder
	for _, e := range append(taught, fresh...) {
		fmt.Fprintf(&got, "%s %.3f %.3f\n", e.name, m.Judge(e.f, "").Score, m.Judge(e.f, "example.org").Score)
		for _, r := range m.Explain(e.f, "", 4) {
			fmt.Fprintf(&got, "    %+.3f %s\n", r.Weight, r.Feature)
		}
	}
	const path = "testdata/scores.golden"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

// TestUndoIsIdentity: lessons are taken back in another order than they were given, some with a domain.
func TestUndoIsIdentity(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := New()
	for range 20 {
		spam := r.IntN(2) == 0
		m.Learn(made(t, r, spam), "kept.test", spam)
	}
	want := New()
	copy(want.table, m.table)
	want.lessons = m.lessons
	type lesson struct {
		f      *Features
		domain string
		step   Step
	}
	var all []lesson
	for range 60 {
		spam, domain := r.IntN(2) == 0, []string{"", "a.test", "b.test"}[r.IntN(3)]
		f := made(t, r, spam)
		all = append(all, lesson{f, domain, m.Learn(f, domain, spam)})
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, l := range all {
		b, err := l.step.MarshalBinary()
		if err != nil || len(b) > 64 {
			t.Fatalf("%d octets, %v", len(b), err)
		}
		var s Step
		if err := s.UnmarshalBinary(b); err != nil || s != l.step {
			t.Fatalf("%+v became %+v, %v", l.step, s, err)
		}
		m.Undo(l.f, l.domain, s)
	}
	same(t, m, want)
}

// TestOrderOfFeatures: what is said does not depend on the order in which features are summed up.
func TestOrderOfFeatures(t *testing.T) {
	taught, fresh := examples(t)
	m := New()
	for _, e := range taught {
		m.Learn(e.f, "", e.spam())
	}
	for _, e := range fresh {
		turned := &Features{}
		for i, list := range e.f.lists {
			turned.lists[i] = slices.Clone(list)
			slices.Reverse(turned.lists[i])
		}
		if a, b := m.Judge(e.f, "x.test"), m.Judge(turned, "x.test"); a != b {
			t.Errorf("%s: %v, turned %v", e.name, a, b)
		}
	}
}

// TestDomainLearnsExceptions: what everybody's layer is sure of takes no room in a domain's.
func TestDomainLearnsExceptions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	m := New()
	for i := range 400 {
		m.Learn(made(t, r, i%2 == 0), "", i%2 == 0)
	}
	for i := range 20 {
		if s := m.Learn(made(t, r, i%2 == 0), "a.test", i%2 == 0); s.domain {
			t.Errorf("lesson %d is an exception: %+v", i, s)
		}
	}
	if s := m.Learn(made(t, r, true), "a.test", false); !s.domain {
		t.Error("spam that a domain wants is none")
	}
}

// TestDomainsOwn: what a domain taught weighs more there, the more it taught, and a little elsewhere.
func TestDomainsOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := New()
	letter := features(t, "From: news@shop.test\r\nSubject: offer\r\n\r\nour newsletter, weekly\r\n")
	for range 200 {
		m.Learn(made(t, r, true), "wants.test", true)
		m.Learn(made(t, r, false), "hates.test", false)
	}
	for range 10 {
		m.Learn(letter, "wants.test", false)
		m.Learn(letter, "hates.test", true)
	}
	wants, hates := m.Judge(letter, "wants.test").Score, m.Judge(letter, "hates.test").Score
	if wants >= hates {
		t.Errorf("wanted %v, hated %v", wants, hates)
	}
}

// TestBlocks: all spam first and then all ham, or the other way round, must still tell them apart, and not write all of the last
// class into what every message has.
func TestBlocks(t *testing.T) {
	for _, first := range []bool{true, false} {
		r := rand.New(rand.NewPCG(11, 12))
		m := New()
		for i := range 400 {
			spam := (i < 200) == first
			m.Learn(made(t, r, spam), "", spam)
		}
		lowest, highest := 15.0, 0.0
		for range 50 {
			lowest, highest = min(lowest, m.Judge(made(t, r, true), "").Score), max(highest, m.Judge(made(t, r, false), "").Score)
		}
		t.Logf("spam first %v: spam from %.2f, ham up to %.2f", first, lowest, highest)
		if lowest < highest+1 {
			t.Errorf("spam first %v: spam from %v, ham up to %v", first, lowest, highest)
		}
	}
}

// TestScores: strictly between 0 and 15, and none like another, however sure the model is.
func TestScores(t *testing.T) {
	m := New()
	m.lessons = entry64{1000, 1000}
	last := 0.0
	for sum := -1e6; sum <= 1e6; sum += 999.5 {
		s := m.calibrated(sum, "")
		if s <= last || s >= 15 {
			t.Fatalf("a sum of %v is %v after %v", sum, s, last)
		}
		last = s
	}
}

// TestThreshold: it comes down with ham that stays below, and not with spam, nor where ham comes near.
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		name      string
		ham, spam int64
		near      int32
		where     int
		low, high float64
	}{
		{"nothing known", 0, 0, 0, 0, threshold, threshold},
		{"a flood of spam", 10, 100000, 0, 0, 11.5, threshold},
		{"much ham far below", 20000, 10, 0, 0, lowest, 9},
		{"much ham, some near", 20000, 10, 30, 10, 10, threshold},
		{"ham above", 20000, 10, 100, tailEntries - 1, threshold, threshold},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New()
			m.lessons = entry64{c.ham, c.spam}
			m.table[tail+c.where][0] = c.near
			defer runtime.KeepAlive(m) // nobody holds its lock
			if got := m.threshold(); got < c.low || got > c.high {
				t.Errorf("threshold %v, want %v to %v", got, c.low, c.high)
			}
		})
	}
}

// TestJudgeBesideLearning is for the race detector.
func TestJudgeBesideLearning(t *testing.T) {
	taught, _ := examples(t)
	m := New()
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 20 {
				e := taught[(i+n)%len(taught)]
				switch n {
				case 0:
					s := m.Learn(e.f, "a.test", e.spam())
					m.Undo(e.f, "a.test", s)
				case 1:
					m.Merge(Delta{at: []uint32{7}, by: []int32{1}})
					m.Take()
				case 2:
					m.Explain(e.f, "a.test", 3)
				default:
					m.Judge(e.f, "a.test")
				}
			}
		})
	}
	all.Wait()
}

func TestWriteRead(t *testing.T) {
	taught, _ := examples(t)
	m := New()
	for _, e := range taught {
		m.Learn(e.f, "x.test", e.spam())
	}
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	if err != nil || n != int64(b.Len()) || n > 16<<20 {
		t.Fatalf("%d octets, told %d: %v", b.Len(), n, err)
	}
	whole := b.Bytes()
	got, err := Read(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, m)
	if d := got.Take(); !d.Empty() {
		t.Error("a model that was read has changed")
	}
	for name, damaged := range map[string][]byte{
		"empty": nil, "cut": whole[:len(whole)-1], "cut early": whole[:5], "half": whole[:len(whole)/2],
		"an octet":      slices.Concat(whole[:5000], []byte{whole[5000] + 1}, whole[5001:]),
		"other version": slices.Concat(whole[:len(magic)], []byte{version + 1}, whole[len(magic)+1:]),
		"something":     []byte(strings.Repeat("something else ", 100)),
	} {
		if _, err := Read(bytes.NewReader(damaged)); !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadFails(t *testing.T) {
	_, err := Of(mail.NewSpooled(broken{}, 1000))
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := New().WriteTo(broken{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := Read(broken{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken disk")

type broken struct{}

func (broken) Write([]byte) (int, error)         { return 0, errBroken }
func (broken) Read([]byte) (int, error)          { return 0, errBroken }
func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }
