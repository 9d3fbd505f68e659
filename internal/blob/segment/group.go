package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"gatepost/internal/blob"
)

const (
	// maxGroup and maxGroupSize bound what shares one sync, and so how long the
	// first of a group waits for the last.
	maxGroup     = 256
	maxGroupSize = 8 << 20
	// bufferSize is what one write(2) carries where records are small.
	bufferSize = 256 << 10
)

// A job is one record that waits for the writer.
type job struct {
	kind    byte
	record  []byte
	crc     uint32
	durable bool // answered after a sync

	ref  Ref
	err  error
	done chan struct{}
}

func (j *job) size() int64 { return headerSize + int64(len(j.record)) }

// submit hands a job to the writer and waits for its answer.
func (l *Log) submit(ctx context.Context, j *job) (Ref, error) {
	if len(j.record) > MaxRecord {
		return Ref{}, fmt.Errorf("segment: append: a record of %d octets is over %d", len(j.record), MaxRecord)
	}
	if err := l.Err(); err != nil {
		return Ref{}, err
	}
	if err := ctx.Err(); err != nil {
		return Ref{}, fmt.Errorf("segment: append: %w", err)
	}
	j.crc, j.done = checksum(j.record), make(chan struct{})
	select {
	case l.jobs <- j:
	case <-l.stopped:
		return Ref{}, errClosed
	case <-ctx.Done():
		return Ref{}, fmt.Errorf("segment: append: %w", ctx.Err())
	}
	select {
	case <-j.done:
		return j.ref, j.err
	case <-ctx.Done():
		return Ref{}, fmt.Errorf("segment: append: %w", ctx.Err())
	case <-l.stopped:
	}
	select { // the writer may have answered as its last act
	case <-j.done:
		return j.ref, j.err
	default:
		return Ref{}, errClosed
	}
}

var errClosed = errors.New("segment: the log is closed")

// writeLoop is the one writer. Each turn takes all that wait.
func (l *Log) writeLoop() {
	defer close(l.stopped)
	for {
		select {
		case <-l.quit:
			return
		case j := <-l.jobs:
			l.commit(l.gather(j))
		case answer := <-l.turns:
			answer <- l.turn()
		}
	}
}

// Turn ends the segment that is being written, where there is something in it: what
// is appended from now on goes into a new one. Errors to decide by: blob.ErrFull,
// blob.ErrBroken.
func (l *Log) Turn(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case l.turns <- answer:
		return <-answer // the writer is at it
	case <-l.stopped:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("segment: turn: %w", ctx.Err())
	}
}

func (l *Log) turn() error {
	if err := l.Err(); err != nil || l.tail == nil || l.size == 0 {
		return err
	}
	err := full(l.next(l.opt.Label()))
	if errors.Is(err, blob.ErrBroken) {
		err = l.breakDown(err)
	}
	return err
}

func (l *Log) gather(first *job) []*job {
	group, size := []*job{first}, first.size()
	for len(group) < maxGroup && size < maxGroupSize {
		select {
		case j := <-l.jobs:
			group = append(group, j)
			size += j.size()
		default:
			return group
		}
	}
	return group
}

// commit appends a group and answers it. What the disk has no room for is
// refused alone.
func (l *Log) commit(group []*job) {
	fit, err := l.admit(group)
	if err == nil && len(fit) > 0 {
		err = l.appendGroup(fit)
	}
	if errors.Is(err, blob.ErrBroken) {
		err = l.breakDown(err)
	}
	for _, j := range group {
		if j.err == nil {
			j.err = err
		}
		close(j.done)
	}
}

// breakDown is final; the first cause stands.
func (l *Log) breakDown(cause error) error {
	if l.Err() == nil {
		err := fmt.Errorf("segment: append: %w", cause)
		l.broken.Store(&err)
	}
	return l.Err()
}

// admit returns the jobs for which there is space.
func (l *Log) admit(group []*job) ([]*job, error) {
	if err := l.Err(); err != nil {
		return nil, err
	}
	free, err := l.files.fs.Free()
	if err != nil {
		return nil, fmt.Errorf("segment: append: %w", err)
	}
	fit := make([]*job, 0, len(group))
	for _, j := range group {
		if free-j.size() < l.opt.MinFree {
			j.err = fmt.Errorf("segment: append: %d octets are left: %w", free, blob.ErrFull)
			continue
		}
		free -= j.size()
		fit = append(fit, j)
	}
	return fit, nil
}

