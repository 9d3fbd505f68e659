package segment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"gatepost/internal/blob"
)

// Options of a Log. The zero Options are good for content.
type Options struct {
	// MaxSegment is the size at which a segment is full; 256 MiB where it is 0.
	// The last group goes in whole. With 500,000 records one is full, too.
	MaxSegment int64
	// MinFree is how many octets are left free on the disk.
	MinFree int64
	// Label, where it is set, says what stands before the number in the names of
	// new segments; when its answer changes a new segment is begun. It may be
	// called from another goroutine and must not contain "/".
	Label func() string

	maxFrames int // at which a segment is full, too; 500,000 where it is 0
}

func (o Options) withDefaults() Options {
	if o.MaxSegment == 0 {
		o.MaxSegment = 256 << 20
	}
	if o.maxFrames == 0 { // bounds a plan's memory
		o.maxFrames = 500_000
	}
	if o.Label == nil {
		o.Label = func() string { return "" }
	}
	return o
}

// A Log is an append-only log of records in one directory. It is safe for use by
// many goroutines; one Log at a time may have the directory.
type Log struct {
	opt     Options
	files   *files
	last    atomic.Uint32 // the tail's number; 0 in a new log
	tail    *segment      // where the next group goes; the writer's, like what follows up to buffer
	size    int64         // of the tail
	frames  int           // in the tail
	synced  int64         // how much of the tail is durable
	filled  int64         // to where the tail has zeros; no further than size where it has none
	zeros   []byte        // maxAhead at most
	sealed  bool          // its last frame is a seal
	buffer  *bufio.Writer
	broken  atomic.Pointer[error]
	jobs    chan *job
	turns   chan chan error // see Turn
	quit    chan struct{}   // closed by Close
	stopped chan struct{}   // closed by the writer as its last act
}

