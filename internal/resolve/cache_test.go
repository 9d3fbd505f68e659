package resolve

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// filled returns the number of entries, and the octets counted for them, and checks that
// the count is right.
func filled(t *testing.T, c *cache) (n, size int) {
	t.Helper()
	for i := range c.shard {
		s := &c.shard[i]
		sum := 0
		for q, k := range s.m {
			sum += octets(q, k)
		}
		if sum != s.octets {
			t.Errorf("shard %d counts %d octets and has %d", i, s.octets, sum)
		}
		n, size = n+len(s.m), size+sum
	}
	return n, size
}

func TestCacheIsBounded(t *testing.T) {
	start := time.Unix(0, 0)
	text := func(size int) Answer { return Answer{Records: []Record{{Text: strings.Repeat("x", size)}}} }
	cases := []struct {
		name         string
		size, octets int
		answer       func(i int) Answer
		most, least  int // entries at the end
	}{
		{"by count", 128, 1 << 30, func(int) Answer { return Answer{} }, 128, 100},
		{"by octets", 1 << 20, 8 << 20, func(int) Answer { return text(64 << 10) }, 127, 64},
		{"small make room for large", 1 << 20, 8 << 20, func(i int) Answer { return text(10 << max(0, i-9990)) }, 8 << 20 / 500, 1000},
		{"too large for a shard", 1 << 20, 1 << 20, func(int) Answer { return text(64 << 10) }, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cache := newCache(c.size, c.octets)
			for i := range 10_000 {
				q := question{name: fmt.Sprint(i%9_000, ".test"), typ: TXT}
				a := c.answer(i)
				cache.put(q, kept{answer: a, expires: start.Add(time.Duration(i)), last: &news{answer: a, until: start.Add(time.Hour)}})
			}
			n, size := filled(t, cache)
			if n > c.most || n < c.least || size > c.octets {
				t.Errorf("%d entries of %d octets, want %d to %d of at most %d", n, size, c.least, c.most, c.octets)
			}
			for i := range 10_000 {
				cache.get(question{name: fmt.Sprint(i, ".test"), typ: TXT}, start.Add(2*time.Hour))
			}
			if n, size := filled(t, cache); n != 0 || size != 0 {
				t.Errorf("%d entries of %d octets are left when all is too old", n, size)
			}
		})
	}
}

// TestCacheOctets: what is counted is about what is taken.
func TestCacheOctets(t *testing.T) {
	const n = 20_000
	q := func(i int) question {
		return question{name: fmt.Sprintf("selector%d._domainkey.example.org", i), typ: TXT}
	}
	for _, c := range []struct {
		name  string
		entry func(i int) kept
	}{
		{"an address", func(i int) kept {
			a := Answer{Name: q(i).name, Records: append([]Record(nil), Record{TTL: time.Duration(i)})}
			return kept{answer: a, last: &news{answer: a}}
		}},
		{"a key", func(i int) kept {
			a := Answer{Name: q(i).name, Records: append([]Record(nil), Record{Text: strings.Repeat("k", 400)})}
			return kept{answer: a, last: &news{answer: a}}
		}},
		{"nothing", func(i int) kept { return kept{answer: Answer{Name: q(i).name}, err: notFound(q(i), ErrNoName)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := newCache(2*n, 1<<30)
			before := heap()
			for i := range n {
				cache.put(q(i), c.entry(i))
			}
			_, counted := filled(t, cache)
			taken := int(heap() - before)
			t.Logf("%d octets an entry are counted, %d taken", counted/n, taken/n)
			if taken > counted*5/4 || taken < counted/3 {
				t.Error("that is too far apart")
			}
			runtime.KeepAlive(cache)
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC() // twice: what pools keep goes with the second
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
