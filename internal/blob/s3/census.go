package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/blob"
)

// metAfter is how old an object is when none before it will come any more: longer than any
// upload, and than clocks of nodes are apart.
const metAfter = 24 * time.Hour

// met knows which objects' contents the register was shown: all before a name, and some behind
// it, those of a day. The name is kept in the bucket, too: who does the next Compact, on whatever node, goes on
// from there, and does not read the end of every object again.
type met struct {
	mu    sync.Mutex
	known bool // what the bucket has was read
	until string
	since time.Time // when all was begun anew
	names map[string]struct{}
}

const (
	metKey = "met"
	// metAnew is when all is met anew all the same: what a crash left between a row and its octets is found then.
	metAnew = 30 * 24 * time.Hour
	maxMet  = 100 // octets of the object
	dayForm = "2006-01-02"
)

// recall takes over what was kept, where it is not known yet, or begins anew.
func (s *Store) recall(ctx context.Context) error {
	m := &s.met
	m.mu.Lock()
	defer m.mu.Unlock()
	now := s.cfg.Now()
	if !m.known {
		size, err := s.client.size(ctx, metKey)
		if err != nil && !errors.Is(err, errGone) {
			return err
		}
		if err == nil && size > 0 && size <= maxMet {
			b, _, err := s.client.get(ctx, metKey, 0, size, "")
			if err != nil {
				return err
			}
			name, day, _ := strings.Cut(string(b), " ")
			if since, err := time.Parse(dayForm, day); err == nil && len(name) == nameSize && name < nameAt(now) {
				m.until, m.since = name, since
			}
		}
		m.known = true
	}
	if age := now.Sub(m.since); age < 0 || age > metAnew {
		m.until, m.since, m.names = "", now, nil
	}
	return nil
}

// retain keeps it.
func (s *Store) retain(ctx context.Context) error {
	m := &s.met
	m.mu.Lock()
	text := m.until + " " + m.since.UTC().Format(dayForm)
	m.mu.Unlock()
	return s.client.put(ctx, metKey, strings.NewReader(text), int64(len(text)))
}

func (m *met) before() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.until
}

func (m *met) has(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.names[name]
	return ok
}

func (m *met) add(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil {
		m.names = map[string]struct{}{}
	}
	m.names[name] = struct{}{}
}

// forget has an object met again, with those behind it.
func (m *met) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.names, name)
	m.until = min(m.until, name)
}

// pass notes that all before a name have been met.
func (m *met) pass(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until = max(m.until, name)
	for n := range m.names {
		if n < m.until {
			delete(m.names, n)
		}
	}
}

// A Usage says what the bucket holds, as this process's last whole Compact found it, and what was done
// since the Store was opened.
type Usage struct {
	Objects int
	Octets  int64
	Dead    int64 // of them that nobody needs
	blob.Report

	Hits, Misses int64 // parts read from the cache, and from S3
	CacheFiles   int
	CacheOctets  int64
}

type usage struct {
	hits, misses atomic.Int64

	mu    sync.Mutex
	now   Usage // of the Compact under way
	last  Usage
	total blob.Report
}

func (u *usage) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now = Usage{}
}

func (u *usage) count(octets, dead int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now.Objects++
	u.now.Octets += octets
	u.now.Dead += dead
}

func (u *usage) end(r blob.Report, whole bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if whole {
		u.last = u.now
	}
	u.total.Unknown += r.Unknown
	u.total.Buried += r.Buried
	u.total.Files += r.Files
	u.total.Moved += r.Moved
	u.total.Freed += r.Freed
}

// Usage returns the store's.
func (s *Store) Usage() Usage {
	s.usage.mu.Lock()
	u := s.usage.last
	u.Report = s.usage.total
	s.usage.mu.Unlock()
	u.Hits, u.Misses = s.usage.hits.Load(), s.usage.misses.Load()
	u.CacheFiles, u.CacheOctets = s.cache.used()
	return u
}

// Check reads everything in the bucket, not from the cache, and calls damaged for each content that
// is not what was put. It returns how many are whole. The error is ctx's, or that S3 is away.
func (s *Store) Check(ctx context.Context, damaged func(id blob.ID, cause error)) (whole int, err error) {
	for after := ""; ; {
		page, err := s.client.list(ctx, contentKeys, after)
		if err != nil || len(page) == 0 {
			return whole, err
		}
		for _, o := range page {
			n, err := s.checkObject(ctx, o, damaged)
			if whole += n; err != nil {
				return whole, err
			}
		}
		after = page[len(page)-1].key
	}
}

func (s *Store) checkObject(ctx context.Context, o object, damaged func(blob.ID, error)) (whole int, err error) {
	list, etag, err := s.index(ctx, o)
	switch {
	case errors.Is(err, errGone): // a compaction took it since
		return 0, nil
	case errors.Is(err, blob.ErrDamaged):
		damaged(blob.ID(nameIn(o.key)), err)
		return 0, nil
	case err != nil:
		return 0, err
	}
	for _, e := range list {
		switch ok, err := s.sound(ctx, o, e, etag); {
		case errors.Is(err, errGone):
			return whole, nil
		case err != nil:
			return whole, err
		case !ok:
			damaged(e.id(), fmt.Errorf("s3: object %s: %w", o.key, blob.ErrDamaged))
		default:
			whole++
		}
	}
	return whole, nil
}

// sound reads a content and compares its checksums.
func (s *Store) sound(ctx context.Context, o object, e entry, etag string) (bool, error) {
	if e.length == 0 {
		return e.sum == 0, nil
	}
	sums, sum := []uint32{e.sum}, e.sum
	if e.long() {
		table, _, err := s.client.get(ctx, o.key, e.position+e.length, 4*int64(e.chunks()), etag)
		if err != nil {
			return false, err
		}
		sums, sum = parseTable(table), checksum(table)
	}
	for i, want := range sums {
		off := int64(i) * chunkSize
		b, _, err := s.client.get(ctx, o.key, e.position+off, min(e.length-off, chunkSize), etag)
		if err != nil {
			return false, err
		}
		if checksum(b) != want {
			return false, nil
		}
	}
	return sum == e.sum, nil
}
