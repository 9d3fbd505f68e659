package segment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gatepost/internal/blob"
)

// A SegmentFunc is handed one file of a log: its name, how much of it is durable, and
// that much to read, which stays readable until it returns.
type SegmentFunc func(name string, size int64, r io.ReaderAt) error

// Segments hands the files to f, the oldest first. What was durable when it was called is in
// them, but for what compactions bury meanwhile: that was nobody's for a day. So who
// read rows before has in them what those name, if all is done within a day.
func (s *Store) Segments(ctx context.Context, f SegmentFunc) error { return s.log.segments(ctx, f) }

// Segments is Store.Segments for days; see Hold.
func (d *Days) Segments(ctx context.Context, f SegmentFunc) error { return d.log.segments(ctx, f) }

// Hold has Expire remove nothing until release is called.
func (d *Days) Hold() (release func()) {
	d.holds.Add(1)
	return func() { d.holds.Add(-1) }
}

func (l *Log) segments(ctx context.Context, f SegmentFunc) error {
	for _, n := range l.files.numbers() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("segment: %w", err)
		}
		if err := l.segment(n, f); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) segment(n uint32, f SegmentFunc) error {
	seg, err := l.files.acquire(n)
	if errors.Is(err, blob.ErrNotFound) { // dead as a whole, and removed since
		return nil
	}
	if err != nil {
		return err
	}
	defer l.files.release(seg)
	return f(seg.name(), l.files.published(seg), seg.file)
}
