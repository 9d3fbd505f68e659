package sketch

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// words makes a text of n words out of a seed.
func words(seed uint64, n int) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("w%d", r.IntN(5000))
	}
	return list
}

func of(list []string) Sketch { return Of(Shingles(strings.Join(list, " "), 3)) }

func TestEqual(t *testing.T) {
	base := words(1, 300)
	changed := func(every int) []string {
		list := append([]string(nil), base...)
		for i := 0; i < len(list); i += every {
			list[i] = "other"
		}
		return list
	}
	for _, tt := range []struct {
		name        string
		list        []string
		least, most int
	}{
		{"the same", base, Size, Size},
		{"a word in 50", changed(50), Near, Size - 1},
		{"half of it twice", append(append([]string(nil), base...), base[:150]...), Near, Size},
		{"every second word", changed(2), 0, 2},
		{"another text", words(2, 300), 0, 2},
		{"another and the same", append(words(2, 300), base...), 5, Near + 5},
		{"nothing", nil, 0, 0},
	} {
		a, b := of(base), of(tt.list)
		if got := a.Equal(&b); got < tt.least || got > tt.most {
			t.Errorf("%s: equal in %d places, want %d to %d", tt.name, got, tt.least, tt.most)
		}
	}
}

// The share of places that agree is that of the shingles, on average: else the orders
// would not be independent of each other.
func TestEstimate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{20, 200} {
		for _, common := range []int{size / 4, size / 2, 3 * size / 4} {
			sum := 0
			for range 200 {
				a, b := make([]uint64, size), make([]uint64, size)
				for i := range a {
					a[i], b[i] = r.Uint64(), r.Uint64()
				}
				copy(a, b[:common])
				sa, sb := Of(a), Of(b)
				sum += sa.Equal(&sb)
			}
			want := float64(common) / float64(2*size-common)
			if got := float64(sum) / 200 / Size; got < want-0.03 || got > want+0.03 {
				t.Errorf("%d of %d in common: estimate %.3f, want %.3f", common, size, got, want)
			}
		}
	}
}

// Of does what its description says, done here without thinking of time.
func TestOf(t *testing.T) {
	slow := func(shingles []uint64) (s Sketch) {
		for place := range uint64(Size) {
			for round := uint64(0); ; round++ {
				first, any := uint64(0), false
				for _, x := range shingles {
					h := mix(x ^ (round+6)*0x9e3779b97f4a7c15)
					if falls := round < Size && h%Size == place || round >= Size && round%Size == place; falls && (!any || h < first) {
						first, any = h, true
					}
				}
				if any {
					s[place] = uint16(first >> 8)
					break
				}
			}
		}
		return s
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 3, 10, 29, 100, 1000} {
		list := make([]uint64, n)
		for i := range list {
			list[i] = r.Uint64()
		}
		got, want := Of(list), slow(list)
		if got != want {
			t.Errorf("%d shingles: got %v, want %v", n, got, want)
		}
		r.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
		if again := Of(append(list, list[:n/2]...)); again != got {
			t.Errorf("%d shingles: others in another order", n)
		}
	}
}