// OpenLog opens the log in fsys, recovers its last segment (see Recovery) and
// makes what it found there durable. The caller closes it.
func OpenLog(fsys FS, opt Options) (*Log, Recovery, error) {
	l := &Log{
		opt: opt.withDefaults(), jobs: make(chan *job, maxGroup), turns: make(chan chan error), buffer: bufio.NewWriterSize(nil, bufferSize),
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	rec, err := l.recover(fsys)
	if err != nil {
		l.closeFiles()
		return nil, rec, fmt.Errorf("segment: open: %w", err)
	}
	go l.writeLoop()
	return l, rec, nil
}

func (l *Log) recover(fsys FS) (Recovery, error) {
	var err error
	if l.files, err = listFiles(fsys); err != nil {
		return Recovery{}, err
	}
	numbers := l.files.numbers()
	if len(numbers) == 0 {
		return Recovery{}, nil
	}
	// A name that a crash left undurable must not vanish under what follows.
	if err := fsys.SyncDir(); err != nil {
		return Recovery{}, err
	}
	l.last.Store(numbers[len(numbers)-1])
	tail, err := l.files.acquire(l.last.Load())
	if err != nil {
		return Recovery{}, err
	}
	if tail.kept { // the tail was lost; nothing is ever appended to what was rewritten
		l.files.release(tail)
		return Recovery{}, nil
	}
	l.tail = tail
	rec := Recovery{Segment: l.tail.name()}
	if err := l.recoverTail(&rec); err != nil {
		return rec, fmt.Errorf("%s: %w", rec.Segment, err)
	}
	return rec, nil
}

func (l *Log) recoverTail(rec *Recovery) error {
	size, err := l.tail.file.Size()
	if err != nil {
		return err
	}
	end, err := findEnd(l.tail.file, l.tail.number, size)
	if err != nil {
		return err
	}
	torn, err := lastWritten(l.tail.file, end.at, size)
	if err != nil {
		return err
	}
	rec.Cut, rec.Damaged, rec.Ended = torn-end.at, end.bad, end.broken
	if size > end.at {
		if err := l.tail.file.Truncate(end.at); err != nil {
			return err
		}
	}
	// Whole frames may still be in memory only: a killed process synced nothing.
	if err := l.tail.file.Sync(); err != nil {
		return err
	}
	l.size, l.frames, l.synced, l.sealed = end.at, end.frames, end.at, end.sealed
	l.files.publish(l.tail, end.at)
	if end.broken { // a new one is begun
		l.files.release(l.tail)
		l.tail, l.size, l.filled = nil, 0, 0
	}
	return nil
}

// Close finishes the group under way, refuses what still waits, seals the log,
// and closes the files.
func (l *Log) Close() error {
	close(l.quit)
	<-l.stopped
	defer l.closeFiles()
	if err := l.seal(); err != nil {
		return fmt.Errorf("segment: close: %w", err)
	}
	return nil
}

func (l *Log) closeFiles() {
	if l.tail != nil {
		l.files.release(l.tail)
	}
	if l.files != nil {
		l.files.closeAll()
	}
}

// Err is why the log takes nothing more (blob.ErrBroken is its cause), or nil.
func (l *Log) Err() error {
	if p := l.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// Append adds a record and returns once it is durable. A kind is not 0. The record must stay
// unchanged until then, also when ctx ends first: it may have been appended
// or not, and the caller can't know. Errors to decide by: blob.ErrFull,
// blob.ErrBroken.
func (l *Log) Append(ctx context.Context, kind byte, record []byte) (Ref, error) {
	return l.submit(ctx, &job{kind: kind, record: record, durable: true})
}

// Write is Append without the wait for the disk: the record is durable once an
// Append that was called later has returned, and read only from then on.
func (l *Log) Write(ctx context.Context, kind byte, record []byte) (Ref, error) {
	return l.submit(ctx, &job{kind: kind, record: record})
}

// Read returns a record and its kind. Errors to decide by: blob.ErrNotFound,
// blob.ErrDamaged.
func (l *Log) Read(ref Ref) (record []byte, kind byte, err error) {
	s, err := l.files.acquire(ref.Segment)
	if err != nil {
		return nil, 0, err
	}
	defer l.files.release(s)
	return s.read(ref)
}

// read returns a record of a segment that is in use.
func (s *segment) read(ref Ref) (record []byte, kind byte, err error) {
	at, err := s.locate(ref)
	if err != nil {
		return nil, 0, err
	}
	var b [headerSize]byte
	n, err := readAt(s.file, b[:], at, maxPosition)
	if err != nil {
		return nil, 0, fmt.Errorf("segment: %s: %w", ref, err)
	}
	if n == 0 {
		return nil, 0, fmt.Errorf("segment: %s: %w", ref, blob.ErrNotFound)
	}
	h, ok := parseHeader(b[:n], ref)
	if !ok {
		return nil, 0, fmt.Errorf("segment: %s: header: %w", ref, blob.ErrDamaged)
	}
	record = make([]byte, h.length)
	return record, h.kind, readRecord(s.file, h, at, record)
}

// Frames walks the log in the order of appending, up to what was durable when it
// reached a segment. With verify it reads each record and compares the checksum,
// without it only the headers. Damage is in the frame, the walk goes on behind
// it; an error ends the walk of that segment.
func (l *Log) Frames(ctx context.Context, verify bool) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for _, n := range l.files.numbers() {
			if !l.walk(ctx, n, verify, yield) {
				return
			}
		}
	}
}

func (l *Log) walk(ctx context.Context, number uint32, verify bool, yield func(Frame, error) bool) bool {
	seg, err := l.files.acquire(number)
	if errors.Is(err, blob.ErrNotFound) { // removed since
		return true
	}
	if err != nil {
		return yield(Frame{Ref: Ref{Segment: number}}, err)
	}
	defer l.files.release(seg)
	return seg.walk(ctx, l.files.published(seg), verify, yield)
}

func (s *segment) walk(ctx context.Context, end int64, verify bool, yield func(Frame, error) bool) bool {
	c, start := s.scanner(end, verify)
	for pos := start; pos < end; {
		if err := ctx.Err(); err != nil {
			yield(Frame{}, err)
			return false
		}
		r, err := c.read(pos)
		if err != nil {
			return yield(Frame{Ref: Ref{s.number, pos}}, fmt.Errorf("segment: %s: %w", s.name(), err))
		}
		pos = r.next
		if r.Kind == kindSeal && r.Damage == nil {
			continue
		}
		if !yield(r.Frame, nil) {
			return false
		}
	}
	return true
}

// Prune removes each segment whose label drop wants gone, the newest apart: it is
// where the next record goes.
func (l *Log) Prune(drop func(label string) bool) error {
	if err := l.files.prune(drop); err != nil {
		return fmt.Errorf("segment: prune: %w", err)
	}
	return nil
}
