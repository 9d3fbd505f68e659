package attachment

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// Inspect looks at a message's attachments. An error means that the message could not be
// read, or that ctx ended; what the message itself is to blame for is in the report.
func Inspect(ctx context.Context, m *mail.Message, limits Limits) (*Report, error) {
	own, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	w := &walker{ctx: own, limits: limits, report: &Report{}, memory: limits.Memory}
	w.message(m, place{})
	if err := m.Err(); err != nil {
		return nil, fmt.Errorf("attachment: read message: %w", err)
	}
	if w.failed != nil {
		return nil, fmt.Errorf("attachment: read message: %w", w.failed)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("attachment: %w", context.Cause(ctx))
	}
	return w.report, nil
}

// Sums returns the SHA-256 of what tells one sender's attachments from those of others:
// attachments, and what runs inside archives, each once and maxSums at most. It is what a
// message teaches.
func Sums(m *mail.Message) (list []Sum) {
	r, err := Inspect(context.Background(), m, DefaultLimits())
	if err != nil {
		return nil
	}
	return r.Sums()
}

// maxSums bounds Sums.
const maxSums = 50

// Sums returns what Sums does of the message.
func (r *Report) Sums() (list []Sum) {
	known := map[Sum]bool{}
	for i := range r.Files {
		f := &r.Files[i]
		if !f.Telling() || known[f.Sum] || f.Depth > 0 && !f.Has(Executable) && !f.Has(Macro) {
			continue
		}
		if len(list) == maxSums {
			break
		}
		known[f.Sum] = true
		list = append(list, f.Sum)
	}
	return list
}

// A walker is one inspection under way.
type walker struct {
	ctx      context.Context
	limits   Limits
	report   *Report
	memory   int   // octets that may still be kept
	expanded int64 // octets out of decompressors
	plainly  int   // files in the report without flags
	kept     int   // files in the report
	readings int   // other ways in which parts were read
	others   int   // how many of them are under way, one in the other
	failed   error // the message could not be read
	over     bool  // a bomb went off: nothing more is read
	buf      []byte
}

// A place is where a file is: in which others.
type place struct {
	path  string
	depth int
	inner bool // in an office document: parts of it are no files of their own

	altered bool // what is read is not quite the content
}

func (p place) in(f *File) place { return place{path: f.Path, depth: p.depth + 1, inner: p.inner} }

// message looks at all parts of a message.
func (w *walker) message(m *mail.Message, at place) {
	if why := unseenParts(m); why != "" {
		f := w.begin("", at)
		f.Kind = Message
		w.cut(why)
		w.flag(f, Bomb, "%s", why)
		w.end(f)
	}
	var parts []*mail.Part
	for p := range m.Root().All() {
		if attached(p) {
			parts = append(parts, p)
		} else {
			w.named(p, at)
		}
		w.again(m, p, at)
	}
	// Small ones first: what takes all the time or room there is hides none of the others.
	order := slices.Clone(parts)
	slices.SortStableFunc(order, func(a, b *mail.Part) int { return cmp.Compare(a.End-a.Body, b.End-b.Body) })
	found := make(map[*mail.Part][]File, len(parts))
	before := w.report.Files
	for _, p := range order {
		if w.over {
			break
		}
		w.report.Files = nil
		w.part(m, p, at)
		found[p] = w.report.Files
	}
	w.report.Files = before
	for _, p := range parts {
		w.report.Files = append(w.report.Files, found[p]...)
	}
	for _, text := range written(m) {
		w.uuencoded([]byte(text), at)
	}
}

func (w *walker) part(m *mail.Message, p *mail.Part, at place) {
	names := append(p.Names(), "")
	f := w.begin(names[0], at)
	f.Declared = p.Type + "/" + p.Subtype
	if p.IsMultipart() { // without parts: what it holds is a file, encoded as it says
		leaf := *p
		leaf.Type = "application"
		p = &leaf
	}
	src := newSource(m, p)
	h := sha256.New()
	err := src.scan(w.ctx, h, w.buffer())
	if err != nil && !errors.Is(err, errTime) {
		w.failed = err
	}
	f.Size = src.size
	f.Hashed = err == nil
	h.Sum(f.Sum[:0])
	c := content{ReaderAt: src, size: src.size}
	if err != nil { // it is not all there, so that what is in it would seem broken
		c = content{}
	}
	w.judge(f, c, src.head(), at)
	w.unreadable(f, err)
	w.alsoNamed(f, names[:len(names)-1])
	if err == nil && !f.Kind.mayEndAsZip() && endsAsZip(src.tail) {
		w.partBehind(f, m, p, at)
	}
	w.end(f)
}

