package attachment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// cab reads the names of the files in a cabinet ([MS-CAB] §2); their contents are not looked
// at. No library that is kept reads them.
func (w *walker) cab(f *File, c content, at place) error {
	var h [36]byte
	if n, _ := c.ReadAt(h[:], 0); n < len(h) {
		return fmt.Errorf("cab: %w", io.ErrUnexpectedEOF)
	}
	off, files := int64(binary.LittleEndian.Uint32(h[16:])), int(binary.LittleEndian.Uint16(h[28:]))
	for range files {
		if w.over {
			return nil
		}
		var e [16 + maxName + 1]byte
		n, _ := c.ReadAt(e[:], off)
		if n < 17 {
			return fmt.Errorf("cab: %w", io.ErrUnexpectedEOF)
		}
		end := bytes.IndexByte(e[16:n], 0)
		if end < 0 {
			return errors.New("cab: a name without end")
		}
		w.unseen(string(e[16:16+end]), int64(binary.LittleEndian.Uint32(e[:])), at, errMethod)
		off += int64(16 + end + 1)
	}
	return nil
}

// sector is the block of ISO 9660, in octets.
const sector = 2048

// iso reads the files of a CD image (ECMA-119), by the names of Joliet where it has them:
// Windows shows those. The library for it knows no Joliet and no bounds. Of UDF and of disks
// with other file systems nothing is read: an image is dangerous by itself.
func (w *walker) iso(f *File, c content, at place) error {
	var root []byte
	joliet := false
	for n := int64(16); n < 16+64; n++ {
		var d [sector]byte
		if got, _ := c.ReadAt(d[:], n*sector); got < sector || string(d[1:6]) != "CD001" || d[0] == 255 {
			break
		}
		second := d[0] == 2 && d[88] == '%' && d[89] == '/' && strings.IndexByte("@CE", d[90]) >= 0
		if d[0] == 1 && root == nil || second {
			root, joliet = append([]byte(nil), d[156:190]...), second
		}
	}
	if root == nil {
		w.flag(f, Unread, "its file system is not read")
		return nil
	}
	i := isoImage{w: w, f: f, c: c, joliet: joliet, budget: maxDirectory, seen: map[int64]bool{}}
	return i.directory(root, at, "", 0)
}

type isoImage struct {
	w      *walker
	f      *File
	c      content
	joliet bool
	budget int64 // octets of directories that are read
	seen   map[int64]bool
}

// directory looks at the files of a directory, which a record describes.
func (i *isoImage) directory(record []byte, at place, path string, deep int) error {
	begin, size := int64(binary.LittleEndian.Uint32(record[2:]))*sector, int64(binary.LittleEndian.Uint32(record[10:]))
	if i.seen[begin] || deep > 16 {
		return errors.New("iso: directories in a circle")
	}
	i.seen[begin] = true
	for off := int64(0); off < size && !i.w.over; off += sector {
		if i.budget -= sector; i.budget < 0 {
			i.w.burst(i.f, "its directory is too large")
			return nil
		}
		b := make([]byte, sector)
		if n, _ := i.c.ReadAt(b, begin+off); n < sector {
			return fmt.Errorf("iso: %w", io.ErrUnexpectedEOF)
		}
		for len(b) > 34 && b[0] > 33 && int(b[0]) <= len(b) {
			if err := i.entry(b[:b[0]], at, path, deep); err != nil {
				return err
			}
			b = b[b[0]:]
		}
	}
	return nil
}

func (i *isoImage) entry(e []byte, at place, path string, deep int) error {
	n := int(e[32])
	if 33+n > len(e) {
		return errors.New("iso: a name outside its record")
	}
	name := string(e[33 : 33+n])
	if n == 1 && e[33] <= 1 { // the directory itself, and the one above
		return nil
	}
	if i.joliet {
		name = bigEndian16(e[33 : 33+n])
	}
	name, _, _ = strings.Cut(name, ";")
	name = path + name
	if e[25]&2 != 0 {
		return i.directory(e, at, name+"/", deep+1)
	}
	begin, size := int64(binary.LittleEndian.Uint32(e[2:]))*sector, int64(binary.LittleEndian.Uint32(e[10:]))
	body := io.NewSectionReader(i.c, min(begin, i.c.size), max(0, min(size, i.c.size-begin)))
	i.w.file(name, i.w.packed(i.f, body, max(i.c.size, 1)), size, at)
	return nil
}

// bigEndian16 reads UTF-16.
func bigEndian16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.BigEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// littleEndian16 reads UTF-16 up to a zero.
func littleEndian16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		units = append(units, c)
	}
	return string(utf16.Decode(units))
}
