package greylist

// A memo keeps what was used lately: when its young half is full the old one is dropped.
// It is not safe for use by many goroutines.
type memo[K comparable, V any] struct {
	half       int
	young, old map[K]V
}

func (m *memo[K, V]) get(k K) (v V, ok bool) {
	if v, ok = m.young[k]; ok {
		return v, true
	}
	if v, ok = m.old[k]; ok {
		m.put(k, v)
	}
	return v, ok
}

func (m *memo[K, V]) put(k K, v V) {
	if m.young == nil || len(m.young) >= m.half {
		m.old, m.young = m.young, map[K]V{}
	}
	m.young[k] = v
}

func (m *memo[K, V]) clear() { m.young, m.old = nil, nil }
