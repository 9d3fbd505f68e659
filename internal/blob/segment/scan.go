package segment

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"gatepost/internal/blob"
)

// A Frame is what a walk over a log finds: one record, or the place of one that
// is damaged.
type Frame struct {
	Ref    Ref
	Kind   byte
	Length int   // of the record, in octets; 0 where the header is damaged
	Damage error // nil when it is whole; blob.ErrDamaged is its cause

	at int64 // where it stands in the file
}

// size is what a whole frame takes of the file, in octets.
func (f Frame) size() int64 { return headerSize + int64(f.Length) }

// A scanner walks the frames of one segment up to end.
type scanner struct {
	file    File
	segment uint32
	end     int64
	moved   bool  // the segment was rewritten: frames are not where they were first written
	verify  bool  // read the records too
	above   int64 // in a segment that was rewritten: the place behind the last frame,
	floor   int64 // and below which none may follow: a record may have got longer (Days.Rewrite)
	buf     []byte
}

// scanner returns one for s up to end, and where its walk starts.
func (s *segment) scanner(end int64, verify bool) (*scanner, int64) {
	c := &scanner{file: s.file, segment: s.number, end: end, moved: s.kept, verify: verify}
	if s.kept {
		return c, s.index.start
	}
	return c, 0
}

// A region is one step of a scanner: a frame, or what stands in a frame's place.
type region struct {
	Frame
	synced     int64 // of the frame's header
	next       int64 // where the walk goes on
	unreadable bool  // some of it: the damage is the disk's
}

// read reads what starts at off. Damage is in the region, and what can't be read is
// damage; with an error nothing can be read any more.
func (s *scanner) read(off int64) (region, error) {
	var b [headerSize]byte
	n, err := readAt(s.file, b[:], off, s.end)
	if err != nil {
		return s.lost(off, nextBlock(off+int64(n)), err)
	}
	h, ok := s.header(b[:n], off)
	if !ok {
		return s.lost(off, off+1, nil)
	}
	s.above, s.floor = h.next(), h.ref.Position+headerSize
	r := region{Frame: Frame{Ref: h.ref, Kind: h.kind, Length: h.length, at: off}, synced: h.synced}
	if r.next = off + r.size(); r.next > s.end {
		r = damaged(r.Frame, s.end, "cut short")
		r.synced = h.synced
		return r, nil
	}
	if s.verify {
		if err := s.check(h, off); errors.Is(err, blob.ErrDamaged) {
			r.Damage = err
		} else if err != nil {
			if closed(err) {
				return region{}, err
			}
			r = unreadable(r, err)
		}
	}
	return r, nil
}

// lost is the region of a header that is damaged, or not read because of cause. The next
// one is looked for from pos on.
func (s *scanner) lost(off, pos int64, cause error) (region, error) {
	if closed(cause) {
		return region{}, cause
	}
	ref := Ref{s.segment, off}
	if s.moved { // no more is known of the place that it had
		ref.Position = s.above
	}
	next, bad, err := s.resync(pos)
	r := damaged(Frame{Ref: ref, at: off}, next, "header")
	if cause = cmp.Or(cause, bad); cause != nil {
		r = unreadable(r, cause)
	}
	return r, err
}

// unreadable is r, of which cause keeps some from being read.
func unreadable(r region, cause error) region {
	r.Damage = fmt.Errorf("segment: %s: %w: %w", r.Ref, blob.ErrDamaged, cause)
	r.unreadable = true
	return r
}

// closed tells a file that nobody can read any more from one of which some can't be read.
func closed(err error) bool { return errors.Is(err, fs.ErrClosed) || errors.Is(err, errClosed) }

// header reads the header that stands at off.
func (s *scanner) header(b []byte, off int64) (header, bool) {
	if !s.moved {
		return parseHeader(b, Ref{s.segment, off})
	}
	h, ok := parseMoved(b)
	return h, ok && h.ref.Segment == s.segment && h.ref.Position >= s.floor && h.kind != kindIndex
}

func damaged(f Frame, next int64, what string) region {
	f.Damage = fmt.Errorf("segment: %s: %s: %w", f.Ref, what, blob.ErrDamaged)
	return region{Frame: f, next: next}
}

