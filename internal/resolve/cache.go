package resolve

import (
	"errors"
	"hash/maphash"
	"sync"
	"time"
	"unsafe"
)

// How long answers are kept. Records stay at least half a minute, so that a zone
// with a TTL of zero is not asked for each of a message's walks, and at most an
// hour, so that a change is seen the same day. That something does not exist is
// kept as its zone says (RFC 2308 §5), a failure for as long as keeps a burst of
// mail from a broken domain off the servers (RFC 2308 §7), and what is told though it is
// stale for as long as its askers get (RFC 8767 §4).
const (
	minTTL     = 30 * time.Second
	maxTTL     = time.Hour
	failureTTL = 5 * time.Second
	staleTTL   = 30 * time.Second
)

// A question is a name in canonical form (see canonical) and a type.
type question struct {
	name string
	typ  Type
}

// wire is the name with its final dot, as the dns library wants it.
func (q question) wire() string {
	if q.name == "." {
		return q.name
	}
	return q.name + "."
}

// A kept is an answer, or the error that stood in its place.
type kept struct {
	answer  Answer
	err     error
	expires time.Time
	last    *news // the last records that a server told; nil where they may not be told any more
}

// News is records and when they were told.
type news struct {
	answer Answer
	told   time.Time
	until  time.Time // when they are no news but history
}

const shards = 64

// A cache keeps a bounded number of answers in about a bounded number of octets, spread
// over shards so that sessions seldom meet at a lock.
type cache struct {
	seed   maphash.Seed
	limit  int // answers of each shard
	octets int // of each shard
	shard  [shards]shard
}

type shard struct {
	sync.Mutex
	m      map[question]kept
	octets int
}

func newCache(size, octets int) *cache {
	return &cache{seed: maphash.MakeSeed(), limit: max(size/shards, 1), octets: octets / shards}
}

func (c *cache) of(q question) *shard { return &c.shard[maphash.Comparable(c.seed, q)%shards] }

// get returns what is kept and has not expired.
func (c *cache) get(q question, now time.Time) (kept, bool) {
	s := c.of(q)
	s.Lock()
	defer s.Unlock()
	k, ok := s.m[q]
	if !ok || now.Before(k.expires) {
		return k, ok
	}
	if k.last == nil || !now.Before(k.last.until) {
		s.drop(q, k)
	}
	return kept{}, false
}

// news returns the last records known, and nil where they are too old.
func (c *cache) news(q question, now time.Time) *news {
	s := c.of(q)
	s.Lock()
	defer s.Unlock()
	if k := s.m[q]; k.last != nil && now.Before(k.last.until) {
		return k.last
	}
	return nil
}

// put keeps k in the place of what was kept, at the cost of others. What would take all
// of a shard is not kept.
func (c *cache) put(q question, k kept) {
	s := c.of(q)
	s.Lock()
	defer s.Unlock()
	if s.m == nil {
		s.m = map[question]kept{}
	}
	if old, known := s.m[q]; known {
		s.drop(q, old)
	}
	size := octets(q, k)
	if size > c.octets {
		return
	}
	for len(s.m) >= c.limit || s.octets+size > c.octets {
		s.evict()
	}
	s.m[q] = k
	s.octets += size
}

func (s *shard) drop(q question, k kept) {
	delete(s.m, q)
	s.octets -= octets(q, k)
}

// evict drops, of a few entries picked by chance, the one that expires first.
func (s *shard) evict() {
	const picked = 8
	var victim question
	var worst kept
	n := 0
	for q, k := range s.m {
		if n == 0 || k.expires.Before(worst.expires) {
			victim, worst = q, k
		}
		if n++; n == picked {
			break
		}
	}
	s.drop(victim, worst)
}

// octets is about what an entry takes: its place in the map, its name, an error's
// structures, and the records, which an answer and its news share.
func octets(q question, k kept) int {
	const fixed = int(unsafe.Sizeof(question{})+unsafe.Sizeof(kept{})) + 300
	size := fixed + 3*len(q.name)
	records := k.answer.Records
	if k.last != nil {
		size += int(unsafe.Sizeof(news{}))
		records = k.last.answer.Records
	}
	for i := range records {
		r := &records[i]
		size += int(unsafe.Sizeof(Record{})) + len(r.Host) + len(r.Text) + len(r.Data)
	}
	return size
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