// buffer returns what parts are decoded through.
func (w *walker) buffer() []byte {
	if w.buf == nil {
		w.buf = make([]byte, 32<<10)
	}
	return w.buf
}

// partBehind reads a part anew that has a zip at its end, so that it can be read at any place.
func (w *walker) partBehind(f *File, m *mail.Message, p *mail.Part, at place) {
	src := newSource(m, p)
	src.pieces = true
	if err := src.scan(w.ctx, io.Discard, w.buffer()); err != nil {
		w.unreadable(f, err)
		return
	}
	w.behind(f, content{ReaderAt: src, size: src.size}, at)
}

// begin makes a file of the report, unless there are too many.
func (w *walker) begin(name string, at place) *File {
	name = cleanName(name)
	f := &File{Name: name, Depth: at.depth, Kind: Unknown, Path: name}
	if f.Path == "" {
		f.Path = "(no name)"
	}
	if at.path != "" {
		f.Path = at.path + " > " + f.Path
	}
	if len(f.Path) > maxPath {
		f.Path = "… " + strings.ToValidUTF8(f.Path[len(f.Path)-maxPath:], "")
	}
	if w.report.Count++; w.report.Count > w.limits.Count {
		w.burst(f, fmt.Sprintf("more than %d files", w.limits.Count))
	}
	return f
}

// maxPath bounds a File's Path, in octets.
const maxPath = 200

// end puts a file into the report.
func (w *walker) end(f *File) {
	if w.others > 0 {
		if f.Flags = onlyBroken(f.Flags); len(f.Flags) == 0 {
			return
		}
	}
	flagged := len(f.Flags) > 0
	if !flagged {
		if w.plainly++; w.plainly > maxFiles {
			return
		}
	}
	if w.kept++; w.kept > 2*maxFiles {
		return
	}
	w.report.Files = append(w.report.Files, *f)
}

// flag adds to what is wrong with a file, each thing once.
func (w *walker) flag(f *File, class Class, format string, args ...any) {
	g := Flag{class, fmt.Sprintf(format, args...)}
	if f.Has(class) && len(f.Flags) >= maxFlags {
		return
	}
	for _, old := range f.Flags {
		if old == g {
			return
		}
	}
	f.Flags = append(f.Flags, g)
}

// maxFlags bounds the flags of a file.
const maxFlags = 20

// burst marks a bomb, after which nothing more is read.
func (w *walker) burst(f *File, why string) {
	w.over = true
	w.cut(why)
	w.flag(f, Bomb, "%s", why)
}

func (w *walker) cut(why string) {
	if w.report.Cut == "" {
		w.report.Cut = why
	}
}

// A content is what a file holds, to be read at any place.
type content struct {
	io.ReaderAt
	size int64
}

func (c content) reader() *io.SectionReader { return io.NewSectionReader(c, 0, c.size) }

// file looks at a file inside another, of which hint octets are said to come. It reads r to
// its end; what is beyond the limits is left.
func (w *walker) file(name string, r io.Reader, hint int64, at place) *File {
	f := w.begin(name, at)
	defer w.end(f)
	if w.over {
		return f
	}
	f.Size = hint
	t := &tap{r: r, h: sha256.New()}
	head, err := w.headOf(t, hint)
	if err != nil {
		w.unreadable(f, err)
		f.Flags = append(f.Flags, nameFlags(f.Name, f.Kind)...)
		return f
	}
	switch kind := kindOf(head); {
	case kind.streams():
		w.judge(f, content{}, head, at, withStream(io.MultiReader(bytes.NewReader(head), t)))
		w.release(cap(head))
	case (kind.wanted() || kind == Unknown && unpacks(Extension(f.Name))) && !w.over:
		b, err := w.keep(t, head, hint)
		if err != nil {
			w.unreadable(f, err)
		}
		w.judge(f, content{bytes.NewReader(b), int64(len(b))}, b[:min(len(b), headSize)], at)
		w.release(cap(b))
	default:
		w.judge(f, content{}, head, at)
		w.release(cap(head))
	}
	if _, err := io.Copy(io.Discard, t); err != nil {
		w.unreadable(f, err)
		return f
	}
	f.Size, f.Hashed = t.n, !at.altered
	t.h.Sum(f.Sum[:0])
	return f
}

