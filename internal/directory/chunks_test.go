package directory

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Chunks do what a map does, in the order of the numbers, whichever way they grow and shrink, and their predecessors stay as they were.
func TestChunksAgainstAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	table, plain := chunks[int64]{}, map[int64]int64{}
	next := int64(1)
	for round := range 120 {
		before, was := table, maps.Clone(plain)
		e := table.edit()
		for range rng.IntN(300) {
			n := int64(rng.IntN(20_000))
			switch grows := round%60 < 40; {
			case grows && rng.IntN(2) == 0: // as IDs are given
				n, next = 20_000+next, next+1
				fallthrough
			case grows:
				plain[n] = rng.Int64()
				e.set(n, plain[n])
			default:
				for n = range plain { // one that is there, mostly
					break
				}
				if rng.IntN(10) == 0 {
					n = -n
				}
				delete(plain, n)
				e.delete(n)
			}
		}
		table = e.done()
		sameChunks(t, table, plain)
		sameChunks(t, before, was)
	}
	e := table.edit()
	for n := range plain {
		e.delete(n)
	}
	if c := e.done(); len(c.all) != 0 {
		t.Errorf("%d chunks stayed", len(c.all))
	}
}

func sameChunks(t *testing.T, c chunks[int64], plain map[int64]int64) {
	t.Helper()
	var numbers []int64
	for n, v := range c.rows() {
		numbers = append(numbers, n)
		if plain[n] != v {
			t.Fatalf("%d is %d, want %d", n, v, plain[n])
		}
		if got, ok := c.get(n); !ok || got != v {
			t.Fatalf("%d is found: %t, %d, want %d", n, ok, got, v)
		}
	}
	if want := slices.Sorted(maps.Keys(plain)); !slices.Equal(numbers, want) || c.count() != len(want) {
		t.Fatalf("%d numbers, %d counted, want %d", len(numbers), c.count(), len(want))
	}
	if _, ok := c.get(-2); ok {
		t.Fatal("there is what was never put")
	}
	for i, in := range c.all {
		if len(in.numbers) == 0 || len(in.numbers) > chunkSize {
			t.Fatalf("chunk %d has %d", i, len(in.numbers))
		}
	}
	if most := 4*len(plain)/chunkSize + 2; len(c.all) > most {
		t.Fatalf("%d chunks for %d", len(c.all), len(plain))
	}
}

// A full chunk takes one at each place, and makes two of itself; what is emptied evenly becomes few chunks again.
func TestChunksSplit(t *testing.T) {
	for at := range int64(chunkSize) {
		e := chunks[int64]{}.edit()
		plain := map[int64]int64{2*at - 1: -1}
		for n := range int64(chunkSize) {
			plain[2*n] = n
			e.set(2*n, n)
		}
		e.set(2*at-1, -1)
		sameChunks(t, e.done(), plain)
	}
	e := chunks[int64]{}.edit()
	for n := range int64(20 * chunkSize) {
		e.set(n, n)
	}
	for n := range int64(20 * chunkSize) {
		if n%64 != 0 {
			e.delete(n)
		}
	}
	if c := e.done(); len(c.all) > 3 {
		t.Errorf("%d numbers are in %d chunks", c.count(), len(c.all))
	}
}

// What only grows at its end fills its chunks, and one change of it copies one.
func TestChunksShared(t *testing.T) {
	e := chunks[struct{}]{}.edit()
	for n := range int64(10 * chunkSize) {
		e.set(n, struct{}{})
	}
	table := e.done()
	if len(table.all) != 10 {
		t.Fatalf("%d chunks", len(table.all))
	}
	e = table.edit()
	e.set(3*chunkSize+7, struct{}{})
	next, other := e.done(), 0
	for i := range next.all {
		if next.all[i] != table.all[i] {
			other++
		}
	}
	if other != 1 {
		t.Errorf("%d chunks were copied", other)
	}
}
