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

// A spooled is the literals of one APPEND that are not kept in memory, in a file that has no
// name any more.
type spooled struct {
	*os.File
	size   int64 // of all
	parts  []spooledPart
	broken bool // the file could not be written
}

// A spooledPart is one of them.
type spooledPart struct {
	at        int // octets of the command before it
	off, size int64
}

func newSpool(dir string) (*spooled, error) {
	f, err := os.CreateTemp(dir, "imap-append-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	os.Remove(f.Name())
	return &spooled{File: f}, nil
}

// fill takes n octets of r, behind some of the command. An error of the disk is kept back
// until all are read, so that the connection stays in step.
func (s *spooled) fill(r io.Reader, n int64, at int) error {
	s.parts = append(s.parts, spooledPart{at, s.size, n})
	s.size += n
	w := &lenient{w: s.File}
	_, err := io.CopyN(w, r, n)
	s.broken = s.broken || w.err != nil
	return err
}

// part returns the literal that is at a place of the command, if one is.
func (s *spooled) part(at int) (io.ReaderAt, bool) {
	if s == nil {
		return nil, false
	}
	for _, p := range s.parts {
		if p.at == at {
			return io.NewSectionReader(s.File, p.off, p.size), true
		}
	}
	return nil, false
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
