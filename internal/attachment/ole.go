package attachment

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/richardlehane/mscfb"
)

// maxTables bounds what is read of a compound file before its streams, in octets.
const maxTables = 4 << 20

// ole looks into a compound file ([MS-CFB]): old office documents, mails of Outlook,
// installers, objects in other documents, new office documents that need a password.
func (w *walker) ole(f *File, c content, at place) error {
	p := &purse{ReaderAt: c, left: maxTables}
	d, err := mscfb.New(p)
	if p.spent {
		w.flag(f, Unread, "%v", errRoom)
		return nil
	}
	if err != nil {
		return err
	}
	p.left = 1 << 62
	o := oleFile{w: w, f: f, size: c.size, at: at, names: map[string]string{}}
	if len(d.File) > 0 {
		o.class(d.File[0])
	}
	for _, e := range d.File {
		o.attachmentName(e)
	}
	for _, e := range d.File {
		if w.over {
			return nil
		}
		o.entry(e)
	}
	return nil
}

type oleFile struct {
	w     *walker
	f     *File
	size  int64
	at    place
	names map[string]string // of attachments in a mail, by their storage
}

// class looks at what a storage is made by.
func (o *oleFile) class(e *mscfb.File) {
	switch id := strings.ToLower(strings.Trim(e.ID(), "{}")); id {
	case "000c1084-0000-0000-c000-000000000046", "000c1086-0000-0000-c000-000000000046", "000c1082-0000-0000-c000-000000000046":
		o.f.Kind = MSI
	case "0002ce02-0000-0000-c000-000000000046":
		o.w.flag(o.f, Macro, "an object of the Equation Editor")
	}
}

// stream reads a stream of the file, of which not more comes than the file is long.
func (o *oleFile) stream(e *mscfb.File) io.Reader {
	return io.LimitReader(o.w.packed(o.f, e, o.size), o.size)
}

// beginning returns the first octets of a stream.
func (o *oleFile) beginning(e *mscfb.File, most int) []byte {
	n := min(most, int(min(e.Size, o.size)), o.w.memory)
	b := make([]byte, max(n, 0))
	got, _ := io.ReadFull(o.stream(e), b)
	return b[:got]
}

func (o *oleFile) entry(e *mscfb.File) {
	low := strings.ToLower(e.Name)
	if e.FileInfo().IsDir() {
		o.class(e)
	}
	switch low {
	case "_vba_project", "_vba_project_cur":
		o.w.flag(o.f, Macro, "VBA project")
	case "equation native":
		o.w.flag(o.f, Macro, "an object of the Equation Editor")
	case "encryptedpackage", "encryptedsummary":
		o.w.flag(o.f, Encrypted, "needs a password")
	case "workbook", "book":
		o.workbook(o.beginning(e, 1<<20))
	case "worddocument":
		o.word(o.beginning(e, 1<<20))
	case "powerpoint document":
		o.slides(o.beginning(e, 1<<20))
	case "current user":
		if b := o.beginning(e, 20); len(b) >= 16 && binary.LittleEndian.Uint32(b[12:]) == 0xf3d1c4df { // [MS-PPT] §2.3.2
			o.w.flag(o.f, Encrypted, "needs a password")
		}
	case "ole10native":
		o.native(o.beginning(e, 8<<10), e)
	case "package":
		if !e.FileInfo().IsDir() {
			o.w.file("package", o.stream(e), e.Size, o.at)
		}
	case "__substg1.0_37010102":
		o.w.file(o.names[strings.Join(e.Path, "/")], o.stream(e), e.Size, o.at)
	}
}

// attachmentName notes the name of an attachment in a mail of Outlook ([MS-OXMSG] §2.2.2).
func (o *oleFile) attachmentName(e *mscfb.File) {
	low := strings.ToLower(e.Name)
	if !strings.HasPrefix(low, "__substg1.0_3707") && !strings.HasPrefix(low, "__substg1.0_3704") || len(o.names) > maxFiles {
		return
	}
	key := strings.Join(e.Path, "/")
	if strings.HasPrefix(low, "__substg1.0_3704") && o.names[key] != "" {
		return
	}
	b := o.beginning(e, 2*maxName)
	if strings.HasSuffix(low, "001f") {
		o.names[key] = littleEndian16(b)
		return
	}
	b, _, _ = bytes.Cut(b, []byte{0})
	o.names[key] = string(b)
}

// workbook looks at the first records of a sheet of Excel ([MS-XLS] §2.3): macro sheets, links
// that start programs, a password.
func (o *oleFile) workbook(b []byte) {
	for len(b) >= 4 {
		kind, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		b = b[4:]
		if n > len(b) {
			return
		}
		switch body := b[:n]; kind {
		case 0x000a: // the end of what is of the whole book
			return
		case 0x002f:
			o.w.flag(o.f, Encrypted, "needs a password")
		case 0x0085:
			if n > 5 && body[5] == 1 {
				o.w.flag(o.f, Macro, "Excel 4 macros")
			}
		case 0x01ae:
			if n > 4 && bytes.IndexByte(body[4:], 3) >= 0 {
				o.w.flag(o.f, Macro, "DDE link")
			}
		}
		b = b[n:]
	}
}

