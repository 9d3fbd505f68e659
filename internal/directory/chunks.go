package directory

import (
	"cmp"
	"iter"
	"slices"
)

// chunkSize bounds the values of a chunk, which is what changing one of them copies.
const chunkSize = 512

// chunks is an immutable table of values by number, in the order of their numbers. It shares with its successor all chunks in which
// nothing changed, so that a change of one of a million copies a chunk and the list of all chunks, 16 KiB or so.
type chunks[V any] struct {
	all []*chunk[V] // none is empty
}

// A chunk has values whose numbers follow each other. It is changed by the edit that made it alone.
type chunk[V any] struct {
	numbers []int64
	values  []V
	by      *chunksOwner
}

// A chunksOwner stands for an edit, of which chunks are to keep nothing else.
type chunksOwner struct{ _ byte }

// find returns the chunk in which a number is or would be, 0 where there is none.
func (c chunks[V]) find(n int64) int {
	i, found := slices.BinarySearchFunc(c.all, n, func(c *chunk[V], n int64) int { return cmp.Compare(c.numbers[0], n) })
	if !found && i > 0 {
		i--
	}
	return i
}

func (c chunks[V]) get(n int64) (v V, ok bool) {
	if len(c.all) == 0 {
		return v, false
	}
	in := c.all[c.find(n)]
	i, ok := slices.BinarySearch(in.numbers, n)
	if ok {
		v = in.values[i]
	}
	return v, ok
}

// rows returns all, in the order of their numbers.
func (c chunks[V]) rows() iter.Seq2[int64, V] {
	return func(yield func(int64, V) bool) {
		for _, in := range c.all {
			for i, n := range in.numbers {
				if !yield(n, in.values[i]) {
					return
				}
			}
		}
	}
}

// count returns how many there are.
func (c chunks[V]) count() (n int) {
	for _, in := range c.all {
		n += len(in.numbers)
	}
	return n
}

// A chunksEdit makes one successor. The table it came from stays as it is.
type chunksEdit[V any] struct {
	chunks[V]
	by *chunksOwner
}

func (c chunks[V]) edit() *chunksEdit[V] {
	return &chunksEdit[V]{chunks[V]{slices.Clone(c.all)}, new(chunksOwner)}
}

// done returns the successor. The edit is to be used no more.
func (e *chunksEdit[V]) done() chunks[V] { return e.chunks }

// owned returns a chunk, copied the first time.
func (e *chunksEdit[V]) owned(i int) *chunk[V] {
	c := e.all[i]
	if c.by != e.by {
		c = e.made(c.numbers, c.values)
		e.all[i] = c
	}
	return c
}

func (e *chunksEdit[V]) made(numbers []int64, values []V) *chunk[V] {
	return &chunk[V]{slices.Clone(numbers), slices.Clone(values), e.by}
}

func (e *chunksEdit[V]) set(n int64, v V) {
	if len(e.all) == 0 {
		e.all = append(e.all, e.made([]int64{n}, []V{v}))
		return
	}
	at := e.find(n)
	c := e.owned(at)
	i, found := slices.BinarySearch(c.numbers, n)
	switch {
	case found:
		c.values[i] = v
		return
	case len(c.numbers) < chunkSize:
	case i == chunkSize: // what is added has the greatest numbers mostly: chunks stay full
		e.all = slices.Insert(e.all, at+1, e.made([]int64{n}, []V{v}))
		return
	default:
		const half = chunkSize / 2
		next := e.made(c.numbers[half:], c.values[half:])
		c.numbers, c.values = slices.Clone(c.numbers[:half]), slices.Clone(c.values[:half])
		e.all = slices.Insert(e.all, at+1, next)
		if i > half {
			c, i = next, i-half
		}
	}
	c.numbers, c.values = slices.Insert(c.numbers, i, n), slices.Insert(c.values, i, v)
}

// delete takes a number out, where it is there. Of two chunks that became small one is made.
func (e *chunksEdit[V]) delete(n int64) {
	if len(e.all) == 0 {
		return
	}
	at := e.find(n)
	i, found := slices.BinarySearch(e.all[at].numbers, n)
	if !found {
		return
	}
	c := e.owned(at)
	c.numbers, c.values = slices.Delete(c.numbers, i, i+1), slices.Delete(c.values, i, i+1)
	switch {
	case len(c.numbers) == 0:
		e.all = slices.Delete(e.all, at, at+1)
	case e.small(at):
		e.join(at)
	case at > 0 && e.small(at-1):
		e.join(at - 1)
	}
}

// small reports whether a chunk and the next one are to be one.
func (e *chunksEdit[V]) small(at int) bool {
	return at+1 < len(e.all) && len(e.all[at].numbers)+len(e.all[at+1].numbers) <= chunkSize/2
}

// join puts the next chunk into one.
func (e *chunksEdit[V]) join(at int) {
	c, next := e.owned(at), e.all[at+1]
	c.numbers, c.values = append(c.numbers, next.numbers...), append(c.values, next.values...)
	e.all = slices.Delete(e.all, at+1, at+2)
}
