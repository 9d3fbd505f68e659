package attachment

import (
	"fmt"
	"io"
)

// streams reports whether what a kind holds is read from its beginning to its end, without
// keeping it.
func (k Kind) streams() bool {
	switch k {
	case Gzip, Bzip2, XZ, LZMA, Zstd, Tar:
		return true
	}
	return false
}

// wanted reports whether a kind is looked into with its content at hand.
func (k Kind) wanted() bool {
	switch k {
	case Zip, SevenZip, RAR, RAR5, Cab, ISO, OLE, RTF, PDF, HTML, SVG, XML, Text, Message, TNEF, OneNote, Shortcut:
		return true
	}
	return false
}

// An extra is more that judge is told.
type extra func(*opened)

type opened struct{ stream io.Reader }

func withStream(r io.Reader) extra { return func(o *opened) { o.stream = r } }

// judge says what a file is, and looks into it. Where a library panics the file is broken.
func (w *walker) judge(f *File, c content, head []byte, at place, more ...extra) {
	o := opened{}
	for _, m := range more {
		m(&o)
	}
	f.Kind = kindOf(head)
	if o.stream == nil && c.ReaderAt != nil {
		o.stream = c.reader()
	}
	w.inside(f, c, o.stream, at)
	if at.depth > 0 && c.ReaderAt != nil && !f.Kind.mayEndAsZip() {
		w.innerBehind(f, c, at)
	}
	if at.inner && f.Kind.runs() == "" {
		f.Flags = append(f.Flags, innerFlags(nameFlags(f.Name, f.Kind))...)
		return
	}
	f.Flags = append(f.Flags, contentFlags(f.Name, f.Kind)...)
	f.Flags = append(f.Flags, nameFlags(f.Name, f.Kind)...)
}

// innerBehind looks for a zip at the end of a file inside another, which is at hand.
func (w *walker) innerBehind(f *File, c content, at place) {
	n := min(c.size, maxEnd)
	if n <= 0 || int64(w.memory) < n {
		return
	}
	w.memory -= int(n)
	b := make([]byte, n)
	got, _ := c.ReadAt(b, c.size-n)
	ends := endsAsZip(b[:got])
	w.release(int(n))
	if ends {
		w.behind(f, c, at)
	}
}

// inside looks into a file of a kind that can hold something.
func (w *walker) inside(f *File, c content, stream io.Reader, at place) {
	if !f.Kind.streams() && !f.Kind.wanted() {
		switch f.Kind {
		case ARJ, LZH, ACE:
			w.flag(f, Unopened, "%s archives are not looked into: it may hold anything", f.Kind)
		case LZ4, Compress, WIM:
			w.flag(f, Unread, "%s archives are not looked into", f.Kind)
		}
		return
	}
	if w.over || stream == nil {
		return
	}
	if at.depth >= w.limits.Depth && (f.Kind.Archive() || f.Kind == Message) {
		w.burst(f, fmt.Sprintf("archives in archives, more than %d deep", w.limits.Depth))
		return
	}
	defer func() {
		if p := recover(); p != nil {
			w.flag(f, Broken, "%s", panicked)
		}
	}()
	w.unreadable(f, w.open(f, c, stream, at.in(f)))
}

// open looks into a file; at is where that is.
func (w *walker) open(f *File, c content, stream io.Reader, at place) error {
	switch f.Kind {
	case Gzip:
		return w.gzip(f, stream, at)
	case Bzip2:
		return w.bzip2(f, stream, at)
	case Zstd:
		return w.zstd(f, stream, at)
	case XZ:
		return w.xz(f, stream, at)
	case LZMA:
		return w.lzma(f, stream, at)
	case Tar:
		return w.tar(f, stream, at)
	case Zip:
		return w.zip(f, c, at)
	case SevenZip:
		return w.sevenZip(f, c, at)
	case RAR5:
		return w.rar(f, c, at)
	case RAR:
		return w.oldRAR(f, c, at)
	case Cab:
		return w.cab(f, c, at)
	case ISO:
		return w.iso(f, c, at)
	case TNEF:
		return w.tnef(f, c, at)
	case Message:
		return w.nested(f, c, at)
	}
	return w.document(f, c, at)
}

// document looks into what is no archive.
func (w *walker) document(f *File, c content, at place) error {
	switch f.Kind {
	case OLE:
		return w.ole(f, c, at)
	case PDF:
		return w.pdf(f, c, at)
	case OneNote:
		return w.oneNote(f, c, at)
	case RTF:
		return w.scanned(f, c, at, w.rtf)
	case HTML:
		return w.scanned(f, c, at, w.html)
	case SVG:
		return w.scanned(f, c, at, w.svg)
	case XML:
		return w.scanned(f, c, at, w.xml)
	case Text:
		return w.scanned(f, c, at, w.text)
	case Shortcut:
		return w.scanned(f, c, at, w.shortcut)
	}
	return nil
}

// What is looked at of a text, in octets: its beginning, and its end where that is further on. What is
// between is unread.
const (
	maxScan = 2 << 20
	maxTail = 1 << 20
)

// scanned gives a scanner the beginning of a file. A browser shows text that is named as a
// page as one.
func (w *walker) scanned(f *File, c content, at place, scan func(*File, []byte, place)) error {
	n := int(min(c.size, maxScan+maxTail, int64(w.memory)))
	if n <= 0 {
		return nil
	}
	b := make([]byte, n)
	w.memory -= n
	defer w.release(n)
	cut := c.size > int64(n)
	first := n
	if cut {
		first = n - n/3
	}
	got, err := c.ReadAt(b[:first], 0)
	if got < first && notEOF(err) != nil {
		return err
	}
	if cut && got == first {
		last, err := c.ReadAt(b[first:], c.size-int64(n-first))
		if got += last; notEOF(err) != nil {
			return err
		}
		if f.Kind == HTML || f.Kind == SVG || isPage(Extension(f.Name)) {
			w.cut("a page too long to be read")
			w.flag(f, Unread, "a page of more than %d MiB", (maxScan+maxTail)>>20)
		}
	}
	scan(f, b[:got], at)
	return nil
}

// panicked is what is said of a file whose reader panicked.
const panicked = "its reader failed inside"