// word looks at a document of Word ([MS-DOC] §2.5.2): a password, fields that start programs.
func (o *oleFile) word(b []byte) {
	if len(b) > 12 && b[11]&1 != 0 {
		o.w.flag(o.f, Encrypted, "needs a password")
	}
	for _, field := range []string{"\x13 DDE", "\x13DDE", "\x13\x00 \x00D\x00D\x00E\x00", "\x13\x00D\x00D\x00E\x00"} {
		if bytes.Contains(lower(b), lower([]byte(field))) {
			o.w.flag(o.f, Macro, "DDE field")
		}
	}
}

// slides looks for the record that says that there is a VBA project ([MS-PPT] §2.4.11).
func (o *oleFile) slides(b []byte) {
	for {
		i := bytes.Index(b, []byte("\x02\x00\x00\x04\x0c\x00\x00\x00"))
		if i < 0 || i+16 > len(b) {
			return
		}
		if binary.LittleEndian.Uint32(b[i+12:]) != 0 {
			o.w.flag(o.f, Macro, "VBA project")
			return
		}
		b = b[i+8:]
	}
}

// native looks at a file that is wrapped as an object "Package" ([MS-OLEDS] §2.3.6, and what
// Windows writes in it): a name, paths, the content. A click on its picture opens it, so
// that the file says what it is worth; what Paint makes is wrapped likewise.
func (o *oleFile) native(b []byte, e *mscfb.File) {
	if len(b) > 4 && bytes.HasPrefix(b[4:], []byte("BM")) {
		return
	}
	name, begin, size, ok := nativeFile(b)
	if !ok || binary.LittleEndian.Uint16(b[4:]) != 2 {
		o.w.flag(o.f, Macro, "a file in the document")
		return
	}
	at := o.at
	at.inner = false // it is no part of the document: it may be named as it likes
	r := o.streamFrom(e, begin)
	if file := o.w.file(name, io.LimitReader(r, size), size, at); len(file.Flags) > 0 {
		o.w.flag(o.f, Macro, "a file in the document: %s", cleanName(name))
	}
}

// streamFrom reads a stream from an offset on.
func (o *oleFile) streamFrom(e *mscfb.File, begin int64) io.Reader {
	if _, err := e.Seek(begin, io.SeekStart); err != nil {
		return bytes.NewReader(nil)
	}
	return o.stream(e)
}

// nativeFile reads the head of a wrapped file.
func nativeFile(b []byte) (name string, begin, size int64, ok bool) {
	if len(b) < 6 {
		return "", 0, 0, false
	}
	rest := b[6:]
	text := func() string {
		s, after, found := bytes.Cut(rest, []byte{0})
		if !found {
			rest = nil
			return ""
		}
		rest = after
		return string(s)
	}
	name = text()
	text() // the path it had
	if len(rest) < 8 {
		return name, 0, 0, false
	}
	n := int(min(binary.LittleEndian.Uint32(rest[4:]), 1<<16))
	if len(rest) < 8+n+4 {
		return name, 0, 0, false
	}
	rest = rest[8+n:]
	size = int64(binary.LittleEndian.Uint32(rest))
	return name, int64(len(b) - len(rest) + 4), size, true
}

// oneNoteFile is the mark in front of each file in a notebook ([MS-ONESTORE] §2.6.13).
const oneNoteFile = "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"

// oneNote looks at the files in a notebook, one after the other.
func (w *walker) oneNote(f *File, c content, at place) error {
	const head = 36 // mark, length 8, unused 4, reserved 8
	buf := make([]byte, 64<<10)
	for off, n := int64(0), 0; off < c.size && !w.over; {
		if err := w.may(); err != nil {
			return err
		}
		got, err := c.ReadAt(buf, off)
		i := bytes.Index(buf[:got], []byte(oneNoteFile))
		if i < 0 {
			if notEOF(err) != nil {
				return err
			}
			if got < len(buf) {
				return nil
			}
			off += int64(got - head)
			continue
		}
		if i+head > got && got == len(buf) {
			off += int64(i)
			continue
		}
		if i+head > got {
			return nil
		}
		begin, size := off+int64(i)+head, binary.LittleEndian.Uint64(buf[i+16:])
		n++
		left := max(c.size-begin, 0)
		if size > uint64(left) {
			size = uint64(left)
		}
		w.file(fmt.Sprintf("file %d", n), w.packed(f, io.NewSectionReader(c, begin, int64(size)), c.size), int64(size), at)
		off = begin + int64(size)
	}
	return nil
}
