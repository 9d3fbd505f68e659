package directory

import (
	"hash/maphash"
	"maps"
)

// pageCount pages hold a table's keys: a table of 100,000 scopes has a hundred keys to a
// page, which is what changing one of them copies.
const pageCount = 1024

// pages is an immutable hash table that shares with its successor all pages in
// which nothing changed. It costs hardly more than the keys and values.
type pages[K comparable, V any] struct {
	seed maphash.Seed
	page *[pageCount]map[K]V
}

func newPages[K comparable, V any]() pages[K, V] {
	return pages[K, V]{seed: maphash.MakeSeed(), page: new([pageCount]map[K]V)}
}

func (p pages[K, V]) number(k K) uint64 { return maphash.Comparable(p.seed, k) % pageCount }

func (p pages[K, V]) get(k K) (V, bool) {
	v, ok := p.page[p.number(k)][k]
	return v, ok
}

// A pagesEdit makes one successor. The table it came from stays as it is.
type pagesEdit[K comparable, V any] struct {
	pages[K, V]
	own [pageCount]bool // pages copied already
}

func (p pages[K, V]) edit() *pagesEdit[K, V] {
	e := &pagesEdit[K, V]{pages: p}
	page := *p.page
	e.page = &page
	return e
}

func (e *pagesEdit[K, V]) set(k K, v V) { e.owned(k)[k] = v }

func (e *pagesEdit[K, V]) delete(k K) { delete(e.owned(k), k) }

// owned returns the page of k, copied the first time.
func (e *pagesEdit[K, V]) owned(k K) map[K]V {
	n := e.number(k)
	if !e.own[n] {
		e.own[n] = true
		if e.page[n] = maps.Clone(e.page[n]); e.page[n] == nil {
			e.page[n] = map[K]V{}
		}
	}
	return e.page[n]
}