// A tap hashes what runs through it.
type tap struct {
	r   io.Reader
	h   hash.Hash
	n   int64
	err error
}

// Read implements io.Reader.
func (t *tap) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	t.h.Write(p[:n])
	t.n += int64(n)
	t.err = err
	return n, err
}

// headOf reads the beginning of a file. It is taken off the memory.
func (w *walker) headOf(r io.Reader, hint int64) ([]byte, error) {
	const first = 4 << 10
	b := make([]byte, first)
	n, err := io.ReadFull(r, b)
	if n == first && (hint <= 0 || hint > headSize-first) && kindOf(b) == Unknown { // the mark may be further on
		b = append(b, make([]byte, headSize-first)...)
		var more int
		more, err = io.ReadFull(r, b[first:])
		n += more
	}
	w.memory -= cap(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		if n == 0 {
			w.release(cap(b))
			return nil, err
		}
		w.cut(err.Error())
	}
	return b[:n], nil
}

// keep reads a file into memory behind its head, as far as there is room.
func (w *walker) keep(r io.Reader, head []byte, hint int64) ([]byte, error) {
	b := head
	for {
		if len(b) == cap(b) {
			grow := min(max(cap(b), int(min(hint, 1<<20))-cap(b)), w.memory)
			if grow < 1<<10 {
				n, err := io.CopyN(io.Discard, r, 1)
				if n > 0 {
					return b, errRoom
				}
				return b, notEOF(err)
			}
			bigger := make([]byte, len(b), cap(b)+grow)
			copy(bigger, b)
			w.memory -= grow
			b = bigger
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			return b, notEOF(err)
		}
	}
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (w *walker) release(n int) { w.memory += n }

// Errors that end the reading of a file, not by its own fault.
var (
	errRoom = errors.New("too large to be looked into")
	errFull = errors.New("more comes out of archives than is looked at")
	errTime = errors.New("it takes too long")
	errOver = errors.New("a bomb")
)

// unreadable notes why a file's content could not be read.
func (w *walker) unreadable(f *File, err error) {
	switch {
	case err == nil, errors.Is(err, errOver), errors.Is(err, io.EOF):
	case errors.Is(err, errRoom), errors.Is(err, errFull), errors.Is(err, errTime):
		w.cut(err.Error())
		if hides(f, err) {
			w.flag(f, Bomb, "it may hold anything: %v", err)
			return
		}
		w.flag(f, Unread, "%v", err)
	case errors.Is(err, errSecret):
		w.flag(f, Encrypted, "needs a password")
	case errors.Is(err, errMethod):
		w.flag(f, Unread, "%v", err)
	default:
		w.flag(f, Broken, "%s", shortError(err))
	}
}

// hides reports whether a file that was not read to its end may hold what is run: by its kind
// or, where not even that was read, by its name. Who makes much to read in front of it must not
// gain by it. Large documents, and archives that only ask for much memory, are honest more often than not.
func hides(f *File, why error) bool {
	ext := Extension(f.Name)
	room := errors.Is(why, errRoom)
	switch {
	case room && (f.Depth == 0 || f.Kind == OLE || isDocument(ext) || runsMacros(ext)):
		return false
	case f.Kind == Message, f.Kind == TNEF, f.Kind == OLE:
		return true
	case f.Kind == Unknown:
		return unpacks(ext) || runsMacros(ext)
	}
	return f.Kind.Archive()
}

// Errors that readers of archives answer.
var (
	errSecret = errors.New("encrypted")
	errMethod = errors.New("packed by a method that is not read")
)

func shortError(err error) string {
	const most = 120
	s := cleanName(err.Error())
	return s[:min(len(s), most)]
}
