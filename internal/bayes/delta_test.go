package bayes

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// nodes are models that start alike and learn each on its own; their deltas come with them.
func nodes(t *testing.T, r *rand.Rand, n int) (base *Model, list []*Model, deltas []Delta) {
	base = New()
	for i := range 10 {
		base.Learn(made(t, r, i%2 == 0), "", i%2 == 0)
	}
	base.Take()
	for range n {
		m := clone(base)
		for i := range 10 {
			m.Learn(made(t, r, i%3 == 0), "d.test", i%3 == 0)
		}
		list = append(list, m)
		deltas = append(deltas, m.Take())
	}
	return base, list, deltas
}

func clone(m *Model) *Model {
	c := New()
	copy(c.table, m.table)
	c.share()
	copy(c.taken, m.table)
	c.lessons, c.takenLessons = m.lessons, m.lessons
	return c
}

func TestTakeAndMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	base, list, deltas := nodes(t, r, 1)
	m := clone(base)
	m.Merge(deltas[0])
	same(t, m, list[0])
	if d := m.Take(); !d.Empty() {
		t.Error("what was merged is taken")
	}
	m.Merge(deltas[0].Inverse())
	same(t, m, base)
}

// TestMergeOrder: nodes that hear of the same deltas know the same.
func TestMergeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	base, list, deltas := nodes(t, r, 4)
	want := clone(base)
	want.Merge(deltas...)
	for i, m := range list {
		r.Shuffle(len(deltas), func(i, j int) { deltas[i], deltas[j] = deltas[j], deltas[i] })
		own := clone(base)
		own.Merge(deltas...)
		same(t, own, want)
		m.Merge(m.Take().Inverse()) // nothing new
		if i == 0 && m.lessons[0]+m.lessons[1] != 20 {
			t.Error("lessons", m.lessons)
		}
	}
}

// TestMergeCountsACampaignOnce: four nodes learn the same message.
func TestMergeCountsACampaignOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	f := made(t, r, true)
	once := New()
	once.Learn(f, "", true)
	var deltas []Delta
	for range 4 {
		m := New()
		m.Learn(f, "", true)
		deltas = append(deltas, m.Take())
	}
	all := New()
	all.Merge(deltas...)
	if all.lessons[1] != 4 {
		t.Error("lessons", all.lessons)
	}
	all.lessons = once.lessons
	same(t, all, once)
}

func TestDeltaRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	_, _, deltas := nodes(t, r, 3)
	for _, d := range append(deltas, Delta{at: []uint32{}, by: []int32{}}, deltas[0].Inverse()) {
		b, err := d.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got Delta
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("another delta, %v", err)
		}
	}
}

func TestFeaturesRoundTrip(t *testing.T) {
	taught, _ := examples(t)
	m := New()
	for _, e := range taught {
		m.Learn(e.f, "", e.spam())
	}
	sums := map[[8]byte]bool{}
	for _, e := range taught {
		b, err := e.f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var got Features
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if got.Sum() != e.f.Sum() || m.Judge(&got, "") != m.Judge(e.f, "") {
			t.Errorf("%s is another message now", e.name)
		}
		for _, r := range m.Explain(&got, "", 100) {
			if !slices.Contains(m.Explain(e.f, "", 1000), r) {
				t.Errorf("%v is no reason of %s", r, e.name)
			}
		}
		sums[got.Sum()] = true
	}
	if len(sums) != len(taught) {
		t.Error("messages share a sum")
	}
}
