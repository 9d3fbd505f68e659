package segment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"gatepost/internal/blob"
)

// A plan is what becomes of one segment. It has some 100 octets of memory for each frame
// of that segment, for as long as it takes: 5 MB where 256 MiB are messages of 5 KB, and 50 MB
// where they are as short as can be and 500,000 of them ended the segment.
type plan struct {
	seg     *segment // in use
	size    int64
	dead    []blob.Found
	keep    []Frame      // in order
	octets  int64        // that they take
	loose   int64        // of them, parts that no list in the same segment names
	gone    map[Ref]list // lists that are not kept
	wrecked bool         // there is damage, and nothing may be done
}

// plan reads the headers of segment n and says what is kept when dead are gone. The
// caller releases the segment.
func (c *compaction) plan(ctx context.Context, n uint32, dead []blob.Found) (*plan, error) {
	files := c.log.files
	seg, err := files.acquire(n)
	if err != nil {
		return nil, err
	}
	p := &plan{seg: seg, size: files.published(seg), dead: dead, gone: map[Ref]list{}}
	var all []Frame
	parts := map[Ref]bool{} // those that a list of this segment names; true: one that is kept
	err = c.each(ctx, seg, p.size, func(f Frame) error {
		id := blob.ID(f.Ref.String())
		for len(dead) > 0 && dead[0].ID < id { // both lists are in order
			dead = dead[1:]
		}
		gone := len(dead) > 0 && dead[0].ID == id
		if f.Damage != nil {
			p.wrecked = true
			return nil
		}
		if !gone || f.Kind == kindPart {
			all = append(all, f)
		}
		if f.Kind != kindList {
			return nil
		}
		l, ok, err := seg.list(f.Ref)
		if err != nil || !ok {
			p.wrecked = true
			return err
		}
		for _, part := range l.parts {
			parts[part] = parts[part] || !gone
		}
		if gone {
			p.gone[f.Ref] = l
		}
		return nil
	})
	if err == nil {
		err = p.sift(c, all, parts)
	}
	if err != nil {
		files.release(seg)
		return nil, err
	}
	return p, nil
}

// sift keeps all frames but the parts that are nobody's.
func (p *plan) sift(c *compaction, all []Frame, own map[Ref]bool) error {
	lists, certain := c.census.owners(p.seg.number)
	elsewhere := map[Ref]bool{}
	for _, ref := range lists {
		b, kind, err := c.log.Read(ref)
		if closed(err) {
			return err
		}
		l, ok := parseList(b)
		// It is damaged, or it went, and that is not known to be durable.
		if err != nil || !ok || kind != kindList {
			certain = false
			continue
		}
		for _, part := range l.parts {
			elsewhere[part] = true
		}
	}
	p.keep = all[:0]
	for _, f := range all {
		kept, named := own[f.Ref]
		if f.Kind == kindPart && !kept && !elsewhere[f.Ref] && (named || certain) {
			continue
		}
		if f.Kind == kindPart && !kept {
			p.loose += f.size()
		}
		p.keep = append(p.keep, f)
		p.octets += f.size()
	}
	return nil
}

// list reads the list at ref; ok tells whether it is whole.
func (s *segment) list(ref Ref) (l list, ok bool, err error) {
	b, kind, err := s.read(ref)
	if closed(err) {
		return list{}, false, err
	}
	if err != nil {
		return list{}, false, nil
	}
	l, ok = parseList(b)
	return l, ok && kind == kindList, nil
}

// each hands f the frames of a segment that is in use, read at the compaction's pace: a
// header costs the disk a block. Where mail is refused there is none to be disturbed, and all
// headers must have been read before anything is given back.
func (c *compaction) each(ctx context.Context, seg *segment, end int64, f func(Frame) error) (err error) {
	p := &c.pace
	if c.Full() != nil {
		p = &pace{}
	}
	seg.walk(ctx, end, false, func(frame Frame, cause error) bool {
		if err = cause; err == nil {
			err = f(frame)
		}
		if err == nil {
			err = p.spend(ctx, min(frame.size(), block))
		}
		return err == nil
	})
	return err
}

// syncEvery is how many octets of a rewritten segment are synced at once: a sync of more
// would hold up the one that mail waits for.
const syncEvery = 4 << 20

// rewrite writes what is kept of a segment, each frame as it is, into a new and durable
// file that does not have its name yet.
func (c *compaction) rewrite(ctx context.Context, p *plan) (*segment, error) {
	next := &segment{number: p.seg.number, label: p.seg.label, kept: true, index: &index{}}
	var at int64
	for _, f := range p.keep {
		next.index.add(f.Ref.Position, at)
		at += f.size()
	}
	record := next.index.append(nil)
	next.index.start = headerSize + int64(len(record))
	next.end = next.index.start + at
	next.index.end = next.end
	files := c.log.files
	if err := c.room(next.end); err != nil {
		return nil, err
	}
	file, err := files.fs.Create(next.name() + unfinished)
	if err != nil {
		return nil, full(err)
	}
	next.file = file
	if err := c.copy(ctx, p, next, record); err != nil {
		file.Close()
		c.note(files.discard(next))
		return nil, full(err)
	}
	return next, nil
}

// room refuses what would take of the space that is kept free: mail would be refused for
// it. Where it is refused already the space is there for this, but for an eighth, without
// which nothing could be deleted.
func (c *compaction) room(n int64) error {
	least := c.log.opt.MinFree
	if c.Full() != nil {
		least /= 8
	}
	free, err := c.log.files.fs.Free()
	if err == nil && free-n < least {
		err = fmt.Errorf("no room for %d octets: %w", n, blob.ErrFull)
	}
	return err
}

// whole reads a frame into b, or what replaces it where it is too short. The frame is what
// was put: the original goes, and a copy of something else, or of what the memory made of
// it, would be all that is left. It is read again where it is not; blob.ErrDamaged is
// the cause when it still isn't.
func (s *segment) whole(f Frame, b []byte) ([]byte, error) {
	b = slices.Grow(b[:0], int(f.size()))[:f.size()]
	var err error
	for range 2 {
		var n int
		n, err = readAt(s.file, b, f.at, maxPosition)
		h, ok := parseHeader(b[:n], f.Ref)
		switch {
		case closed(err):
			return b, err
		case err != nil:
			err = fmt.Errorf("%s: %w: %w", f.Ref, blob.ErrDamaged, err)
		case !ok || n < len(b) || h.length != f.Length || checksum(b[headerSize:]) != h.crc:
			err = fmt.Errorf("%s: not copied: %w", f.Ref, blob.ErrDamaged)
		default:
			return b, nil
		}
	}
	return b, err
}

func (c *compaction) copy(ctx context.Context, p *plan, next *segment, record []byte) error {
	w := bufio.NewWriterSize(io.NewOffsetWriter(next.file, 0), bufferSize)
	h := header{kind: kindIndex, ref: Ref{next.number, maxPosition}, length: len(record), crc: checksum(record)}
	w.Write(h.append(nil)) // bufio keeps the first error for Flush
	w.Write(record)
	unsynced := int64(0)
	var frame []byte
	for _, f := range p.keep {
		var err error
		if frame, err = p.seg.whole(f, frame); err != nil {
			return err
		}
		w.Write(frame)
		if err := c.pace.spend(ctx, f.size()); err != nil {
			return err
		}
		if unsynced += f.size(); unsynced < syncEvery {
			continue
		}
		unsynced = 0
		if err := errors.Join(w.Flush(), next.file.Sync()); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), next.file.Sync())
}
