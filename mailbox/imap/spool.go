package imap

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// errSpool: there is no place for a large message on its way in. The command
// was read to its end all the same.
var errSpool = errors.New("imap: spool")

// A spooled is a large literal in a file that has no name any more.
type spooled struct {
	*os.File
	size int64
}

func newSpool(dir string) (*spooled, error) {
	f, err := os.CreateTemp(dir, "imap-append-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	os.Remove(f.Name())
	return &spooled{File: f}, nil
}

// fill takes n octets of r. An error of the disk is kept back until all are
// read, so that the connection stays in step.
func (s *spooled) fill(r io.Reader, n int64) error {
	s.size = n
	w := &lenient{w: s.File}
	if _, err := io.CopyN(w, r, n); err != nil {
		return err
	}
	if w.err != nil {
		s.size = -1
	}
	return nil
}

// A lenient writer takes everything and remembers its first error.
type lenient struct {
	w   io.Writer
	err error
}

func (l *lenient) Write(p []byte) (int, error) {
	if l.err == nil {
		_, l.err = l.w.Write(p)
	}
	return len(p), nil
}
