// Package blob names the contract of message content at rest: put once,
// durable before Put returns, never changed, read from any offset. Implemented by
// blob/segment (an append-only log on local disk); blobtest holds the contract
// as tests.
//
// It does not count references: the store does, in the commit that makes a
// message somebody's.
package blob

import (
	"context"
	"errors"
	"io"
)

// An ID names one stored content for as long as it lives, compaction included.
// IDs of one store sort in the order in which they were put. It is ASCII without
// spaces, at most 40 octets.
type ID string

// Errors that callers decide by.
var (
	// ErrNotFound: no content has this id.
	ErrNotFound = errors.New("blob: not found")
	// ErrDamaged: the content is there, but it is not what was put.
	ErrDamaged = errors.New("blob: damaged")
	// ErrFull: less space is left than must be kept free.
	ErrFull = errors.New("blob: disk full")
	// ErrBroken: a sync failed. What is on disk is unknown from then on, so
	// nothing more is taken until the process is started anew.
	ErrBroken = errors.New("blob: a sync failed; storing has stopped")
)

// A Store keeps contents.
type Store interface {
	// Put stores size octets of r and returns once they are durable.
	Put(ctx context.Context, r io.Reader, size int64) (ID, error)
	// Open returns the content. The caller closes it.
	Open(ctx context.Context, id ID) (Content, error)
}

// Content is one stored content, open for reading by many goroutines.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
