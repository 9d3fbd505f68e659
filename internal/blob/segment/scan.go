package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gatepost/internal/blob"
)

// A Frame is what a walk over a log finds: one record, or the place of one that
// is damaged.
type Frame struct {
	Ref    Ref
	Kind   byte
	Length int   // of the record, in octets; 0 where the header is damaged
	Damage error // nil when it is whole; blob.ErrDamaged is its cause
}

// A scanner walks the frames of one segment up to end.
type scanner struct {
	file    File
	segment uint32
	end     int64
	verify  bool // read the records too
	buf     []byte
}

// A region is one step of a scanner: a frame, or what stands in a frame's place.
type region struct {
	Frame
	synced int64 // of the frame's header
	next   int64 // where the walk goes on
}

// at reads what starts at pos. Damage is in the region, an error is the disk's.
func (s *scanner) at(pos int64) (region, error) {
	ref := Ref{s.segment, pos}
	var b [headerSize]byte
	n, err := readAt(s.file, b[:], pos, s.end)
	if err != nil {
		return region{}, err
	}
	h, ok := parseHeader(b[:n], ref)
	if !ok {
		next, err := s.resync(pos + 1)
		return damaged(Frame{Ref: ref}, next, "header"), err
	}
	r := region{Frame: Frame{Ref: ref, Kind: h.kind, Length: h.length}, synced: h.synced, next: h.next()}
	if r.next > s.end {
		r = damaged(r.Frame, s.end, "cut short")
		r.synced = h.synced
		return r, nil
	}
	if s.verify {
		if err := s.check(h); errors.Is(err, blob.ErrDamaged) {
			r.Damage = err
		} else if err != nil {
			return region{}, err
		}
	}
	return r, nil
}

func damaged(f Frame, next int64, what string) region {
	f.Damage = fmt.Errorf("segment: %s: %s: %w", f.Ref, what, blob.ErrDamaged)
	return region{Frame: f, next: next}
}

func (s *scanner) check(h header) error {
	if cap(s.buf) < h.length {
		s.buf = make([]byte, h.length)
	}
	return readRecord(s.file, h, s.buf[:h.length])
}

// resync returns the next place at or after pos where a header of this segment
// stands, or the end.
func (s *scanner) resync(pos int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for pos+headerSize <= s.end {
		n, err := readAt(s.file, buf, pos, s.end)
		if err != nil {
			return 0, err
		}
		at, ok := findHeader(buf[:n], Ref{s.segment, pos})
		if ok {
			return pos + int64(at), nil
		}
		if n < headerSize {
			break
		}
		pos += int64(n - headerSize + 1) // a header may lie across the edge
	}
	return s.end, nil
}

// findHeader looks for a header in b, whose first octet is at ref.
func findHeader(b []byte, ref Ref) (int, bool) {
	for off := 0; ; off++ {
		i := bytes.Index(b[off:], []byte(magic))
		if i < 0 {
			return 0, false
		}
		off += i
		if _, ok := parseHeader(b[off:], Ref{ref.Segment, ref.Position + int64(off)}); ok {
			return off, true
		}
	}
}

// readAt fills b from pos on, up to end; what lacks is not an error.
func readAt(f File, b []byte, pos, end int64) (int, error) {
	b = b[:min(int64(len(b)), max(end-pos, 0))]
	n, err := f.ReadAt(b, pos)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// readRecord reads h's record into b and verifies it.
func readRecord(f File, h header, b []byte) error {
	n, err := f.ReadAt(b, h.ref.Position+headerSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n < len(b) || checksum(b) != h.crc {
		return fmt.Errorf("segment: %s: checksum: %w", h.ref, blob.ErrDamaged)
	}
	return nil
}

// A Recovery says what OpenLog found in the last segment.
type Recovery struct {
	Segment string  // its file name, "" in a new log
	Cut     int64   // octets of a torn tail that were cut off
	Damaged []Frame // frames that were durable once and are damaged now
}

// An ending is where the next frame of a segment goes.
type ending struct {
	at     int64
	sealed bool    // nothing was appended since Close
	bad    []Frame // damaged, below
}

// findEnd walks a segment of size octets.
func findEnd(f File, segment uint32, size int64) (e ending, err error) {
	s := scanner{file: f, segment: segment, end: size, verify: true}
	var synced int64
	var wrecks []region
	for pos := int64(0); pos < size; {
		r, err := s.at(pos)
		if err != nil {
			return e, err
		}
		if r.Damage != nil {
			wrecks = append(wrecks, r)
		}
		e.sealed = r.Damage == nil && r.Kind == kindSeal
		synced = max(synced, r.synced)
		pos = r.next
	}
	for _, r := range wrecks {
		if r.Ref.Position < synced {
			e.bad = append(e.bad, r.Frame)
		}
		if r.next > synced { // it, or its last part, was never durable
			e.at, e.sealed = max(r.Ref.Position, synced), false
			return e, nil
		}
	}
	e.at = size
	return e, nil
}
