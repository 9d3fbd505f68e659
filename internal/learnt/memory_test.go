package learnt

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"gatepost/internal/sketch"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// changes is a Reader that tells of some prints.
type changes struct {
	list     []Entry
	revision int64
	asked    []int64
	err      error
}

func (c *changes) Load(_ context.Context, since int64, f func(Entry) error) (int64, error) {
	c.asked = append(c.asked, since)
	for _, e := range c.list {
		if err := f(e); err != nil {
			return 0, err
		}
	}
	return c.revision, c.err
}

func (c *changes) Find(context.Context, Query) ([]Lesson, error) { return nil, nil }

func (c *changes) Counts(context.Context) ([]Count, error) { return nil, nil }

// sum is a print of a kind, out of a number.
func sum(kind Kind, n int) Print {
	b := make([]byte, kind.Octets())
	copy(b, fmt.Sprintf("%08d", n))
	if kind == Sketch {
		var s sketch.Sketch
		s[0] = uint16(n)
		b = s.Bytes()
	}
	return Print{kind, b}
}

func spamEntry(p Print, spam, ham int, last time.Time) Entry {
	return Entry{Print: p, Standing: Standing{Spam: spam, Ham: ham, Sources: []Source{Trap, Junk}, Networks: 2, First: noon.Add(-time.Hour), Last: last}}
}

func followed(t *testing.T, m *Memory, list ...Entry) {
	t.Helper()
	if err := m.follow(t.Context(), &changes{list: list, revision: m.revision + 1}); err != nil {
		t.Fatal(err)
	}
}

func TestMemory(t *testing.T) {
	now := noon
	m := NewMemory(100, 10*Day, func() time.Time { return now })
	for _, kind := range []Kind{Checksum, Sketch, Attachment, Picture, Pair} {
		t.Run(kind.String(), func(t *testing.T) {
			p, other := sum(kind, 1), sum(kind, 2)
			followed(t, m, spamEntry(p, 3, 1, noon), spamEntry(other, 1, 1, noon))
			got, ok := m.Spam(kind, p.Sum)
			want := "by trap, junk (3 for, 1 against), last 2026-11-26"
			if !ok || got.String() != want || !got.Last.Equal(noon) || !got.First.Equal(noon.Add(-time.Hour)) || !got.Sure() {
				t.Errorf("got %v, %v; want %s", got, ok, want)
			}
			if _, ok := m.Spam(kind, other.Sum); ok {
				t.Error("what as many say is not spam counts")
			}
			followed(t, m, spamEntry(p, 4, 1, noon), spamEntry(other, 2, 1, noon))
			if got, _ := m.Spam(kind, p.Sum); got.Spam != 4 {
				t.Errorf("after a change: %v", got)
			}
			followed(t, m, spamEntry(p, 4, 4, noon), spamEntry(other, 0, 0, time.Time{}))
			for _, p := range []Print{p, other} {
				if _, ok := m.Spam(kind, p.Sum); ok {
					t.Error("what was taken back counts")
				}
			}
			if m.Len() != 0 || m.pictures.count != 0 || m.sketches.Len() != 0 {
				t.Errorf("%d prints, %d pictures and %d sketches are left", m.Len(), m.pictures.count, m.sketches.Len())
			}
		})
	}
	p := sum(Checksum, 3)
	followed(t, m, spamEntry(p, 1, 0, noon))
	now = now.Add(10*Day + time.Second)
	if _, ok := m.Spam(Checksum, p.Sum); ok {
		t.Error("what is old counts")
	}
	followed(t, m, Entry{Print: Print{Checksum, []byte("short")}, Standing: Standing{Spam: 1}})
	if m.Len() != 1 {
		t.Errorf("%d prints: one that is too short is kept", m.Len())
	}
}

