package segment

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"gatepost/internal/blob"
)

// Open returns the content, of which one part at a time is read, verified, and
// kept in memory. Damage shows here or when the damaged part is read; no
// octet is handed out whose checksum is wrong. Until it is closed it stays readable,
// whatever becomes of the segments that its parts are in.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Content, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("segment: open %s: %w", id, err)
	}
	ref, err := ParseRef(string(id))
	if err != nil {
		return nil, err
	}
	b, kind, err := s.log.Read(ref)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindContent:
		c := &content{list: list{size: int64(len(b)), chunk: max(int64(len(b)), 1), parts: []Ref{ref}}}
		c.last.Store(&part{octets: b})
		return c, nil
	case kindList:
		l, ok := parseList(b)
		if !ok {
			return nil, fmt.Errorf("segment: %s: list of parts: %w", ref, blob.ErrDamaged)
		}
		return s.openParts(ref, l)
	}
	return nil, fmt.Errorf("segment: %s is a part of a content: %w", ref, blob.ErrNotFound)
}

// openParts holds on to the segments that have the parts. A list goes before its parts
// do: where it is still there once all are held, so are they.
func (s *Store) openParts(ref Ref, l list) (blob.Content, error) {
	c := &content{list: l, files: s.log.files, held: map[uint32]*segment{}}
	for _, p := range l.parts {
		if c.held[p.Segment] != nil {
			continue
		}
		seg, err := c.files.acquire(p.Segment)
		if err != nil && !errors.Is(err, blob.ErrNotFound) {
			c.Close()
			return nil, err
		}
		if err == nil {
			c.held[p.Segment] = seg
		}
	}
	if _, _, err := s.log.Read(ref); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// content is an open content. The part that was read last stays in memory, so
// that reading on in small steps reads each part once.
type content struct {
	list   list
	files  *files
	held   map[uint32]*segment // those that have the parts, in use until Close
	closed sync.Once
	last   atomic.Pointer[part]
}

type part struct {
	number int
	octets []byte
}

func (c *content) Size() int64 { return c.list.size }

func (c *content) Close() error {
	c.closed.Do(func() {
		for _, s := range c.held {
			c.files.release(s)
		}
	})
	return nil
}

func (c *content) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("segment: read at %d", off)
	}
	for n < len(b) {
		if off >= c.list.size {
			return n, io.EOF
		}
		p, err := c.part(int(off / c.list.chunk))
		if err != nil {
			return n, err
		}
		m := copy(b[n:], p.octets[off%c.list.chunk:])
		n += m
		off += int64(m)
	}
	return n, nil
}

func (c *content) part(number int) (*part, error) {
	if p := c.last.Load(); p != nil && p.number == number {
		return p, nil
	}
	ref := c.list.parts[number]
	seg := c.held[ref.Segment]
	if seg == nil {
		return nil, fmt.Errorf("segment: part %s is gone: %w", ref, blob.ErrDamaged)
	}
	b, kind, err := seg.read(ref)
	if errors.Is(err, blob.ErrNotFound) || err == nil && kind == kindList {
		return nil, fmt.Errorf("segment: part %s is gone: %w", ref, blob.ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	if want := min(c.list.chunk, c.list.size-int64(number)*c.list.chunk); int64(len(b)) != want {
		return nil, fmt.Errorf("segment: %s has %d octets instead of %d: %w", ref, len(b), want, blob.ErrDamaged)
	}
	p := &part{number, b}
	c.last.Store(p)
	return p, nil
}

// A list names the parts of a content, all of them chunk octets long but the last.
type list struct {
	size  int64
	chunk int64
	parts []Ref
}

// append writes the list: a version, size and chunk, then each part's segment
// and position, all of them uvarints.
func (l list) append(b []byte) []byte {
	b = binary.AppendUvarint(b, 1)
	b = binary.AppendUvarint(b, uint64(l.size))
	b = binary.AppendUvarint(b, uint64(l.chunk))
	for _, p := range l.parts {
		b = binary.AppendUvarint(b, uint64(p.Segment))
		b = binary.AppendUvarint(b, uint64(p.Position))
	}
	return b
}

// octets returns what the parts take of each segment, frames' headers included.
func (l list) octets() map[uint32]int64 {
	n := map[uint32]int64{}
	for i, p := range l.parts {
		n[p.Segment] += headerSize + min(l.chunk, l.size-int64(i)*l.chunk)
	}
	return n
}

func parseList(b []byte) (list, bool) {
	v, ok := uvarints(b)
	if !ok || len(v) < 3 || v[0] != 1 || v[1] > 1<<50 || v[2] == 0 || v[2] > MaxRecord {
		return list{}, false
	}
	l := list{size: int64(v[1]), chunk: int64(v[2])}
	for v = v[3:]; len(v) >= 2; v = v[2:] {
		l.parts = append(l.parts, Ref{uint32(v[0]), int64(v[1] & maxPosition)})
	}
	return l, len(v) == 0 && int64(len(l.parts)) == (l.size+l.chunk-1)/l.chunk
}
