package segment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"gatepost/internal/blob"
)

// ErrHeld: the segments are being copied, and none may be rewritten.
var ErrHeld = errors.New("segment: the files are being copied")

// maxChanged bounds the changed records of one segment that are in memory.
const maxChanged = 32 << 20

// Rewrite puts what change makes of each named record in its place, under its old name, so that
// nothing of what was there before is left in the files. nil leaves the record as it is. A segment is copied without
// what goes, and the copy takes its place at once, as in a compaction: a crash leaves the one or the other. Names of
// records that are gone are passed over. It fails with ErrHeld while somebody holds the
// segments, and leaves a segment with damage in it alone: nobody can tell what stood there.
func (d *Days) Rewrite(ctx context.Context, names []string, change func(name string, record []byte) ([]byte, error)) error {
	segments := map[uint32]map[Ref]bool{}
	for _, name := range names {
		ref, err := ParseRef(name)
		if err != nil {
			return err
		}
		if segments[ref.Segment] == nil {
			segments[ref.Segment] = map[Ref]bool{}
		}
		segments[ref.Segment][ref] = true
	}
	d.rewriting.Lock()
	defer d.rewriting.Unlock()
	if d.holds.Load() > 0 {
		return ErrHeld
	}
	if segments[d.log.last.Load()] != nil {
		if err := d.log.Turn(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for number, refs := range segments {
		for more := true; more; {
			var err error
			if more, err = d.log.rewrite(ctx, number, refs, change); err != nil {
				if ctx.Err() != nil || closed(err) {
					return fmt.Errorf("segment: rewrite: %w", err)
				}
				errs = append(errs, err)
				break
			}
		}
	}
	return errors.Join(errs...)
}

// rewrite does one segment, and reports whether some of it did not fit into memory. What was changed is
// taken out of refs.
func (l *Log) rewrite(ctx context.Context, number uint32, refs map[Ref]bool, change func(string, []byte) ([]byte, error)) (more bool, err error) {
	seg, err := l.files.acquire(number)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer l.files.release(seg)
	all, changed, more, err := l.changes(ctx, seg, refs, change)
	if err != nil || len(changed) == 0 {
		return false, err
	}
	next, err := l.rewritten(ctx, seg, all, changed)
	if err != nil {
		return false, fmt.Errorf("%s: %w", seg.name(), err)
	}
	if err := l.files.replace(seg, next); err != nil {
		next.file.Close()
		return false, errors.Join(err, l.files.discard(next))
	}
	return more, l.files.settle(seg)
}

// changes reads the headers of a segment, and what becomes of its named records.
func (l *Log) changes(ctx context.Context, seg *segment, refs map[Ref]bool, change func(string, []byte) ([]byte, error)) (all []Frame, changed map[Ref][]byte, more bool, err error) {
	changed = map[Ref][]byte{}
	octets := 0
	seg.walk(ctx, l.files.published(seg), false, func(f Frame, cause error) bool {
		if err = cause; err == nil && f.Damage != nil {
			err = fmt.Errorf("%s: not rewritten, it goes with its day: %w", seg.name(), f.Damage)
		}
		if err != nil {
			return false
		}
		all = append(all, f)
		if !refs[f.Ref] {
			return true
		}
		if octets > maxChanged {
			more = true
			return true
		}
		delete(refs, f.Ref)
		var record, to []byte
		if record, _, err = seg.read(f.Ref); err == nil {
			to, err = change(f.Ref.String(), record)
		}
		if err == nil && len(to) > MaxRecord {
			err = fmt.Errorf("segment: %s: %d octets", f.Ref, len(to))
		}
		if err == nil && to != nil {
			changed[f.Ref] = to
			octets += len(to)
		}
		return err == nil
	})
	return all, changed, more, err
}

// rewritten writes the frames of a segment, some of them changed, into a new and durable file that does not
// have its name yet.
func (l *Log) rewritten(ctx context.Context, seg *segment, all []Frame, changed map[Ref][]byte) (*segment, error) {
	next := &segment{number: seg.number, label: seg.label, kept: true, index: &index{}}
	var at int64
	for _, f := range all {
		next.index.add(f.Ref.Position, at)
		if to, ok := changed[f.Ref]; ok {
			f.Length = len(to)
		}
		at += f.size()
	}
	record := next.index.append(nil)
	next.index.start = headerSize + int64(len(record))
	next.end = next.index.start + at
	next.index.end = next.end
	if free, err := l.files.fs.Free(); err == nil && free-next.end < l.opt.MinFree/8 {
		return nil, fmt.Errorf("no room for %d octets: %w", next.end, blob.ErrFull)
	}
	file, err := l.files.fs.Create(next.name() + unfinished)
	if err != nil {
		return nil, full(err)
	}
	next.file = file
	if err := copyChanged(ctx, seg, next, record, all, changed); err != nil {
		file.Close()
		return nil, errors.Join(full(err), l.files.discard(next))
	}
	return next, nil
}

func copyChanged(ctx context.Context, seg, next *segment, record []byte, all []Frame, changed map[Ref][]byte) error {
	w := bufio.NewWriterSize(io.NewOffsetWriter(next.file, 0), bufferSize)
	h := header{kind: kindIndex, ref: Ref{next.number, maxPosition}, length: len(record), crc: checksum(record)}
	w.Write(h.append(nil)) // bufio keeps the first error for Flush
	w.Write(record)
	unsynced := int64(0)
	var frame []byte
	for _, f := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if to, ok := changed[f.Ref]; ok {
			h := header{kind: f.Kind, ref: f.Ref, length: len(to), synced: f.Ref.Position, crc: checksum(to)}
			frame = append(h.append(frame[:0]), to...)
		} else {
			var err error
			if frame, err = seg.whole(f, frame); err != nil {
				return err
			}
		}
		w.Write(frame)
		if unsynced += int64(len(frame)); unsynced < syncEvery {
			continue
		}
		unsynced = 0
		if err := errors.Join(w.Flush(), next.file.Sync()); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), next.file.Sync())
}