func TestFollowsFromRevision(t *testing.T) {
	m := NewMemory(100, Day, time.Now)
	c := &changes{revision: 7}
	for range 2 {
		if err := m.follow(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(c.asked) != "[0 7]" {
		t.Errorf("asked from %v", c.asked)
	}
}

// What is over the bound goes, the oldest first.
func TestMemoryBounded(t *testing.T) {
	m := NewMemory(1000, 1000*Day, func() time.Time { return noon })
	var list []Entry
	for i := range 2500 {
		kind := []Kind{Checksum, Sketch, Picture}[i%3]
		list = append(list, spamEntry(sum(kind, i), 1, 0, noon.Add(-time.Duration(2500-i)*time.Minute)))
	}
	followed(t, m, list...)
	if n := m.Len(); n > 1000 || n < 900 {
		t.Errorf("%d prints, want 900 to 1000", n)
	}
	if n := m.pictures.count + m.sketches.Len(); n > 700 {
		t.Errorf("%d pictures and sketches", n)
	}
	for i, want := range map[int]bool{0: false, 1200: false, 2400: true, 2499: true} {
		p := list[i].Print
		if _, ok := m.Spam(p.Kind, p.Sum); ok != want {
			t.Errorf("print %d: %v", i, ok)
		}
	}
}

func TestNearPicture(t *testing.T) {
	m := NewMemory(10_000, Day, func() time.Time { return noon })
	r := rand.New(rand.NewPCG(1, 2))
	var list []Entry
	var hashes []uint64
	for range 5000 {
		h := r.Uint64()
		hashes = append(hashes, h)
		list = append(list, spamEntry(PictureOf(h), 1, 0, noon))
	}
	followed(t, m, list...)
	for range 5000 {
		h := hashes[r.IntN(len(hashes))]
		flipped := r.IntN(10)
		for _, bit := range r.Perm(64)[:flipped] {
			h ^= 1 << bit
		}
		distance := r.IntN(MaxDistance + 2)
		want := 65
		for _, other := range hashes {
			want = min(want, bits.OnesCount64(h^other))
		}
		_, ok := m.NearPicture(h, distance)
		if wanted := want <= min(distance, MaxDistance); ok != wanted {
			t.Fatalf("%016x, %d bits from the nearest, within %d: got %v", h, want, distance, ok)
		}
	}
	if _, ok := NewMemory(1, Day, time.Now).NearPicture(1, 6); ok {
		t.Error("an empty memory knows a picture")
	}
}

func TestNearSketch(t *testing.T) {
	m := NewMemory(100, Day, func() time.Time { return noon })
	var s sketch.Sketch
	for i := range s {
		s[i] = uint16(i + 1)
	}
	for i := range 3 {
		s[0] = uint16(100 + i)
		followed(t, m, spamEntry(Print{Sketch, s.Bytes()}, i+1, 0, noon))
	}
	for equal := range sketch.Size {
		ask := s
		for i := equal + 1; i < len(ask); i++ {
			ask[i] += 1000
		}
		got, n, ok := m.NearSketch(&ask, sketch.Near)
		if want := equal+1 >= sketch.Near; ok != want || ok && (got.Spam != 3 || n != equal+1) {
			t.Errorf("equal in %d places: got %v in %d, %v", equal+1, got, n, ok)
		}
	}
}

// Rows may hold sketches of other forms, which are like nothing: of as many octets, and of fewer.
func TestOtherSketches(t *testing.T) {
	m := NewMemory(100, Day, func() time.Time { return noon })
	other := sum(Sketch, 7)
	other.Sum[0]++
	followed(t, m, spamEntry(other, 1, 0, noon), spamEntry(Print{Sketch, other.Sum[1:]}, 1, 0, noon), spamEntry(sum(Sketch, 8), 1, 0, noon))
	if n := m.Len(); n != 1 {
		t.Errorf("%d prints are known, want 1", n)
	}
}

func BenchmarkNearPicture(b *testing.B) {
	var p pictures
	r := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		p.put(r.Uint64())
	}
	b.ReportAllocs()
	for b.Loop() {
		p.nearest(r.Uint64(), 6)
	}
}
