package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"gatepost/internal/blob"
)

// chunkSize is the longest content, or part of one, in one record. A content
// up to it costs one frame. A longer one is cut into parts, between which other
// writers go on, and is named by a list of its parts that is appended last; so no
// more of it is ever in memory, and a reader that fails leaves parts that
// nobody names, and a sound log.
const chunkSize = 1 << 20

// Kinds of records. Only a content and a list have names outside.
const (
	kindContent = 'c'
	kindPart    = 'p'
	kindList    = 'l'
)

// A Store is a blob.Store in a Log.
type Store struct {
	log     *Log
	chunk   int64
	buffers sync.Pool // of *[]byte
	census  census
	landing sync.WaitGroup // see putList

	compacting sync.Mutex // held by the one Compact
}

// Open opens the store in fsys. The caller closes it, and logs what Recovery says.
func Open(fsys FS, opt Options) (*Store, Recovery, error) {
	log, rec, err := OpenLog(fsys, opt)
	if err != nil {
		return nil, rec, err
	}
	return &Store{log: log, chunk: chunkSize}, rec, nil
}

// Close refuses what still waits to be put and closes the files.
func (s *Store) Close() error {
	err := s.log.Close()
	s.landing.Wait()
	return err
}

// Full returns nil, or blob.ErrFull where less space is left than must be kept
// free: Put would fail.
func (s *Store) Full() error {
	free, err := s.log.files.fs.Free()
	if err == nil && free < s.log.opt.MinFree {
		err = fmt.Errorf("segment: %d octets are left, %d must be kept free: %w", free, s.log.opt.MinFree, blob.ErrFull)
	}
	return err
}

// Err is why nothing more is taken (blob.ErrBroken is its cause), or nil.
func (s *Store) Err() error { return s.log.Err() }

// Put stores size octets of r and returns once they are durable. When ctx ends
// first the content may be there all the same, and nobody knows its id.
func (s *Store) Put(ctx context.Context, r io.Reader, size int64) (blob.ID, error) {
	if size < 0 {
		return "", fmt.Errorf("segment: put: size %d", size)
	}
	if err := s.log.Err(); err != nil { // before r is read for nothing
		return "", err
	}
	if size > s.chunk {
		return s.putParts(ctx, r, size)
	}
	ref, err := s.copy(r, size, func(b []byte) (Ref, error) { return s.log.Append(ctx, kindContent, b) })
	if err != nil {
		return "", err
	}
	return blob.ID(ref.String()), nil
}

func (s *Store) putParts(ctx context.Context, r io.Reader, size int64) (blob.ID, error) {
	f := s.census.depart(s.log)
	l := list{size: size, chunk: s.chunk}
	for left := size; left > 0; left -= s.chunk {
		ref, err := s.copy(r, min(left, s.chunk), func(b []byte) (Ref, error) { return s.log.Write(ctx, kindPart, b) })
		if err != nil {
			s.census.land(f, Ref{}, list{})
			return "", err
		}
		l.parts = append(l.parts, ref)
	}
	return s.putList(ctx, f, l)
}

// putList appends the list that makes parts a content. It goes on after ctx has ended,
// until it is known whether the parts are anybody's.
func (s *Store) putList(ctx context.Context, f *flight, l list) (blob.ID, error) {
	type result struct {
		ref Ref
		err error
	}
	done := make(chan result, 1)
	s.landing.Go(func() {
		ref, err := s.log.Append(context.WithoutCancel(ctx), kindList, l.append(nil))
		if err != nil {
			l = list{}
		}
		s.census.land(f, ref, l)
		done <- result{ref, err}
	})
	select {
	case d := <-done:
		if d.err != nil {
			return "", d.err
		}
		return blob.ID(d.ref.String()), nil
	case <-ctx.Done():
		return "", fmt.Errorf("segment: put: %w", ctx.Err())
	}
}

// copy reads n octets of r and hands them to add. After an error the log may
// still hold the buffer (see Log.Append), which is not used again then.
func (s *Store) copy(r io.Reader, n int64, add func([]byte) (Ref, error)) (Ref, error) {
	buf, _ := s.buffers.Get().(*[]byte)
	if buf == nil || int64(cap(*buf)) < n {
		b := make([]byte, n)
		buf = &b
	}
	b := (*buf)[:n]
	if _, err := io.ReadFull(r, b); err != nil {
		s.buffers.Put(buf)
		return Ref{}, fmt.Errorf("segment: put: read content: %w", err)
	}
	ref, err := add(b)
	if err == nil {
		s.buffers.Put(buf)
	}
	return ref, err
}

// IDs walks the ids of all contents in the order in which they were put, those
// included that nobody refers to. It reads headers only; a place whose header is
// damaged comes as an id with an error whose cause is blob.ErrDamaged.
func (s *Store) IDs(ctx context.Context) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		for f, err := range s.log.Frames(ctx, false) {
			if err == nil {
				err = f.Damage
			}
			if err == nil && f.Kind == kindPart {
				continue
			}
			if !yield(blob.ID(f.Ref.String()), err) {
				return
			}
		}
	}
}

// Verify reads a content whole and compares its checksums.
func (s *Store) Verify(ctx context.Context, id blob.ID) error {
	c, err := s.Open(ctx, id)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(io.Discard, io.NewSectionReader(c, 0, c.Size()))
	return err
}

// Check reads everything and calls damaged for each id whose content is not what
// was put; where a header is destroyed it can't be told whether a content, a
// part of one, or an older remnant stood there. It returns how many contents are
// whole. What the disk can't read is damaged. The error is ctx's, or that the store is
// closed.
func (s *Store) Check(ctx context.Context, damaged func(id blob.ID, cause error)) (whole int, err error) {
	for f, err := range s.log.Frames(ctx, true) {
		if err != nil && (ctx.Err() != nil || closed(err)) {
			return whole, err
		}
		if err != nil {
			damaged(blob.ID(f.Ref.String()), err)
			continue
		}
		if f.Kind == kindPart { // its damage is its list's
			continue
		}
		id := blob.ID(f.Ref.String())
		if f.Damage == nil && f.Kind == kindList {
			f.Damage = s.Verify(ctx, id)
		}
		if err := ctx.Err(); err != nil {
			return whole, err
		}
		if errors.Is(f.Damage, blob.ErrNotFound) { // a compaction took it since
			continue
		}
		if f.Damage != nil {
			damaged(id, f.Damage)
			continue
		}
		whole++
	}
	return whole, nil
}
