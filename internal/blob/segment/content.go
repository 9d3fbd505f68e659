package segment

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"gatepost/internal/blob"
)

// Open returns the content, of which one part at a time is read, verified, and
// kept in memory. Damage shows here or when the damaged part is read; no
// octet is handed out whose checksum is wrong.
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
		c := &content{log: s.log, list: list{size: int64(len(b)), chunk: max(int64(len(b)), 1), parts: []Ref{ref}}}
		c.last.Store(&part{octets: b})
		return c, nil
	case kindList:
		l, ok := parseList(b)
		if !ok {
			return nil, fmt.Errorf("segment: %s: list of parts: %w", ref, blob.ErrDamaged)
		}
		return &content{log: s.log, list: l}, nil
	}
	return nil, fmt.Errorf("segment: %s is a part of a content: %w", ref, blob.ErrNotFound)
}

// content is an open content. The part that was read last stays in memory, so
// that reading on in small steps reads each part once.
type content struct {
	log  *Log
	list list
	last atomic.Pointer[part]
}

type part struct {
	number int
	octets []byte
}

func (c *content) Size() int64  { return c.list.size }
func (c *content) Close() error { return nil }

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
	b, kind, err := c.log.Read(ref)
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

func parseList(b []byte) (list, bool) {
	var v []uint64
	for len(b) > 0 {
		x, n := binary.Uvarint(b)
		if n <= 0 {
			return list{}, false
		}
		v, b = append(v, x), b[n:]
	}
	if len(v) < 3 || v[0] != 1 || v[1] > 1<<50 || v[2] == 0 || v[2] > MaxRecord {
		return list{}, false
	}
	l := list{size: int64(v[1]), chunk: int64(v[2])}
	for v = v[3:]; len(v) >= 2; v = v[2:] {
		l.parts = append(l.parts, Ref{uint32(v[0]), int64(v[1] & maxPosition)})
	}
	return l, len(v) == 0 && int64(len(l.parts)) == (l.size+l.chunk-1)/l.chunk
}
