package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gatepost/internal/blob"
)

const (
	groupSize  = 4 << 20 // octets of contents in one object
	groupMost  = 4096    // contents in one object
	maxUploads = 8       // objects on their way at once
)

// A job is one content that waits for an object.
type job struct {
	octets []byte
	place  place
	err    error
	done   chan struct{}
}

var errClosed = errors.New("s3: the store is closed")

// Put stores size octets of r and returns once they are durable. When ctx ends
// first the content may be there all the same, and nobody knows its id.
func (s *Store) Put(ctx context.Context, r io.Reader, size int64) (blob.ID, error) {
	if size < 0 || size > maxOffset {
		return "", fmt.Errorf("s3: put: size %d", size)
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("s3: put: %w", err)
	}
	if err := s.Err(); err != nil { // before r is read for nothing
		return "", fmt.Errorf("s3: put: %w", err)
	}
	if size > chunkSize {
		return s.putLong(ctx, r, size)
	}
	j := &job{octets: make([]byte, size), done: make(chan struct{})}
	if _, err := io.ReadFull(r, j.octets); err != nil {
		return "", fmt.Errorf("s3: put: read content: %w", err)
	}
	j.place = place{length: size, sum: checksum(j.octets)}
	select {
	case s.jobs <- j:
	case <-s.stopped:
		return "", errClosed
	case <-ctx.Done():
		return "", fmt.Errorf("s3: put: %w", ctx.Err())
	}
	select {
	case <-j.done: // each job that was taken is answered
	case <-ctx.Done():
		return "", fmt.Errorf("s3: put: %w", ctx.Err())
	}
	if j.err != nil {
		return "", j.err
	}
	return j.place.id(), nil
}

// gather packs contents into objects until ctx ends. Several objects are on their way at once, and
// what comes while there are too many waits together.
func (s *Store) gather(ctx context.Context) {
	defer close(s.stopped)
	places := make(chan struct{}, maxUploads)
	for {
		var first *job
		select {
		case <-ctx.Done():
			return
		case first = <-s.jobs:
		}
		group := s.collect(ctx, first, places)
		s.under.Go(func() {
			defer func() { <-places }()
			s.upload(group)
		})
	}
}

// collect takes what comes within the time, and takes a place for the upload.
func (s *Store) collect(ctx context.Context, first *job, places chan struct{}) []*job {
	group, size := []*job{first}, first.place.stored()
	late, cancel := context.WithTimeout(ctx, s.cfg.Gather)
	defer cancel()
	for len(group) < groupMost && size < groupSize {
		select {
		case j := <-s.jobs:
			group = append(group, j)
			size += j.place.stored()
			continue
		case <-late.Done():
		}
		break
	}
	places <- struct{}{} // freed by uploads, each of which has a limit
	return group
}

// upload makes one object, and answers those who wait. It goes on when they have gone.
func (s *Store) upload(group []*job) {
	name := s.names.next()
	var b []byte
	list := make([]entry, len(group))
	for i, j := range group {
		j.place.name, j.place.offset = name, int64(len(b))
		list[i] = entry{j.place, j.place.offset}
		b = append(b, j.octets...)
		if len(j.octets) == 0 {
			b = append(b, 0)
		}
	}
	b = appendIndex(b, list)
	err := s.client.put(context.Background(), contentKeys+name, bytes.NewReader(b), int64(len(b)))
	for _, j := range group {
		if j.err = err; err == nil {
			s.cache.put(partName(j.place.id(), 0), j.octets)
		}
		close(j.done)
	}
}

// putLong makes an object of one content, by way of a file: so it can be sent again.
func (s *Store) putLong(ctx context.Context, r io.Reader, size int64) (blob.ID, error) {
	f, err := os.CreateTemp(filepath.Join(s.cfg.Dir, spoolDir), "long-")
	if err != nil {
		return "", fmt.Errorf("s3: put: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	p := place{name: s.names.next(), length: size}
	tail, err := copyLong(f, r, &p)
	if err != nil {
		return "", err
	}
	if _, err := f.Write(tail); err != nil {
		return "", fmt.Errorf("s3: put: %w", err)
	}
	if err := s.client.put(ctx, contentKeys+p.name, f, size+int64(len(tail))); err != nil {
		return "", err
	}
	return p.id(), nil
}

// copyLong copies a content, completes its place, and returns what comes behind it.
func copyLong(w io.Writer, r io.Reader, p *place) (tail []byte, err error) {
	var sums []uint32
	b := make([]byte, chunkSize)
	for left := p.length; left > 0; left -= chunkSize {
		b = b[:min(left, chunkSize)]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, fmt.Errorf("s3: put: read content: %w", err)
		}
		if _, err := w.Write(b); err != nil {
			return nil, fmt.Errorf("s3: put: %w", err)
		}
		sums = append(sums, checksum(b))
	}
	table := appendTable(nil, sums)
	p.sum = checksum(table)
	return appendIndex(table, []entry{{*p, p.offset}}), nil
}
