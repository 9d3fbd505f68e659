package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"gatepost/internal/blob"
)

// Open returns the content. A short one is read and verified here, of a long one a MiB at a time when
// it is asked for. Until it is closed it stays readable, whatever becomes of its object.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Content, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("s3: open %s: %w", id, err)
	}
	p, err := parseID(id)
	if err != nil {
		return nil, err
	}
	c := &content{store: s, place: p, whole: ctx}
	if !p.long() {
		b, err := s.part(ctx, p, 0, p.sum)
		if err != nil {
			return nil, err
		}
		c.last.Store(&part{octets: b})
		return c, nil
	}
	s.open.add(c)
	b, err := s.part(ctx, p, tablePart, p.sum)
	if err != nil {
		c.Close()
		return nil, err
	}
	c.sums = parseTable(b)
	return c, nil
}

// There makes sure that a content is in the bucket, whatever the cache has: blob.ErrNotFound where it is not.
func (s *Store) There(ctx context.Context, id blob.ID) error {
	p, err := parseID(id)
	if err != nil {
		return err
	}
	if _, err = s.fetch(ctx, p, 0, min(1, p.length)); errors.Is(err, errGone) {
		err = fmt.Errorf("s3: content %s: %w", id, blob.ErrNotFound)
	}
	return err
}

// part reads a part of a content, from the cache or from S3, and verifies it.
func (s *Store) part(ctx context.Context, p place, number int, sum uint32) ([]byte, error) {
	id := p.id()
	name := partName(id, number)
	if b, ok := s.cache.get(name); ok {
		if checksum(b) == sum {
			s.usage.hits.Add(1)
			return b, nil
		}
		s.cache.drop(name)
	}
	size, _ := sizeOf(name)
	off := int64(number) * chunkSize
	if number == tablePart {
		off = p.length
	}
	b, err := s.fetch(ctx, p, off, size)
	if errors.Is(err, errGone) {
		err = fmt.Errorf("s3: content %s: %w", id, blob.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	s.usage.misses.Add(1)
	if checksum(b) != sum {
		return nil, fmt.Errorf("s3: content %s in object %s%s%s of bucket %q: %w", id, s.cfg.Prefix, contentKeys, p.name, s.cfg.Bucket, blob.ErrDamaged)
	}
	s.cache.put(name, b)
	return b, nil
}

// fetch reads octets of a content from its object, or from the copy that a compaction left of it.
func (s *Store) fetch(ctx context.Context, p place, off, size int64) ([]byte, error) {
	n := max(1, size) // the octet of an empty content says that it is there
	if !s.kept.knows(p.name) {
		b, _, err := s.client.get(ctx, contentKeys+p.name, p.offset+off, n, "")
		if !errors.Is(err, errGone) {
			return cut(b, size), err
		}
	}
	for range 3 { // it may be copied over just now
		k, err := s.keptIndex(ctx, p.name)
		if err != nil {
			return nil, err
		}
		e, ok := k.entries[p.offset]
		if !ok || e.length != p.length || e.sum != p.sum {
			return nil, errGone
		}
		b, _, err := s.client.get(ctx, contentKeys+p.name+keptSuffix, e.position+off, n, k.etag)
		if !errors.Is(err, errGone) {
			return cut(b, size), err
		}
		s.kept.forget(p.name)
	}
	return nil, errGone
}

func cut(b []byte, size int64) []byte { return b[:min(int64(len(b)), size)] }

// content is an open content. The part that was read last stays in memory.
type content struct {
	store  *Store
	place  place
	sums   []uint32        // of a long one
	whole  context.Context // of who opened it: its values, and not its end
	closed sync.Once
	last   atomic.Pointer[part]
	pinned atomic.Pointer[[][]byte] // all parts, once the object is to go
}

type part struct {
	number int
	octets []byte
}

// Size implements blob.Content.
func (c *content) Size() int64 { return c.place.length }

// Close implements blob.Content.
func (c *content) Close() error {
	c.closed.Do(func() { c.store.open.remove(c) })
	return nil
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("s3: read at %d", off)
	}
	for n < len(b) {
		if off >= c.place.length {
			return n, io.EOF
		}
		octets, err := c.part(int(off / chunkSize))
		if err != nil {
			return n, err
		}
		m := copy(b[n:], octets[off%chunkSize:])
		n += m
		off += int64(m)
	}
	return n, nil
}

func (c *content) part(number int) ([]byte, error) {
	if p := c.last.Load(); p != nil && p.number == number {
		return p.octets, nil
	}
	if all := c.pinned.Load(); all != nil {
		return (*all)[number], nil
	}
	b, err := c.store.part(context.WithoutCancel(c.whole), c.place, number, c.sums[number]) // each request has its limit
	if err != nil {
		return nil, err
	}
	c.last.Store(&part{number, b})
	return b, nil
}

// pin has all of a content in memory, before its object goes.
func (c *content) pin(ctx context.Context) error {
	table, err := c.store.part(ctx, c.place, tablePart, c.place.sum)
	if err != nil {
		return err
	}
	all := make([][]byte, c.place.chunks())
	for i, sum := range parseTable(table) {
		if all[i], err = c.store.part(ctx, c.place, i, sum); err != nil {
			return err
		}
	}
	c.pinned.Store(&all)
	return nil
}

// openContents are the long contents that are open, by object.
type openContents struct {
	mu   sync.Mutex
	name map[string]map[*content]struct{}
}

func (o *openContents) add(c *content) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.name == nil {
		o.name = map[string]map[*content]struct{}{}
	}
	if o.name[c.place.name] == nil {
		o.name[c.place.name] = map[*content]struct{}{}
	}
	o.name[c.place.name][c] = struct{}{}
}

func (o *openContents) remove(c *content) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.name[c.place.name], c)
	if len(o.name[c.place.name]) == 0 {
		delete(o.name, c.place.name)
	}
}

// pin has all contents of an object that are open in memory.
func (o *openContents) pin(ctx context.Context, name string) error {
	o.mu.Lock()
	var list []*content
	for c := range o.name[name] {
		list = append(list, c)
	}
	o.mu.Unlock()
	for _, c := range list {
		if err := c.pin(ctx); err != nil {
			return err
		}
	}
	return nil
}
