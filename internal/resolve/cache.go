package resolve

import (
	"errors"
	"hash/maphash"
	"sync"
	"time"
)

// How long answers are kept. Records stay at least half a minute, so that a zone
// with a TTL of zero is not asked for each of a message's walks, and at most an
// hour, so that a change is seen the same day. That something does not exist is
// kept as its zone says (RFC 2308 §5), a failure for as long as keeps a burst of
// mail from a broken domain off the servers (RFC 2308 §7).
const (
	minTTL     = 30 * time.Second
	maxTTL     = time.Hour
	failureTTL = 5 * time.Second
)

// A question is a name in canonical form (see canonical) and a type.
type question struct {
	name string
	typ  Type
}

// A kept is an answer, or the error that stood in its place.
type kept struct {
	answer  Answer
	err     error
	expires time.Time
}

const shards = 64

// A cache keeps a bounded number of answers, spread over shards so that sessions
// seldom meet at a lock.
type cache struct {
	seed  maphash.Seed
	limit int // of each shard
	shard [shards]struct {
		sync.Mutex
		m map[question]kept
	}
}

func newCache(size int) *cache {
	return &cache{seed: maphash.MakeSeed(), limit: max(size/shards, 1)}
}

func (c *cache) get(q question, now time.Time) (kept, bool) {
	s := &c.shard[maphash.Comparable(c.seed, q)%shards]
	s.Lock()
	defer s.Unlock()
	k, ok := s.m[q]
	if ok && !now.Before(k.expires) {
		delete(s.m, q)
		return kept{}, false
	}
	return k, ok
}

func (c *cache) put(q question, k kept) {
	s := &c.shard[maphash.Comparable(c.seed, q)%shards]
	s.Lock()
	defer s.Unlock()
	if s.m == nil {
		s.m = map[question]kept{}
	}
	if _, known := s.m[q]; !known && len(s.m) >= c.limit {
		evict(s.m)
	}
	s.m[q] = k
}

// evict drops, of a few entries picked by chance, the one that expires first.
func evict(m map[question]kept) {
	const picked = 8
	var victim question
	var soonest time.Time
	n := 0
	for q, k := range m {
		if n == 0 || k.expires.Before(soonest) {
			victim, soonest = q, k.expires
		}
		if n++; n == picked {
			break
		}
	}
	delete(m, victim)
}

// lifetime returns how long an outcome may be kept; zero: not at all.
func lifetime(a Answer, err error) time.Duration {
	switch {
	case err == nil:
		return min(max(a.TTL, minTTL), maxTTL)
	case errors.Is(err, ErrTemporary):
		return failureTTL
	}
	return min(a.TTL, maxTTL)
}
