package mailfile

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"unicode"
)

// zipWriter writes a zip with a message a file.
type zipWriter struct {
	path  string
	f     *os.File
	b     *bufio.Writer
	z     *zip.Writer
	dirs  map[string]string // of folders
	taken map[string]bool   // directories, in lower case
	n     int
}

// A note is an entry's comment: what a file's name can't say.
type note struct {
	Folder string   `json:"folder"`
	Flags  []string `json:"flags,omitempty"`
}

func createZip(path string) (Writer, error) {
	f, err := createFile(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewWriterSize(f, 64<<10)
	return &zipWriter{path: path, f: f, b: b, z: zip.NewWriter(b), dirs: map[string]string{}, taken: map[string]bool{}}, nil
}

// Folder implements Writer.
func (w *zipWriter) Folder(name string) error {
	if _, known := w.dirs[name]; known {
		return nil
	}
	comment, err := json.Marshal(note{Folder: name})
	if err != nil {
		return err
	}
	_, err = w.z.CreateHeader(&zip.FileHeader{Name: w.dir(name) + "/", Comment: string(comment)})
	return err
}

// dir is the directory of a folder: one that every system can have, and no other folder has,
// in whatever case.
func (w *zipWriter) dir(name string) string {
	if d, known := w.dirs[name]; known {
		return d
	}
	levels := strings.Split(name, "/")
	for i, l := range levels {
		levels[i] = safeName(l)
	}
	dir := strings.Join(levels, "/")
	for n, plain := 2, dir; w.taken[strings.ToLower(dir)]; n++ {
		dir = fmt.Sprintf("%s (%d)", plain, n)
	}
	w.taken[strings.ToLower(dir)], w.dirs[name] = true, dir
	return dir
}

// Add implements Writer.
func (w *zipWriter) Add(m Message, r io.Reader) error {
	comment, err := json.Marshal(note{m.Folder, m.Flags})
	if err != nil {
		return err
	}
	w.n++
	h := &zip.FileHeader{Name: fmt.Sprintf("%s/%08d.eml", w.dir(m.Folder), w.n), Method: zip.Deflate, Modified: m.Date.UTC(), Comment: string(comment)}
	out, err := w.z.CreateHeader(h)
	if err == nil {
		_, err = io.Copy(out, r)
	}
	return err
}

// Close implements Writer.
func (w *zipWriter) Close() error {
	return finishFile(w.f, w.path, errors.Join(w.z.Close(), w.b.Flush()))
}

// safeName is a level of a folder's name that is a file's name everywhere: Windows refuses
// some characters, some names, and dots and spaces at the end.
func safeName(s string) string {
	if s == "" {
		return "INBOX"
	}
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"\|?*/`, r) || unicode.IsControl(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s)
	if end := strings.TrimRight(s, ". "); end != s {
		s = end + "_"
	}
	for len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "")
	}
	base, _, _ := strings.Cut(strings.ToUpper(s), ".")
	switch {
	case base == "CON", base == "PRN", base == "AUX", base == "NUL",
		len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9':
		return "_" + s
	}
	return s
}

// Bounds of a zip that is read.
const (
	bombAt    = 64 << 20 // octets, from which on it is asked how well it is packed
	bombTimes = 100      // how much longer than packed it may be
)

// readZip calls emit for each message in a zip until it returns false.
func readZip(f *os.File, size int64, name string, most int, emit func(Message, error) bool) bool {
	z, err := zip.NewReader(f, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return emit(Message{Name: name}, err)
	}
	var total int64
	for _, entry := range z.File {
		where := name + ":" + entry.Name
		folder, err := folderOf(entry.Name)
		if err != nil {
			if !emit(Message{Name: where}, err) {
				return false
			}
			continue
		}
		m := Message{Name: where, Folder: folder, Date: entry.Modified}
		var n note
		ours := false
		if json.Unmarshal([]byte(entry.Comment), &n) == nil && entry.Comment != "" {
			m.Folder, m.Flags, ours = n.Folder, n.Flags, true
		}
		if entry.FileInfo().IsDir() {
			if !emit(m, nil) {
				return false
			}
			continue
		}
		counted := func(n int64) error {
			if total += n; total > bombAt && total > bombTimes*size {
				return ErrBomb
			}
			return nil
		}
		if !zipEntry(entry, m, ours, most, counted, emit) {
			return false
		}
		if counted(0) != nil { // told already
			return true
		}
	}
	return true
}

// zipEntry hands on the messages of one file: one, as it is in what was written here, or those of an mbox.
func zipEntry(entry *zip.File, m Message, ours bool, most int, counted func(int64) error, emit func(Message, error) bool) bool {
	if !entry.Mode().IsRegular() {
		return emit(m, errors.New("it is no regular file"))
	}
	in, err := entry.Open()
	if err != nil {
		return emit(m, err)
	}
	defer in.Close()
	if ours {
		return readOne(counting{in, counted}, m, true, most, emit)
	}
	return readFile(counting{in, counted}, m, most, emit)
}

type counting struct {
	io.Reader
	counted func(int64) error
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if bomb := c.counted(int64(n)); bomb != nil {
		return 0, bomb
	}
	return n, err
}

// folderOf is the folder that an entry's directory stands for. Names that lead out of the zip
// are refused, though nothing is ever written by them.
func folderOf(name string) (string, error) {
	if strings.Contains(name, `\`) || path.IsAbs(name) || len(name) > 2000 {
		return "", ErrName
	}
	for _, l := range strings.Split(name, "/") {
		if l == ".." {
			return "", ErrName
		}
	}
	dir := path.Dir(path.Clean(name))
	if strings.HasSuffix(name, "/") {
		dir = path.Clean(name)
	}
	if dir == "." {
		return "", nil
	}
	return dir, nil
}
