package segment

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gatepost/internal/blob"
)

// indexStep is how many octets of a rewritten segment's file lie between two
// entries of its index, at least: what a read walks over, and what bounds an index in
// memory, to 64 KiB for 256 MiB whatever the number of records.
const indexStep = 64 << 10

// An index leads into a segment that was rewritten, where a frame's position, which
// is its name, is not its offset in the file. It is the record of the first frame
// there, and is in memory while the file is open.
type index struct {
	start   int64   // of the first frame
	end     int64   // of the file
	entries []entry // in order of both
}

type entry struct{ position, offset int64 }

// add notes a frame; offsets are counted from where the first frame stands.
func (x *index) add(position, offset int64) {
	if n := len(x.entries); n == 0 || offset-x.entries[n-1].offset >= indexStep {
		x.entries = append(x.entries, entry{position, offset})
	}
}

// append writes the index: a version, then each entry's distance from the one before,
// all of them uvarints.
func (x *index) append(b []byte) []byte {
	b = binary.AppendUvarint(b, 1)
	var last entry
	for _, e := range x.entries {
		b = binary.AppendUvarint(b, uint64(e.position-last.position))
		b = binary.AppendUvarint(b, uint64(e.offset-last.offset))
		last = e
	}
	return b
}

// parse reads what append wrote.
func (x *index) parse(b []byte) bool {
	v, ok := uvarints(b)
	if !ok || len(v)%2 == 0 || v[0] != 1 {
		return false
	}
	var last entry
	for v = v[1:]; len(v) > 0; v = v[2:] {
		if v[0] > maxPosition || v[1] > maxPosition {
			return false
		}
		last = entry{last.position + int64(v[0]), last.offset + int64(v[1])}
		if last.position > maxPosition || last.offset > x.end-x.start {
			return false
		}
		x.entries = append(x.entries, last)
	}
	return true
}

// uvarints reads b, which is nothing else.
func uvarints(b []byte) (v []uint64, ok bool) {
	for len(b) > 0 {
		x, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, false
		}
		v, b = append(v, x), b[n:]
	}
	return v, true
}

// loadIndex reads the index of a file of size octets. One that is damaged, or that
// can't be read, costs a walk over the headers, and no content.
func loadIndex(f File, number uint32, size int64) (*index, error) {
	x := &index{end: size}
	var b [headerSize]byte
	n, err := readAt(f, b[:], 0, size)
	if closed(err) {
		return nil, err
	}
	h, ok := parseHeader(b[:n], Ref{number, maxPosition})
	if !ok || h.kind != kindIndex {
		return x, x.rebuild(f, number)
	}
	x.start = min(headerSize+int64(h.length), size)
	record := make([]byte, x.start-headerSize)
	err = readRecord(f, h, 0, record)
	switch {
	case closed(err):
		return nil, err
	case err != nil || !x.parse(record):
		x.entries = nil
		return x, x.rebuild(f, number)
	}
	return x, nil
}

func (x *index) rebuild(f File, number uint32) error {
	s := &scanner{file: f, segment: number, end: x.end, moved: true}
	for off := x.start; off < x.end; {
		r, err := s.read(off)
		if err != nil {
			return err
		}
		if r.Damage == nil {
			x.add(r.Ref.Position, r.at-x.start)
		}
		off = r.next
	}
	return nil
}

// locate returns where the frame of that name stands in the file of a segment that is
// in use.
func (s *segment) locate(ref Ref) (int64, error) {
	if !s.kept {
		return ref.Position, nil
	}
	i, found := slices.BinarySearchFunc(s.index.entries, ref.Position, func(e entry, p int64) int { return int(e.position - p) })
	c, off := s.scanner(s.index.end, false)
	if !found {
		i--
	}
	if i >= 0 {
		off += s.index.entries[i].offset
	}
	var lost error // of a header before ref, or its own
	for off < c.end {
		r, err := c.read(off)
		if err != nil {
			return 0, fmt.Errorf("segment: %s: %w", ref, err)
		}
		header := r.Damage == nil || r.Length > 0
		switch {
		case header && r.Ref == ref:
			return off, nil
		case !header:
			lost = r.Damage
		case r.Ref.Position > ref.Position:
			off = c.end
			continue
		}
		off = r.next
	}
	if lost != nil {
		return 0, fmt.Errorf("segment: %s: it or a neighbour lost its header: %w", ref, lost)
	}
	return 0, fmt.Errorf("segment: %s: %w", ref, blob.ErrNotFound)
}
