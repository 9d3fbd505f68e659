package captcha

import "time"

// A shelf keeps items for a time, and not more of them than its size: the oldest go
// first. All are kept for the same time, so the oldest ends first, too.
type shelf[K comparable, V any] struct {
	keep  time.Duration
	size  int
	items map[K]V
	order []place[K] // by age, some of which are taken from items already
}

type place[K comparable] struct {
	key   K
	until time.Time
}

func newShelf[K comparable, V any](keep time.Duration, size int) shelf[K, V] {
	return shelf[K, V]{keep: keep, size: size, items: map[K]V{}}
}

// get returns what is kept under a key.
func (s *shelf[K, V]) get(key K, now time.Time) (V, bool) {
	s.clear(now, s.size)
	v, ok := s.items[key]
	return v, ok
}

// put keeps an item under a key that has none.
func (s *shelf[K, V]) put(key K, v V, now time.Time) {
	s.clear(now, s.size-1)
	s.items[key] = v
	s.order = append(s.order, place[K]{key, now.Add(s.keep)})
}

// take returns what is kept under a key and lets go of it. The key is not to be used
// again.
func (s *shelf[K, V]) take(key K, now time.Time) (V, bool) {
	v, ok := s.get(key, now)
	delete(s.items, key)
	return v, ok
}

// clear lets go of what has ended, and of the oldest beyond n.
func (s *shelf[K, V]) clear(now time.Time, n int) {
	for len(s.order) > 0 && (len(s.order) > n || !now.Before(s.order[0].until)) {
		delete(s.items, s.order[0].key)
		s.order = s.order[1:]
	}
}
