package attachment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nwaples/rardecode/v2"
)

// rar reads an archive of RAR 5.
func (w *walker) rar(f *File, c content, at place) error {
	room := w.memory / 2
	w.memory -= room
	defer w.release(room)
	in := &counter{r: c.reader()}
	r, err := rardecode.NewReader(in, rardecode.MaxDictionarySize(int64(room)), rardecode.SkipCheck)
	if err != nil {
		return rarError(err)
	}
	for {
		if err := w.may(); err != nil {
			return err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			err = rarError(err)
			if errors.Is(err, errSecret) {
				w.flag(f, Encrypted, "needs a password even for its names")
				return nil
			}
			return err
		}
		w.rarEntry(f, r, h, in, at)
	}
}

func (w *walker) rarEntry(f *File, r io.Reader, h *rardecode.FileHeader, in *counter, at place) {
	switch {
	case h.IsDir:
	case h.Encrypted:
		w.unseen(h.Name, h.UnPackedSize, at, errSecret)
		w.flag(f, Encrypted, "holds files that need a password")
	default:
		w.file(h.Name, w.unpacked(f, &rarErrors{r}, in), h.UnPackedSize, at)
	}
}

// rarErrors tells the library's errors in words of ours.
type rarErrors struct{ r io.Reader }

// Read implements io.Reader.
func (r *rarErrors) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	return n, rarError(err)
}

func rarError(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted):
		return errSecret
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return errRoom
	case errors.Is(err, rardecode.ErrMultiVolume):
		return errMethod
	}
	return fmt.Errorf("rar: %w", err)
}

// oldRAR reads an archive of RAR 1.5 to 4 by its headers: the names of its files, and the
// contents of those that are not packed. What is packed may ask for 256 MiB of memory in
// the middle of a stream (PPMd), which the library gives it.
func (w *walker) oldRAR(f *File, c content, at place) error {
	const base = 7 // of each header: CRC 2, type 1, flags 2, size 2
	off := int64(7)
	for off+base <= c.size && !w.over {
		var h [base + 25]byte
		n, err := c.ReadAt(h[:min(int64(len(h)), c.size-off)], off)
		if n < base {
			return fmt.Errorf("rar: %w", unexpected(notNil(err)))
		}
		kind, flags := h[2], binary.LittleEndian.Uint16(h[3:])
		size := int64(binary.LittleEndian.Uint16(h[5:]))
		if size < base {
			return errors.New("rar: a header of no length")
		}
		var more int64
		if flags&0x8000 != 0 && n >= base+4 {
			more = int64(binary.LittleEndian.Uint32(h[7:]))
		}
		switch {
		case kind == 0x73 && flags&0x80 != 0:
			w.flag(f, Encrypted, "needs a password even for its names")
			return nil
		case kind == 0x7b:
			return nil
		case kind == 0x74 && n == len(h) && size > int64(len(h)):
			w.oldRAREntry(f, c, at, h[:], off, size, more)
		}
		off += size + more
	}
	if off > c.size && !w.over {
		return fmt.Errorf("rar: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// oldRAREntry looks at a file by its header.
func (w *walker) oldRAREntry(f *File, c content, at place, h []byte, off, size, packed int64) {
	flags := binary.LittleEndian.Uint16(h[3:])
	unpacked := int64(binary.LittleEndian.Uint32(h[11:]))
	method := h[25]
	begin := int64(len(h))
	if flags&0x100 != 0 { // sizes of 64 bits
		begin += 8
	}
	name := make([]byte, min(int64(binary.LittleEndian.Uint16(h[26:])), max(size-begin, 0), 4*maxName))
	n, _ := c.ReadAt(name, off+begin)
	text, _, _ := strings.Cut(string(name[:n]), "\x00") // behind the zero is the same in Unicode, packed
	switch {
	case flags&0xe0 == 0xe0: // a directory
	case flags&4 != 0:
		w.unseen(text, unpacked, at, errSecret)
		w.flag(f, Encrypted, "holds files that need a password")
	case method == 0x30 && flags&3 == 0:
		w.file(text, w.packed(f, io.NewSectionReader(c, off+size, min(packed, max(0, c.size-off-size))), max(packed, 1)), packed, at)
	default:
		w.unseen(text, unpacked, at, errMethod)
	}
}
