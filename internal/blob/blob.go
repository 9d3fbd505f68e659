// Package blob names the contract of message content at rest: put once,
// durable before Put returns, never changed, read from any offset. Implemented by
// blob/segment (an append-only log on local disk) and blob/s3 (objects in a bucket, for several nodes); blobtest holds the contract
// as tests.
//
// It does not count references: the store does, in the commit that makes a
// message somebody's. A Compacter asks it, as a Register, what may go.
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
	// ErrAway: the place where contents are does not answer. It may later.
	ErrAway = errors.New("blob: contents are out of reach")
	// ErrAlive: a content was to be buried and is somebody's, or has not been dead for
	// long enough.
	ErrAlive = errors.New("blob: not dead")
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

// A Compacter is a Store that gives back the space of contents that are nobody's.
type Compacter interface {
	Store
	// Compact goes once over all that is stored and gives back what is worth it, while
	// contents are put and read. It copies at most rate octets a second (0: no bound).
	// An open Content stays readable. A crash at any moment loses nothing but the work.
	Compact(ctx context.Context, r Register, rate int64) (Report, error)
}

// A Register knows whose the contents are. Death has two steps: a content that is
// nobody's is marked with the time, and only when the mark has stood for a day is it
// dead. A reference made in between takes the mark away.
type Register interface {
	// Meet is shown some contents that are stored, in order and with none left out in
	// between. Those that it does not know (of a crash between content and commit, of a
	// client that went away, or just being accepted) it marks. It returns how many.
	Meet(ctx context.Context, some []Found) (unknown int, err error)
	// Dead returns the dead with ids at or after from and before to, in order.
	Dead(ctx context.Context, from, to ID) ([]Found, error)
	// Bury forgets dead contents for good: when it returns nil they may be removed. With
	// an error (ErrAlive, where one is not dead) none of them may.
	Bury(ctx context.Context, ids []ID) error
}

// A Found is one content, by name and size in octets.
type Found struct {
	ID   ID
	Size int64
}

// A Report is what one Compact did.
type Report struct {
	Unknown int   // contents met that the Register did not know
	Buried  int   // contents that are gone
	Files   int   // files rewritten or removed
	Moved   int64 // octets copied
	Freed   int64 // octets given back
}