func (s *scanner) check(h header, off int64) error {
	if cap(s.buf) < h.length {
		s.buf = make([]byte, h.length)
	}
	return readRecord(s.file, h, off, s.buf[:h.length])
}

// block is what a disk reads at once, and what of it is lost at once.
const block = 4 << 10

func nextBlock(pos int64) int64 { return pos - pos%block + block }

// resync returns the next place at or after pos where a header of this segment
// stands, or the end. It steps over what can't be read, bad, a block at a time; by longer
// steps where it is much, since a disk may try for seconds before it gives one up.
func (s *scanner) resync(pos int64) (next int64, bad, err error) {
	buf := make([]byte, 64<<10)
	for failed := 0; pos+headerSize <= s.end; {
		n, err := readAt(s.file, buf, pos, s.end)
		if closed(err) {
			return 0, bad, err
		}
		if at, ok := s.findHeader(buf[:n], pos); ok {
			return pos + int64(at), bad, nil
		}
		switch {
		case err != nil:
			if n >= block {
				failed = 0
			}
			bad, failed = err, failed+1
			pos = nextBlock(pos + int64(n))
			if failed > len(buf)/block {
				pos += int64(len(buf))
			}
		case n < headerSize:
			return s.end, bad, nil
		default:
			failed = 0
			pos += int64(n - headerSize + 1) // a header may lie across the edge
		}
	}
	return s.end, bad, nil
}

// findHeader looks for a header in b, whose first octet is at pos.
func (s *scanner) findHeader(b []byte, pos int64) (int, bool) {
	for off := 0; ; off++ {
		i := bytes.Index(b[off:], []byte(magic))
		if i < 0 {
			return 0, false
		}
		off += i
		if _, ok := s.header(b[off:], pos+int64(off)); ok {
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

// readRecord reads the record of h, which stands at off, into b and verifies it.
func readRecord(f File, h header, off int64, b []byte) error {
	n, err := f.ReadAt(b, off+headerSize)
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
	Cut     int64   // octets of a torn tail that were cut off, without the zeros behind it
	Damaged []Frame // frames that were durable once and are damaged now
	Ended   bool    // the disk can't read some of it: nothing is cut, and a new one is begun
}

// An ending is where the next frame of a segment goes.
type ending struct {
	at     int64
	frames int     // below, or some more
	sealed bool    // nothing was appended since Close
	bad    []Frame // damaged, below
	broken bool    // the disk can't read some of it
}

// findEnd walks a segment of size octets. Where the disk can't read all of it nothing is
// below the end: a crash does not leave such a thing, so what stood there may have been
// acknowledged, and so may what stands behind it.
func findEnd(f File, segment uint32, size int64) (e ending, err error) {
	s := scanner{file: f, segment: segment, end: size, verify: true}
	var synced int64
	var wrecks []region
	for pos := int64(0); pos < size; {
		r, err := s.read(pos)
		if err != nil {
			return e, err
		}
		if r.Damage != nil {
			wrecks = append(wrecks, r)
			e.broken = e.broken || r.unreadable
		}
		e.frames++
		e.sealed = r.Damage == nil && r.Kind == kindSeal
		synced = max(synced, r.synced)
		pos = r.next
	}
	for _, r := range wrecks {
		if r.Ref.Position < synced || e.broken {
			e.bad = append(e.bad, r.Frame)
		}
		if r.next > synced && !e.broken { // it, or its last part, was never durable
			e.at, e.sealed = max(r.Ref.Position, synced), false
			return e, nil
		}
	}
	e.at = size
	return e, nil
}

// lastWritten returns where the zeros begin that are the rest of a file of size octets, from
// on at the earliest: nothing was written there but what Log.fill did.
func lastWritten(f File, from, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for size > from {
		part := buf[:min(int64(len(buf)), size-from)]
		if n, err := readAt(f, part, size-int64(len(part)), size); err != nil {
			return 0, err
		} else if rest := bytes.TrimRight(part[:n], "\x00"); len(rest) > 0 || n < len(part) {
			return size - int64(len(part)-len(rest)), nil
		}
		size -= int64(len(part))
	}
	return from, nil
}
