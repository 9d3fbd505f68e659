package attachment

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// sevenZip reads an archive of 7-Zip by its own description of the format (7zFormat.txt).
// The libraries for it allocate whatever the header counts, up to many GiB, before they read
// on; here a count is believed as far as the header has octets for it.
func (w *walker) sevenZip(f *File, c content, at place) error {
	z := &seven{w: w, f: f, c: c}
	h, err := z.header()
	if err != nil {
		if errors.Is(err, errSecret) {
			w.flag(f, Encrypted, "needs a password even for its names")
			return nil
		}
		return fmt.Errorf("7z: %w", err)
	}
	folder := 0
	for i := 0; i < len(h.files) && !w.over; i++ {
		e := h.files[i]
		switch {
		case e.directory:
		case e.empty:
			w.file(e.name, bytes.NewReader(nil), 0, at)
		default:
			for folder < len(h.folders) && h.folders[folder].streams == 0 {
				folder++
			}
			if folder == len(h.folders) {
				return errors.New("7z: more files than content")
			}
			i = z.folder(&h.folders[folder], h.files, i, at)
			folder++
		}
	}
	return nil
}

// A seven is a 7z archive that is read.
type seven struct {
	w *walker
	f *File
	c content
}

// folder looks at the files of a folder, whose contents follow one another in one stream. The
// first of them is files[i]; the index of the last is returned.
func (z *seven) folder(d *sevenFolder, files []sevenFile, i int, at place) int {
	r, done, err := z.content(d)
	defer done()
	last := i
	for n := 0; n < d.streams && i < len(files) && !z.w.over; i++ {
		e := files[i]
		if e.directory || e.empty {
			continue
		}
		size := d.size(n)
		n, last = n+1, i
		at.altered = d.altered
		if err == nil && d.shifted && n > 1 {
			err = errMethod
		}
		if err != nil {
			z.w.unseen(e.name, size, at, err)
			if errors.Is(err, errSecret) {
				z.w.flag(z.f, Encrypted, "holds files that need a password")
			}
			continue
		}
		got := &counter{r: io.LimitReader(r, size)}
		z.w.file(e.name, z.w.packed(z.f, &whole{got, size, d.shifted}, d.packed), size, at)
		if got.n < size {
			err = io.ErrUnexpectedEOF
			if stop := z.w.may(); stop != nil {
				err = stop
			}
		}
	}
	return last
}

// whole fails where less comes than was said.
type whole struct {
	*counter
	size int64
	less bool // it may
}