func TestOfWords(t *testing.T) {
	for _, n := range []int{0, 1, 2, 15, 127, 128, 129, 130, 1000} {
		list := words(uint64(n), n)
		text, want := strings.Join(list, " "), Sketch{}
		if n > 0 {
			want = Of(append(Shingles(text, 1), Shingles(text, 2)...))
		}
		if got := OfWords(numbers(text, n)); got != want {
			t.Errorf("%d words: got %v, want %v", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	s := of(words(1, 100))
	b := s.Bytes()
	if got, ok := Parse(b); !ok || got != s || len(b) != Octets {
		t.Errorf("got %v, %v of %d octets; want %v", got, ok, len(b), s)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "the first form": b[1:], "too long": append(b, 0), "another form": append([]byte{form + 1}, b[1:]...)} {
		if _, ok := Parse(bad); ok {
			t.Errorf("%s is a sketch", name)
		}
	}
	if zero := Of(nil); !zero.IsZero() || s.IsZero() {
		t.Error("the sketch of nothing is something")
	}
}

func TestShingles(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		count      int
		same       bool
	}{
		{"a run each", "a b c d e", "a b c d e", 3, true},
		{"spaces don't count", " a  b c d e ", "a b c d e", 3, true},
		{"their order does", "a b c d e", "e d c b a", 3, false},
		{"where words end does", "ab c d e", "a bc d e", 2, false},
		{"too few", "a b", "a b", 0, true},
		{"none", "", " ", 0, true},
		{"bounded", strings.Repeat("a b c ", MaxShingles), strings.Repeat("a b c ", MaxShingles) + "d", MaxShingles, true},
	} {
		a, b := Shingles(tt.a, 3), Shingles(tt.b, 3)
		if len(a) != tt.count || (fmt.Sprint(a) == fmt.Sprint(b)) != tt.same {
			t.Errorf("%s: %d shingles, want %d; %v and %v", tt.name, len(a), tt.count, a[:min(3, len(a))], b[:min(3, len(b))])
		}
	}
}

// Each octet of a word counts, and where it stands.
func TestNumber(t *testing.T) {
	known := map[uint64]string{}
	add := func(word string) {
		n := Number([]byte(word))
		if old, is := known[n]; is && old != word {
			t.Errorf("%q and %q have one number", old, word)
		}
		known[n] = word
	}
	for size := range 40 {
		word := []byte(strings.Repeat("a", size))
		add(string(word))
		for i := range word {
			word[i] = 'b'
			add(string(word))
			for j := range i {
				word[j] = 'c'
				add(string(word))
				word[j] = 'a'
			}
			word[i] = 'a'
		}
	}
	for i := range 200_000 {
		add(fmt.Sprintf("%x", i))
	}
}

// near changes all places of a sketch but equal ones.
func near(r *rand.Rand, s Sketch, equal int) Sketch {
	for _, i := range r.Perm(Size)[equal:] {
		s[i] += uint16(1 + r.IntN(1<<16-1))
	}
	return s
}

// The index finds what looking at all sketches finds.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x Index
	all := map[uint32]Sketch{}
	for range 3000 {
		var s Sketch
		for i := range s {
			s[i] = uint16(r.IntN(1 << 16))
		}
		all[x.Put(s)] = s
		if r.IntN(3) == 0 {
			for n := range all {
				x.Drop(n)
				delete(all, n)
				break
			}
		}
	}
	if x.Len() != len(all) {
		t.Fatalf("%d sketches, want %d", x.Len(), len(all))
	}
	for n, s := range all {
		equal := r.IntN(Size + 1)
		ask := near(r, s, equal)
		got, e, ok := x.Nearest(&ask, Near)
		switch {
		case ok != (equal >= Near):
			t.Fatalf("equal in %d places: found %v", equal, ok)
		case ok && (got != n || e != equal):
			t.Fatalf("equal in %d places: got %d with %d, want %d", equal, got, e, n)
		}
	}
	for n := range all {
		x.Drop(n)
	}
	var zero Sketch
	for _, s := range all {
		if _, _, ok := x.Nearest(&s, Near); ok || x.Len() != 0 {
			t.Fatal("what was dropped is found")
		}
	}
	x.Put(zero)
	if _, _, ok := x.Nearest(&zero, Near); ok {
		t.Error("the sketch of nothing is near to something")
	}
}

// Numbers that are free are given again, and what is long in a bucket is dropped.
func TestCrowded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x Index
	var base Sketch
	for i := range base {
		base[i] = uint16(i + 1)
	}
	for range 10 * maxChain { // all with one pair in common, and nothing else
		s := near(r, base, 0)
		s[0], s[1] = base[0], base[1]
		x.Put(s)
	}
	n := x.Put(near(r, base, Near))
	if got, _, ok := x.Nearest(&base, Near); !ok || got != n {
		t.Errorf("got %d, %v; want %d", got, ok, n)
	}
	x.Drop(0)
	x.Drop(5)
	if got := x.Put(base); got != 5 && got != 0 || x.Len() != 10*maxChain {
		t.Errorf("got number %d of %d", got, x.Len())
	}
	for i := range uint32(10*maxChain + 1) {
		if x.used[i] {
			x.Drop(i)
		}
	}
	if x.Len() != 0 {
		t.Errorf("%d are left", x.Len())
	}
}

func FuzzShingles(f *testing.F) {
	f.Add("a b c d", 3)
	f.Add(" \xff  é ", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = 1 + (n%8+8)%8
		s := Of(Shingles(text, n))
		if again := Of(Shingles(" "+text+" ", n)); again != s && len(Shingles(text, n)) < MaxShingles {
			t.Errorf("%q differs with spaces around it", text)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	text := strings.Join(words(1, 300), " ")
	b.ReportAllocs()
	for b.Loop() {
		Of(Shingles(text, 3))
	}
}

func BenchmarkNearest(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var x Index
	for range 100_000 {
		var s Sketch
		for i := range s {
			s[i] = uint16(r.IntN(1 << 16))
		}
		x.Put(s)
	}
	ask := near(r, *x.At(50_000), Near)
	for b.Loop() {
		x.Nearest(&ask, Near)
	}
}