// appendGroup writes the frames of a group and syncs once.
func (l *Log) appendGroup(group []*job) error {
	if err := l.roll(); err != nil {
		return full(err)
	}
	end, durable, err := l.write(group)
	if err == nil && durable {
		err = l.fill(end)
	}
	if err != nil {
		return l.takeBack(err)
	}
	l.size, l.frames, l.sealed = end, l.frames+len(group), false
	if !durable {
		return nil
	}
	return l.sync()
}

// write puts the frames behind the tail. It returns where they end, and whether
// somebody waits for the disk.
func (l *Log) write(group []*job) (end int64, durable bool, err error) {
	w := l.buffer
	w.Reset(io.NewOffsetWriter(l.tail.file, l.size)) // forgets an earlier error, too
	var head [headerSize]byte
	end = l.size
	for _, j := range group {
		h := header{kind: j.kind, ref: Ref{l.tail.number, end}, length: len(j.record), synced: l.synced, crc: j.crc}
		w.Write(h.append(head[:0])) // bufio keeps the first error for Flush
		w.Write(j.record)
		j.ref, end, durable = h.ref, h.next(), durable || j.durable
	}
	return end, durable, w.Flush()
}

// Bounds of what is filled ahead of the tail's end, in octets.
const (
	minAhead = 64 << 10
	maxAhead = 1 << 20
)

// fill writes zeros behind end, where none are left: what is written over them later changes
// nothing but content, and a file system syncs that without a commit of its own journal, in
// half the time. Where there is no room it is left.
func (l *Log) fill(end int64) error {
	if end <= l.filled {
		return nil
	}
	ahead := min(max(end, minAhead), maxAhead, l.opt.MaxSegment-end)
	if ahead <= 0 {
		return nil
	}
	if int64(len(l.zeros)) < ahead {
		l.zeros = make([]byte, ahead)
	}
	n, err := l.tail.file.WriteAt(l.zeros[:ahead], end)
	l.filled = end + int64(n)
	if errors.Is(full(err), blob.ErrFull) {
		return nil
	}
	return err
}

// trim takes off what was filled ahead.
func (l *Log) trim() error {
	if l.filled <= l.size {
		return nil
	}
	if err := l.tail.file.Truncate(l.size); err != nil {
		return fmt.Errorf("%w: %w", blob.ErrBroken, err)
	}
	l.filled = 0
	return nil
}

func (l *Log) sync() error {
	if err := l.tail.file.Sync(); err != nil {
		return fmt.Errorf("%w: %w", blob.ErrBroken, err)
	}
	l.synced = l.size
	l.files.publish(l.tail, l.size)
	return nil
}

// seal ends the tail with a frame that says that all before it is durable, so
// that the next start takes nothing of it for a torn tail.
func (l *Log) seal() error {
	if l.tail == nil || l.sealed || l.size == 0 || l.Err() != nil {
		return nil
	}
	if err := l.trim(); err != nil {
		return err
	}
	if err := l.sync(); err != nil {
		return err
	}
	if _, _, err := l.write([]*job{{kind: kindSeal, crc: checksum(nil)}}); err != nil {
		return err // a torn tail at worst
	}
	return l.tail.file.Sync()
}

// takeBack undoes a group that was not written whole. Where only space was
// lacking the log is as sound as before.
func (l *Log) takeBack(err error) error {
	if !errors.Is(full(err), blob.ErrFull) {
		return fmt.Errorf("%w: %w", blob.ErrBroken, err)
	}
	l.filled = 0
	if terr := l.tail.file.Truncate(l.size); terr != nil {
		return fmt.Errorf("%w: %w after: %w", blob.ErrBroken, terr, err)
	}
	return full(err)
}

// roll sees to a tail that has room and the right label.
func (l *Log) roll() error {
	label := l.opt.Label()
	if l.tail != nil && l.size < l.opt.MaxSegment && l.frames < l.opt.maxFrames && l.tail.label == label {
		return nil
	}
	return l.next(label)
}

// next begins a new segment. The one that is left is durable to its end, so only
// the last one can ever be torn.
func (l *Log) next(label string) error {
	if l.tail != nil {
		if err := l.trim(); err != nil {
			return err
		}
		if err := l.sync(); err != nil {
			return err
		}
	}
	next, err := l.files.create(l.last.Load()+1, label)
	if err != nil {
		return err
	}
	if l.tail != nil {
		l.files.release(l.tail)
	}
	l.tail, l.size, l.frames, l.synced, l.filled, l.sealed = next, 0, 0, 0, 0, false
	l.last.Store(next.number)
	return nil
}

// full makes a lack of space blob.ErrFull, and leaves other errors as they are.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		if !errors.Is(err, blob.ErrBroken) {
			return fmt.Errorf("segment: append: %w: %w", blob.ErrFull, err)
		}
	}
	return err
}
