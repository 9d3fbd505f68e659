package lookup

import (
	"sync"
	"time"
)

// An answer is what a source said, and until when that is believed.
type answer struct {
	exists  bool
	expires time.Time
}

// A cache keeps a bounded number of answers: half of them for who exists, half for
// who does not, so that a dictionary attack drives nobody out who exists. What ran
// out stays as long as there is room: it counts where its source is down.
type cache struct {
	mu      sync.Mutex
	limit   int // of each
	yes, no map[string]time.Time
}

func newCache(capacity int) *cache {
	return &cache{limit: capacity / 2, yes: map[string]time.Time{}, no: map[string]time.Time{}}
}

func (c *cache) get(key string) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if expires, ok := c.yes[key]; ok {
		return answer{true, expires}, true
	}
	expires, ok := c.no[key]
	return answer{false, expires}, ok
}

func (c *cache) put(key string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to, other := c.no, c.yes
	if a.exists {
		to, other = c.yes, c.no
	}
	delete(other, key)
	if _, known := to[key]; !known && len(to) >= c.limit {
		evict(to)
	}
	to[key] = a.expires
}

// evict drops, of a few answers picked by chance, the one that runs out first.
func evict(m map[string]time.Time) {
	const picked = 8
	victim, n := "", 0
	for key, expires := range m {
		if n == 0 || expires.Before(m[victim]) {
			victim = key
		}
		if n++; n == picked {
			break
		}
	}
	delete(m, victim)
}
