package attachment

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// A pdfScan goes through a PDF (ISO 32000) for names that make a reader do something. It does
// not follow the table of objects, which hostile files have wrong or twice: it reads from
// the beginning to the end, streams left out but for those that hold objects or files.
type pdfScan struct {
	w     *walker
	f     *File
	c     content
	at    place
	files int
	inner int // how many streams of objects it is in
	lex   pdfLexer
	found bool // an object began in what is said to be a stream
}

// Bounds of a scan, in octets.
const (
	pdfWindow     = 64 << 10
	pdfToken      = 128     // a name is shorter, however it is written
	pdfDictionary = 4 << 10 // of what stands before a stream
	pdfObjects    = 4 << 20 // of one stream of objects, unpacked
	maxPDFFiles   = 100
)

func (w *walker) pdf(f *File, c content, at place) error {
	s := &pdfScan{w: w, f: f, c: c, at: at}
	return s.scan(c.reader())
}

// scan reads tokens in windows; what may belong to the next one is kept.
func (s *pdfScan) scan(r io.Reader) error {
	buf := make([]byte, 0, pdfWindow)
	base, skip := int64(0), false
	for {
		if err := s.w.ctx.Err(); err != nil {
			return errTime
		}
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := err != nil
		if last && notEOF(err) != nil && err != io.ErrUnexpectedEOF {
			return err
		}
		var used int
		used, skip = s.window(buf, base, skip, last)
		base += int64(used)
		buf = buf[:copy(buf, buf[used:])]
		if last || s.w.over {
			return nil
		}
	}
}

// window goes through a part of the file and returns how much of it is done with, and
// whether it ends within a stream.
func (s *pdfScan) window(b []byte, base int64, skip, last bool) (used int, _ bool) {
	for {
		if skip {
			i := bytes.Index(b[used:], []byte("endstream"))
			if i < 0 {
				return s.long(b, used, s.keep(b, used, last, pdfToken)), true
			}
			s.long(b[:used+i], used, used+i)
			used += i + len("endstream")
			s.lex, s.found, skip = pdfLexer{}, false, false
		}
		i := streamAt(b[used:])
		if i < 0 || used+i+16 > len(b) && !last {
			return s.names(b, used, s.keep(b, used, last, pdfDictionary)), false
		}
		from, at := used, used+i
		used = s.names(b, used, at)
		if s.lex.text() { // the word stands in a title
			used = s.names(b, used, at+len("stream"))
			continue
		}
		begin := at + len("stream")
		for begin < len(b) && (b[begin] == '\r' || b[begin] == '\n') && begin < at+8 {
			begin++
		}
		s.stream(b[max(from, at-pdfDictionary):at], base+int64(begin))
		s.lex, s.found = pdfLexer{}, false
		used, skip = min(begin, len(b)), true
	}
}

// keep returns how much of a window is done with where what stands in its last octets may go on.
func (s *pdfScan) keep(b []byte, used int, last bool, room int) int {
	if last {
		return len(b)
	}
	return max(used, len(b)-room)
}

// streamAt finds the keyword that begins a stream behind its dictionary.
func streamAt(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte("stream"))
		if i < 0 {
			return -1
		}
		i += from
		before := bytes.TrimRight(b[max(0, i-16):i], " \t\r\n\x00\f")
		after := byte('\n')
		if i+6 < len(b) {
			after = b[i+6]
		}
		if bytes.HasSuffix(before, []byte(">>")) && (after == '\r' || after == '\n' || after == ' ') {
			return i
		}
		from = i + 6
	}
}

// names looks at the names in a stretch without streams, and returns where it goes on: a
// token may reach beyond the end of the stretch.
func (s *pdfScan) names(b []byte, from, end int) int {
	for from < end {
		var at pdfNameAt
		if at, from = s.lex.next(b, from); at.name != "" {
			s.named(at)
		}
	}
	return from
}

// named looks at a name: a key, or the value of a key.
func (s *pdfScan) named(at pdfNameAt) {
	action := at.of == "S" || at.bare // ISO 32000 §12.6.2
	switch name := at.name; {
	case (name == "JavaScript" || name == "JS") && (action || at.of == ""):
		s.w.flag(s.f, Active, "a PDF with a script")
	case name == "Launch" && action:
		s.w.flag(s.f, Active, "a PDF that starts a program")
	case name == "Encrypt" && at.of == "" && s.inner == 0:
		s.w.flag(s.f, Unread, "a PDF that is encrypted")
	case (name == "GoToE" || name == "ImportData") && action:
		s.w.flag(s.f, Active, "a PDF that opens another file (%s)", name)
	}
}

