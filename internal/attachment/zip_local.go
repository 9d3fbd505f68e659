package attachment

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"io"
)

// localHeader begins each file of a zip, in front of its content.
const (
	localHeader = "PK\x03\x04"
	localSize   = 30 // octets of one, without the name and what follows it
)

// hiddenBeginning reports whether an archive begins with a file that its directory does not
// have: one archive in front of another, or a file that only some programs unpack.
func (w *walker) hiddenBeginning(c content, z *zip.Reader) bool {
	var h [localSize]byte
	if n, _ := c.ReadAt(h[:], 0); n < len(h) || string(h[:4]) != localHeader {
		return false
	}
	first := localSize + int64(h[26]) + int64(h[27])<<8 + int64(h[28]) + int64(h[29])<<8
	for _, e := range z.File {
		if w.may() != nil {
			return false
		}
		if off, err := e.DataOffset(); err == nil && off == first {
			return false
		}
	}
	return true
}

// zipFiles reads the files of an archive without its directory one after the other, as some
// programs do with what is cut short, and returns err for the archive.
func (w *walker) zipFiles(f *File, c content, at place, err error) error {
	for off := int64(0); off+localSize < c.size && !w.over; {
		var h [localSize]byte
		if n, _ := c.ReadAt(h[:], off); n < localSize || string(h[:4]) != localHeader {
			break
		}
		next := w.localFile(f, c, at, h[:], off)
		if next <= off {
			break
		}
		off = next
	}
	return err
}

// localFile looks at a file by the header at off and returns where the next one's is, or 0.
func (w *walker) localFile(f *File, c content, at place, h []byte, off int64) int64 {
	flags, method := int(h[6])|int(h[7])<<8, int(h[8])|int(h[9])<<8
	packed := int64(h[18]) | int64(h[19])<<8 | int64(h[20])<<16 | int64(h[21])<<24
	names, more := int64(h[26])|int64(h[27])<<8, int64(h[28])|int64(h[29])<<8
	b := make([]byte, min(names, maxName))
	n, _ := c.ReadAt(b, off+localSize)
	name := string(b[:n])
	begin := off + localSize + names + more
	body := io.NewSectionReader(c, min(begin, c.size), max(0, c.size-begin))
	told := flags&8 == 0 && packed > 0 // how long it is; else it is told behind it
	switch {
	case flags&1 != 0:
		w.unseen(name, 0, at, errSecret)
		w.flag(f, Encrypted, "holds files that need a password")
	case method == 8:
		in := &octets{r: bufio.NewReader(body)}
		w.file(name, &meter{w: w, f: f, r: flate.NewReader(in), in: func() int64 { return in.n }}, 0, at)
		if !told {
			return nextHeader(c, begin+in.n)
		}
	case method == 0 && packed > 0:
		w.file(name, w.packed(f, io.LimitReader(body, packed), packed), packed, at)
	case method == 0 && flags&8 == 0: // a directory, or an empty file
		return begin
	default:
		w.unseen(name, 0, at, errMethod)
	}
	if !told {
		return 0
	}
	return begin + packed
}

// nextHeader finds the header behind a file's content and what is told of that behind it.
func nextHeader(c content, off int64) int64 {
	var b [24 + len(localHeader)]byte
	n, _ := c.ReadAt(b[:], off)
	i := bytes.Index(b[:n], []byte(localHeader))
	if i < 0 {
		return 0
	}
	return off + int64(i)
}

// octets counts what a decompressor takes, which is not more than it needs.
type octets struct {
	r *bufio.Reader
	n int64
}

// Read implements io.Reader.
func (o *octets) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	o.n += int64(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (o *octets) ReadByte() (byte, error) {
	c, err := o.r.ReadByte()
	if err == nil {
		o.n++
	}
	return c, err
}

// maxEnd is where the end of a zip's directory can begin at the earliest, from the end of the
// file: itself, and a comment.
const maxEnd = 22 + 1<<16

// endsAsZip reports whether the last octets of a file are the end of a zip's directory
// (APPNOTE.TXT §4.3.16), up to the very last one.
func endsAsZip(tail []byte) bool {
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	return i >= 0 && len(tail)-i >= 22 && i+22+int(tail[i+20])+int(tail[i+21])<<8 == len(tail)
}

// mayEndAsZip reports whether a kind may honestly end as a zip does, since it holds files as they are.
func (k Kind) mayEndAsZip() bool {
	switch k {
	case OLE, TNEF, Message, OOXML, ODF:
		return true
	}
	return k.Archive() || k.mounts() != "" || k.runs() != ""
}

// behind looks into a zip behind something else, which programs that unpack find.
func (w *walker) behind(f *File, c content, at place) {
	zip := *f
	zip.Kind = Zip
	w.inside(&zip, c, c.reader(), at)
	f.Flags = zip.Flags
	if what := zip.Kind.runs(); what != "" {
		w.flag(f, Executable, "%s behind other content", what)
	}
	if f.Kind != Unknown || unpacks(Extension(f.Name)) {
		w.flag(f, Disguised, "a zip behind what is: %s", f.Kind)
	}
}
