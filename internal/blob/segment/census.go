package segment

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"gatepost/internal/blob"
)

// A census is what a Store knows of its segments beyond their files: what they hold, and
// whose the parts of contents are. Contents and lists have rows; a part has only the
// list that names it, which stands behind it, as a rule in the same segment. Lists that
// name parts of other segments are kept here, some 50 octets each: there is one for each
// long content that was being put when a segment was full.
//
// It is made by reading all headers once, when a Compact comes first.
type census struct {
	mu      sync.Mutex
	counted map[uint32]count
	spans   map[uint32]map[Ref]int64 // by the parts' segment: lists elsewhere, and the octets that they own here
	flights map[*flight]struct{}
	total   blob.Report // of all passes
}

// A count is what was found in one segment.
type count struct {
	size    int64 // of the file
	loose   int64 // octets of parts that no list in the same segment names
	dead    int64 // octets that nobody needs, by the last Compact's estimate
	wrecked bool  // a header or a list is damaged: it may have named parts anywhere
	unsound bool  // what would be copied is not what was put
	met     bool  // the register was shown what is there
}

// A flight is a Put whose parts have no list yet.
type flight struct{ since uint32 } // no part is in an older segment

func (c *census) depart(l *Log) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &flight{l.last.Load()}
	if c.flights == nil {
		c.flights = map[*flight]struct{}{}
	}
	c.flights[f] = struct{}{}
	return f
}

// land ends a flight. l is the list at ref, or empty where the parts became nobody's.
func (c *census) land(f *flight, ref Ref, l list) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, f)
	c.span(ref, l)
}

// span notes the list at ref with the parts that it has in other segments.
func (c *census) span(ref Ref, l list) {
	for n, octets := range l.octets() {
		if n == ref.Segment {
			continue
		}
		if c.spans == nil {
			c.spans = map[uint32]map[Ref]int64{}
		}
		if c.spans[n] == nil {
			c.spans[n] = map[Ref]int64{}
		}
		c.spans[n][ref] = octets
	}
}

// forget takes back what span noted.
func (c *census) forget(ref Ref, l list) {
	for n := range l.octets() {
		delete(c.spans[n], ref)
	}
}

func (c *census) count(n uint32) (count, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.counted[n]
	return k, ok
}

func (c *census) set(n uint32, k count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counted == nil {
		c.counted = map[uint32]count{}
	}
	c.counted[n] = k
}

// drop forgets a segment that is gone.
func (c *census) drop(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.counted, n)
	delete(c.spans, n)
}

// owners returns the lists elsewhere that have parts in segment n, and whether parts
// that none of them names, nor one in n itself, may be taken for nobody's.
func (c *census) owners(n uint32) (lists []Ref, certain bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ref := range maps.Keys(c.spans[n]) {
		lists = append(lists, ref)
	}
	for f := range c.flights {
		if f.since <= n {
			return lists, false
		}
	}
	for _, k := range c.counted {
		if k.wrecked {
			return lists, false
		}
	}
	return lists, true
}

// looseIn returns the octets of parts in segment n that no list names.
func (c *census) looseIn(n uint32) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	loose := c.counted[n].loose
	for _, octets := range c.spans[n] {
		loose -= octets
	}
	return max(loose, 0)
}

// A Usage says what a Store's files hold, as the last Compact found them, and what all
// of them since the Store was opened did.
type Usage struct {
	Segments int
	Octets   int64 // of the files
	Dead     int64 // of them that nobody needs: what a compaction gives back when it is half of a segment
	blob.Report
}

// Usage returns the store's.
func (s *Store) Usage() Usage {
	c := &s.census
	c.mu.Lock()
	defer c.mu.Unlock()
	u := Usage{Segments: len(c.counted), Report: c.total}
	for _, k := range c.counted {
		u.Octets += k.size
		u.Dead += k.dead
	}
	return u
}

// survey reads the headers of segment n into the census. Where meet is not nil it is
// shown all contents that are there. A file that can't be opened is taken for wrecked, for
// as long as it can't.
func (c *compaction) survey(ctx context.Context, n uint32, meet func(context.Context, []blob.Found) error) error {
	files := c.log.files
	seg, err := files.acquire(n)
	if err != nil {
		c.census.set(n, count{wrecked: true})
		return err
	}
	defer files.release(seg)
	k := count{size: files.published(seg), met: meet != nil}
	var page []blob.Found
	show := func(limit int) error {
		if meet == nil || len(page) < limit {
			return nil
		}
		defer func() { page = page[:0] }()
		return meet(ctx, page)
	}
	see := func(f Frame) error {
		found, ok, err := c.see(seg, f, &k)
		if err != nil || !ok {
			return err
		}
		page = append(page, found)
		return show(maxPage)
	}
	if err = c.each(ctx, seg, k.size, see); err == nil {
		err = show(1)
	}
	if err != nil {
		return fmt.Errorf("segment: survey of %s: %w", seg.name(), err)
	}
	c.census.set(n, k)
	return nil
}

// maxPage bounds what the register is shown, or asked to bury, at once: it holds up
// commits meanwhile.
const maxPage = 200

// see counts one frame. It returns the content, if it is one.
func (c *compaction) see(seg *segment, f Frame, k *count) (found blob.Found, ok bool, err error) {
	found = blob.Found{ID: blob.ID(f.Ref.String()), Size: int64(f.Length)}
	switch {
	case f.Damage != nil:
		k.wrecked = true
		return found, false, nil
	case f.Kind == kindPart:
		k.loose += f.size()
		return found, false, nil
	case f.Kind == kindContent:
		return found, true, nil
	case f.Kind != kindList:
		return found, false, nil
	}
	l, ok, err := seg.list(f.Ref)
	if err != nil || !ok {
		k.wrecked = true
		return found, false, err
	}
	k.loose -= l.octets()[seg.number]
	found.Size = l.size
	c.census.mu.Lock()
	defer c.census.mu.Unlock()
	c.census.span(f.Ref, l)
	return found, true, nil
}