// long looks at a stretch of what is said to be a stream, for objects that a reader finds in
// there: they begin with their number. Pictures and texts have names by chance.
func (s *pdfScan) long(b []byte, from, end int) int {
	for i := from; !s.found; i += len("obj") {
		n := bytes.Index(b[i:], []byte("obj"))
		if n < 0 {
			return end
		}
		i += n
		before := b[max(0, i-8):i]
		number := bytes.TrimRight(before, " \t\r\n\x00\f")
		s.found = 0 < len(number) && len(number) < len(before) && '0' <= number[len(number)-1] && number[len(number)-1] <= '9'
		from = i
	}
	return s.names(b, from, max(from, end))
}

// pdfName reads a name, in which #xx is an octet, and how many octets it took.
func pdfName(b []byte) (string, int) {
	var out [32]byte
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c <= ' ' || isPDFDelimiter(c) {
			return string(out[:n]), i
		}
		if c == '#' && i+2 < len(b) {
			high, ok := hexValue(b[i+1])
			low, ok2 := hexValue(b[i+2])
			if ok && ok2 {
				c = high<<4 | low
				i += 2
			}
		}
		if n == len(out) {
			return "", i + 1
		}
		out[n] = c
		n++
	}
	return string(out[:n]), len(b)
}

// stream looks at a stream by the dictionary before it: objects, a file, or neither.
func (s *pdfScan) stream(before []byte, begin int64) {
	if i := bytes.LastIndex(before, []byte(" obj")); i >= 0 {
		before = before[i:]
	}
	var objects, file, flate, other bool
	for b := before; ; {
		i := bytes.IndexByte(b, '/')
		if i < 0 {
			break
		}
		name, n := pdfName(b[i+1:])
		b = b[i+1+n:]
		switch name {
		case "ObjStm":
			objects = true
		case "EmbeddedFile":
			file = true
		case "FlateDecode", "Fl":
			flate = true
		case "LZWDecode", "ASCIIHexDecode", "ASCII85Decode", "AHx", "A85", "RunLengthDecode", "Crypt":
			other = true
		}
	}
	if !objects && !file || s.inner > 0 || s.w.over {
		return
	}
	if other {
		s.w.flag(s.f, Unread, "a PDF with objects packed by a method that is not read")
		return
	}
	body := io.NewSectionReader(s.c, min(begin, s.c.size), max(0, s.c.size-begin))
	s.unpacked(body, flate, file)
}

func (s *pdfScan) unpacked(body io.Reader, flate, file bool) {
	r := io.Reader(&untilEnd{r: body})
	if flate {
		in := &counter{r: body}
		z, err := zlib.NewReader(in)
		if err != nil {
			return // encrypted, or damaged
		}
		r = s.w.unpacked(s.f, z, in)
	}
	if file {
		if s.files++; s.files <= maxPDFFiles {
			s.w.file(fmt.Sprintf("file %d", s.files), &lenient{r}, 0, s.at)
		}
		return
	}
	s.inner++
	s.lex = pdfLexer{}
	_ = s.scan(io.LimitReader(&lenient{r}, pdfObjects))
	s.inner--
}

// lenient ends where a packed stream is damaged: what came before is shown by readers.
type lenient struct{ r io.Reader }

// Read implements io.Reader.
func (l *lenient) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && err != errOver && err != errFull && err != errTime {
		err = io.EOF
	}
	return n, err
}

// untilEnd ends where a stream that is not packed says that it ends.
type untilEnd struct {
	r    io.Reader
	held []byte // may begin the word
	done bool
}

// Read implements io.Reader.
func (u *untilEnd) Read(p []byte) (int, error) {
	const word = "endstream"
	if u.done {
		return 0, io.EOF
	}
	b := make([]byte, len(u.held)+4<<10)
	n := copy(b, u.held)
	got, err := u.r.Read(b[n:])
	b = b[:n+got]
	if i := bytes.Index(b, []byte(word)); i >= 0 {
		b, u.done, u.held = b[:i], true, nil
	} else if err == nil && len(b) >= len(word) {
		u.held = append(u.held[:0], b[len(b)-len(word)+1:]...)
		b = b[:len(b)-len(u.held)]
	} else if err == nil {
		u.held = append(u.held[:0], b...)
		b = nil
	}
	m := copy(p, b)
	if m < len(b) {
		u.held = append(append([]byte(nil), b[m:]...), u.held...)
		if u.done {
			u.r, u.done = bytes.NewReader([]byte(word)), false
		}
	}
	if err != nil && !u.done && m == len(b) {
		return m, err
	}
	return m, nil
}