// Read implements io.Reader.
func (o *whole) Read(p []byte) (int, error) {
	n, err := o.counter.Read(p)
	if errors.Is(err, io.EOF) && o.n < o.size && !o.less {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// content opens a folder's stream. done gives back its memory.
func (z *seven) content(d *sevenFolder) (io.Reader, func(), error) {
	taken := 0
	done := func() { z.w.release(taken) }
	if err := z.w.may(); err != nil {
		return nil, done, err
	}
	r, err := z.output(d, d.main, &taken, 0)
	return r, done, err
}

// Methods of coders that are read.
const (
	sevenCopy    = "\x00"
	sevenLZMA    = "\x03\x01\x01"
	sevenLZMA2   = "\x21"
	sevenDeflate = "\x04\x01\x08"
	sevenBzip2   = "\x04\x02\x02"
	sevenBCJ2    = "\x03\x03\x01\x1b"
	sevenAES     = "\x06\xf1\x07\x01"
)

// output is what comes out of a coder. Filters that change addresses in programs are passed
// over: what is left is the same but for those.
func (z *seven) output(d *sevenFolder, coder int, taken *int, deep int) (io.Reader, error) {
	if coder >= len(d.coders) || deep > len(d.coders) {
		return nil, errors.New("coders in a circle")
	}
	k := &d.coders[coder]
	r, err := z.input(d, k.in, taken, deep)
	if err != nil {
		return nil, err
	}
	switch k.method {
	case sevenCopy:
		return r, nil
	case sevenDeflate:
		return flate.NewReader(r), nil
	case sevenBzip2:
		return bzip2.NewReader(r), nil
	case sevenLZMA:
		return taking(taken)(z.w.lzmaStream(r, k.properties, int64(min(k.size, 1<<50))))
	case sevenLZMA2:
		if len(k.properties) != 1 {
			return nil, errors.New("properties of LZMA2 out of range")
		}
		return taking(taken)(z.w.lzma2Stream(r, k.properties[0], int64(min(k.size, 1<<50))))
	case sevenBCJ2:
		d.altered, d.shifted = true, true
		return r, nil
	case "\x03\x03\x01\x03", "\x03\x03\x02\x05", "\x03\x03\x04\x01", "\x03\x03\x05\x01", "\x03\x03\x07\x01", "\x03\x03\x08\x05",
		"\x04", "\x05", "\x06", "\x07", "\x08", "\x09", "\x0a", "\x0b": // branches of x86, PowerPC, Itanium, ARM, Thumb, SPARC, ARM64, RISC-V
		d.altered = true
		return r, nil
	case sevenAES:
		return nil, errSecret
	}
	return nil, errMethod
}

// taking adds the memory of a stream to what is to be released.
func taking(taken *int) func(io.Reader, int, error) (io.Reader, error) {
	return func(r io.Reader, n int, err error) (io.Reader, error) {
		if err == nil {
			*taken += n
		}
		return r, err
	}
}

// input is what goes into a coder: what another makes, or a packed stream.
func (z *seven) input(d *sevenFolder, in int, taken *int, deep int) (io.Reader, error) {
	for _, b := range d.binds {
		if b.in == in {
			return z.output(d, b.out, taken, deep+1)
		}
	}
	for i, p := range d.inputs {
		if p == in && i < len(d.streamsIn) {
			s := d.streamsIn[i]
			return bufio.NewReader(io.NewSectionReader(z.c, s.at, s.size)), nil
		}
	}
	return nil, errors.New("a coder has no input")
}

// header reads the header at the end, and decodes it where it is packed itself.
func (z *seven) header() (*sevenHeader, error) {
	var start [32]byte
	if n, err := z.c.ReadAt(start[:], 0); n < len(start) {
		return nil, unexpected(notNil(err))
	}
	at, size := binary.LittleEndian.Uint64(start[12:]), binary.LittleEndian.Uint64(start[20:])
	if size == 0 {
		return &sevenHeader{}, nil
	}
	if at > uint64(z.c.size) || size > uint64(z.c.size)-at || 32+at+size > uint64(z.c.size) {
		return nil, io.ErrUnexpectedEOF
	}
	if size > maxDirectory {
		return nil, errRoom
	}
	b := make([]byte, size)
	if n, err := z.c.ReadAt(b, int64(32+at)); n < len(b) {
		return nil, unexpected(notNil(err))
	}
	for range 4 {
		p := &sevenParser{b: b, end: z.c.size}
		switch id := p.byte(); {
		case id == 0x01:
			h := p.header()
			return h, p.err
		case id != 0x17:
			return nil, errors.New("no header")
		}
		folders := p.streams()
		if p.err != nil {
			return nil, p.err
		}
		if len(folders) != 1 {
			return nil, errors.New("a packed header in several parts")
		}
		r, done, err := z.content(&folders[0])
		if err != nil {
			done()
			return nil, err
		}
		m := z.w.packed(z.f, io.LimitReader(r, folders[0].total()), folders[0].packed)
		b, err = io.ReadAll(io.LimitReader(m, maxDirectory+1))
		done()
		if err != nil {
			return nil, err
		}
		if len(b) > maxDirectory {
			return nil, errRoom
		}
	}
	return nil, errors.New("a header packed again and again")
}

func notNil(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
