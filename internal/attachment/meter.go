package attachment

import (
	"fmt"
	"io"
)

// A meter counts what comes out of a decompressor, and stops where it is too much.
type meter struct {
	w   *walker
	f   *File // the archive
	r   io.Reader
	in  func() int64 // octets that went in so far
	out int64
}

// Read implements io.Reader. It ends with errOver, errFull or errTime where a limit is met.
func (m *meter) Read(p []byte) (int, error) {
	if err := m.w.may(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p[:min(len(p), 64<<10)])
	m.out += int64(n)
	m.w.expanded += int64(n)
	if m.out > ratioFrom && m.out/m.w.limits.Ratio > m.in() {
		m.w.burst(m.f, fmt.Sprintf("more than %d octets come out of each one", m.w.limits.Ratio))
		return n, errOver
	}
	return n, err
}

// may says why no more is to be decompressed.
func (w *walker) may() error {
	switch {
	case w.over:
		return errOver
	case w.ctx.Err() != nil:
		return errTime
	case w.expanded > w.limits.Expanded:
		return errFull
	}
	return nil
}

// packed is a meter over what is unpacked from size octets.
func (w *walker) packed(f *File, r io.Reader, size int64) io.Reader {
	return &meter{w: w, f: f, r: r, in: func() int64 { return max(size, 1) }}
}

// A counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// unpacked is a meter over what a decompressor makes of what is counted.
func (w *walker) unpacked(f *File, r io.Reader, in *counter) io.Reader {
	return &meter{w: w, f: f, r: r, in: func() int64 { return in.n }}
}
