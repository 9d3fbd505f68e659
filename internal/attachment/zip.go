package attachment

import (
	"archive/zip"
	"compress/bzip2"
	"errors"
	"io"
	"strings"
)

// maxDirectory bounds the directory of an archive, in octets read: some 20,000 files.
const maxDirectory = 1 << 20

// A purse is a ReaderAt of which no more is read than it holds; then it fails with errRoom.
type purse struct {
	io.ReaderAt
	left  int64
	spent bool
}

// ReadAt implements io.ReaderAt.
func (p *purse) ReadAt(b []byte, off int64) (int, error) {
	if p.left -= int64(len(b)); p.left < 0 {
		p.spent = true
		return 0, errRoom
	}
	return p.ReaderAt.ReadAt(b, off)
}

// zip reads an archive by its directory, as programs do, and where its first file is not in the
// directory also as those do that read from the beginning.
func (w *walker) zip(f *File, c content, at place) error {
	p := &purse{ReaderAt: c, left: maxDirectory}
	z, err := zip.NewReader(p, c.size)
	if p.spent {
		w.burst(f, "its directory is too large")
		return nil
	}
	if err != nil {
		return w.zipFiles(f, c, at, err)
	}
	p.left = 1 << 62
	p.ReaderAt = c
	z.RegisterDecompressor(12, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	if w.hiddenBeginning(c, z) {
		w.flag(f, Disguised, "an archive before another: programs show one of them")
		_ = w.zipFiles(f, c, at, nil)
	}
	w.zipKind(f, z)
	if f.Kind.runs() != "" { // what is in a program is no news
		return nil
	}
	at.inner = f.Kind == OOXML || f.Kind == ODF
	o := office{w: w, f: f}
	for _, e := range z.File {
		if w.over {
			return nil
		}
		if strings.HasSuffix(e.Name, "/") && e.UncompressedSize64 == 0 {
			continue
		}
		w.zipEntry(f, e, at, &o)
	}
	return nil
}

// zipEntry looks at a file of an archive.
func (w *walker) zipEntry(f *File, e *zip.File, at place, o *office) {
	name := e.Name
	at.inner = at.inner && o.own(name)
	if at.inner {
		o.named(name)
		if !o.looks(name) {
			w.onlyNamed(name, int64(min(e.UncompressedSize64, 1<<62)), at)
			return
		}
	}
	r, err := w.zipContent(f, e)
	if at.inner && o.scans(name) && err == nil {
		o.scan(name, r)
		return
	}
	if err == nil {
		w.file(name, r, int64(min(e.UncompressedSize64, 1<<62)), at)
		return
	}
	w.unseen(name, int64(min(e.UncompressedSize64, 1<<62)), at, err)
	if errors.Is(err, errSecret) {
		w.flag(f, Encrypted, "holds files that need a password")
	}
}

// onlyNamed puts a part of an office document into the report where its name runs something.
func (w *walker) onlyNamed(name string, size int64, at place) {
	flags := innerFlags(nameFlags(cleanName(name), Unknown))
	if len(flags) == 0 {
		return
	}
	u := w.begin(name, at)
	u.Size, u.Flags = size, append(u.Flags, flags...)
	w.end(u)
}

// unseen puts a file into the report that could not be read: its name says something, too.
func (w *walker) unseen(name string, size int64, at place, why error) {
	u := w.begin(name, at)
	u.Size = size
	w.unreadable(u, why)
	u.Flags = append(u.Flags, nameFlags(u.Name, u.Kind)...)
	w.end(u)
}

func (w *walker) zipContent(f *File, e *zip.File) (io.Reader, error) {
	if e.Flags&1 != 0 || e.Method == 99 {
		return nil, errSecret
	}
	if err := w.may(); err != nil {
		return nil, err
	}
	r, err := e.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, errMethod
	}
	if err != nil {
		return nil, err
	}
	return w.packed(f, &ended{r: r, want: int64(min(e.UncompressedSize64, 1<<62))}, int64(min(e.CompressedSize64, 1<<62))), nil
}

// ended reads to where a content ends: a wrong checksum there is not for us to judge.
type ended struct {
	r    io.Reader
	want int64
	n    int64
}

// Read implements io.Reader.
func (e *ended) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.n += int64(n)
	if errors.Is(err, zip.ErrChecksum) && e.n == e.want {
		err = io.EOF
	}
	return n, err
}

// zipKind tells what an archive with these files is.
func (w *walker) zipKind(f *File, z *zip.Reader) {
	var types, relations, manifest, class, mimetype, android bool
	for _, e := range z.File {
		switch name := e.Name; {
		case strings.EqualFold(name, "[Content_Types].xml"):
			types = true
		case strings.EqualFold(name, "_rels/.rels"):
			relations = true
		case name == "META-INF/MANIFEST.MF":
			manifest = true
		case strings.HasSuffix(name, ".class"):
			class = true
		case name == "mimetype":
			mimetype = true
		case name == "AndroidManifest.xml":
			android = true
		}
	}
	switch ext := Extension(f.Name); {
	case android:
		f.Kind = APK
	case types && relations && !unpacks(ext) && ext != "appx" && ext != "msix":
		f.Kind = OOXML
	case mimetype && (strings.HasPrefix(ext, "od") || strings.HasPrefix(ext, "ot")):
		f.Kind = ODF
	case manifest && (class || ext == "jar"):
		f.Kind = Jar
	}
}
