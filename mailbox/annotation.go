package mailbox

import (
	"context"
	"errors"
	"strings"
)

// Errors that callers decide by.
var (
	// ErrAnnotationSize: a value is longer than MaxAnnotation.
	ErrAnnotationSize = errors.New("annotation too long")
	// ErrAnnotations: there are too many.
	ErrAnnotations = errors.New("too many annotations")
)

// Bounds of annotations.
const (
	MaxAnnotation      = 8 << 10 // octets of a value
	MaxAnnotationName  = 255     // octets of an entry's name
	MaxAnnotations     = 100     // of one folder: shared ones, and private ones of each reader
	MaxAnnotationsSide = 2000    // private ones of one reader in all
)

// An Annotation is a value that programs keep with a folder, or with the server
// (RFC 5464). Entry is in lower case, and begins with "/private/" or "/shared/".
type Annotation struct {
	Entry string
	Value []byte // nil: to be removed
}

// Private reports whether the entry is its reader's own.
func (a Annotation) Private() bool { return strings.HasPrefix(a.Entry, "/private/") }

// Annotations keeps them.
type Annotations interface {
	// Annotations returns the shared ones of a folder and the private ones that a reader
	// has with it, by entry. Folder 0 is the server.
	Annotations(ctx context.Context, reader, folder int64) ([]Annotation, error)
	// Annotate sets some, all or none.
	Annotate(ctx context.Context, reader, folder int64, list []Annotation) error
}
