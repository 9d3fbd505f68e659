package attachment

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The formats here hold one file, or many one after the other, and are read as a stream.

func (w *walker) gzip(f *File, r io.Reader, at place) error {
	in := &counter{r: r}
	z, err := gzip.NewReader(bufio.NewReader(in))
	if err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	name := z.Name
	if name == "" {
		name = unpackedName(f.Name, ".gz", ".tgz")
	}
	w.file(name, w.unpacked(f, z, in), 0, at)
	return nil
}

func (w *walker) bzip2(f *File, r io.Reader, at place) error {
	in := &counter{r: r}
	w.file(unpackedName(f.Name, ".bz2", ".tbz2"), w.unpacked(f, bzip2.NewReader(bufio.NewReader(in)), in), 0, at)
	return nil
}

// unpackedName is the name of what a file holds that has no name: the file's own without
// its extension.
func unpackedName(name, extension, tar string) string {
	low := strings.ToLower(name)
	switch {
	case len(low) != len(name):
		return name
	case strings.HasSuffix(low, extension):
		return name[:len(name)-len(extension)]
	case strings.HasSuffix(low, tar):
		return name[:len(name)-len(tar)] + ".tar"
	}
	return name
}

// tar reads an archive. Its files count as unpacked, since a sparse one is longer than what
// it was read from.
func (w *walker) tar(f *File, r io.Reader, at place) error {
	in := &counter{r: r}
	t := tar.NewReader(in)
	for {
		if err := w.may(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if errors.Is(err, errFull) || errors.Is(err, errTime) || errors.Is(err, errOver) {
				return err
			}
			return fmt.Errorf("tar: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
			w.file(h.Name, w.unpacked(f, t, in), h.Size, at)
		}
	}
}
