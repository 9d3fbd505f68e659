package mailfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Read goes through all messages at path: those of a zip, an mbox, a Maildir with its
// subfolders, or a directory of any of them, whose directories are folders. most bounds one
// message, in octets, of which one is in memory at a time. What can't be read comes as an error
// with a Name, and the rest goes on.
func Read(path string, most int, names Names) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			yield(Message{Name: path}, err)
		case info.IsDir():
			root, err := os.OpenRoot(path)
			if err != nil {
				yield(Message{Name: path}, err)
				return
			}
			defer root.Close()
			t := tree{root: root, names: names, most: most, emit: yield}
			t.dir(".", "", 0)
		default:
			f, err := os.Open(path)
			if err != nil {
				yield(Message{Name: path}, err)
				return
			}
			defer f.Close()
			readAny(f, info.Size(), Message{Name: path, Date: info.ModTime()}, most, yield)
		}
	}
}

// readAny reads a file that may be a zip.
func readAny(f *os.File, size int64, m Message, most int, emit func(Message, error) bool) bool {
	var head [4]byte
	if n, _ := f.ReadAt(head[:], 0); n == len(head) && string(head[:]) == "PK\x03\x04" {
		return readZip(f, size, m.Name, most, emit)
	}
	return readFile(f, m, most, emit)
}

// readFile reads one message, or those of an mbox; m is what is known of them.
func readFile(r io.Reader, m Message, most int, emit func(Message, error) bool) bool {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(len(separator))
	if err != nil && !errors.Is(err, io.EOF) {
		return emit(m, err)
	}
	if string(head) != separator {
		return readOne(b, m, false, most, emit)
	}
	return readMbox(b, m.Name, most, func(one Message, err error) bool {
		if one.Folder == "" {
			one.Folder = m.Folder
		}
		return emit(one, err)
	})
}

// readOne reads one message. What is in the place of one, sure, is one also without a header: mailboxes take such.
func readOne(r io.Reader, m Message, sure bool, most int, emit func(Message, error) bool) bool {
	content, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	switch {
	case err != nil:
		return emit(m, err)
	case len(content) == 0, !sure && len(bytes.TrimSpace(content)) == 0:
		return true
	case len(content) > most:
		return emit(m, ErrTooLong)
	case !sure && !isMail(content):
		return emit(m, ErrNoMail)
	}
	m.Content = wire(content)
	if len(m.Content) > most {
		return emit(m, ErrTooLong)
	}
	return emit(m, nil)
}

// wire ends all lines with CRLF.
func wire(b []byte) []byte {
	bare := bytes.Count(b, []byte("\n")) - bytes.Count(b, []byte("\r\n"))
	if bare == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+bare)
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}

// A tree is a directory that is read. Links in it lead nowhere: it may be a stranger's.
type tree struct {
	root  *os.Root
	names Names
	most  int
	emit  func(Message, error) bool
}

// maxDepth bounds directories in directories.
const maxDepth = 30

// dir reads a directory as a folder. It returns false when the caller has had enough.
func (t *tree) dir(name, folder string, depth int) bool {
	if depth > maxDepth {
		return t.emit(Message{Name: t.full(name)}, ErrName)
	}
	entries, err := fs.ReadDir(t.root.FS(), name)
	if err != nil {
		return t.emit(Message{Name: t.full(name)}, err)
	}
	isMaildir := isDir(entries, "cur") && isDir(entries, "new")
	if isMaildir && !t.maildir(name, folder) {
		return false
	}
	for _, e := range entries {
		below, hidden := path.Join(name, e.Name()), strings.HasPrefix(e.Name(), ".")
		switch {
		case isMaildir && (!e.IsDir() || slices.Contains([]string{"cur", "new", "tmp"}, e.Name())), hidden && !e.IsDir(), strings.HasSuffix(e.Name(), ".msf"):
		case isMaildir && hidden:
			sub, ok := t.subfolder(below, e.Name())
			if !ok {
				if !t.emit(Message{Name: t.full(below)}, ErrName) {
					return false
				}
			} else if !t.dir(below, join(folder, sub), depth+1) {
				return false
			}
		case hidden:
		case e.IsDir():
			if !t.dir(below, join(folder, strings.TrimSuffix(e.Name(), ".sbd")), depth+1) {
				return false
			}
		case e.Type().IsRegular():
			if !t.file(below, folder) {
				return false
			}
		}
	}
	return true
}

func isDir(entries []fs.DirEntry, name string) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name && e.IsDir() })
}

func (t *tree) full(name string) string { return path.Join(t.root.Name(), name) }

func join(folder, name string) string {
	if folder == "" {
		return name
	}
	return folder + "/" + name
}

// subfolder reads the name of a directory of Maildir++: ".Sent.2026"; of one that was shortened, what is
// in a file there.
func (t *tree) subfolder(dir, name string) (string, bool) {
	if whole, ok := t.wholeName(dir); ok {
		return whole, true
	}
	levels := strings.Split(name[1:], ".")
	for i, l := range levels {
		parts := strings.Split(l, dot)
		for j, part := range parts {
			if decoded, ok := t.names.Decode(part); ok {
				parts[j] = decoded
			}
		}
		if levels[i] = strings.Join(parts, "."); levels[i] == "" || strings.Contains(levels[i], "/") {
			return "", false
		}
	}
	return strings.Join(levels, "/"), true
}

// wholeName reads what a directory with a shortened name is called. It counts where the mark is its own.
func (t *tree) wholeName(dir string) (string, bool) {
	if len(dir) < 17 || dir[len(dir)-17] != '~' {
		return "", false
	}
	f, err := t.root.Open(path.Join(dir, nameFile))
	if err != nil {
		return "", false
	}
	defer f.Close()
	whole, err := io.ReadAll(io.LimitReader(f, maxFolder))
	if name := string(whole); err == nil && strings.HasSuffix(dir, mark(name)) && utf8.ValidString(name) {
		return name, true
	}
	return "", false
}

// maildir reads the messages of one Maildir, by name.
func (t *tree) maildir(name, folder string) bool {
	words := t.keywords(path.Join(name, keywordsFile))
	if !t.emit(Message{Name: t.full(name), Folder: folder}, nil) {
		return false
	}
	for _, sub := range []string{"cur", "new"} {
		entries, err := fs.ReadDir(t.root.FS(), path.Join(name, sub))
		if err != nil && !t.emit(Message{Name: t.full(path.Join(name, sub))}, err) {
			return false
		}
		slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return compareNames(a.Name(), b.Name()) })
		for _, e := range entries {
			if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if !t.message(path.Join(name, sub, e.Name()), folder, flagsOf(e.Name(), words)) {
				return false
			}
		}
	}
	return true
}

// compareNames puts the names of messages in the order in which they came: by the second, and then
// by the number of the microsecond, or of what stands in its place.
func compareNames(a, b string) int {
	for i := range 2 {
		if x, y := number(a, i), number(b, i); x != y {
			return int(min(max(x-y, -1), 1))
		}
	}
	return strings.Compare(a, b)
}

// number is the first number of a name, or the one behind ".M".
func number(name string, which int) int64 {
	if which == 1 {
		_, name, _ = strings.Cut(name, ".M")
	}
	end := strings.IndexFunc(name, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(name)
	}
	n, _ := strconv.ParseInt(name[:end], 10, 62) // what is none is 0
	return n
}

func (t *tree) message(name, folder string, flags []string) bool {
	return t.open(name, func(f *os.File, when time.Time) bool {
		return readOne(f, Message{Name: t.full(name), Folder: folder, Flags: flags, Date: when}, true, t.most, t.emit)
	})
}

// file reads a file in a directory that is no Maildir. An mbox is a folder of its name.
func (t *tree) file(name, folder string) bool {
	return t.open(name, func(f *os.File, when time.Time) bool {
		var head [len(separator)]byte
		if n, _ := f.ReadAt(head[:], 0); n == len(head) && string(head[:]) == separator {
			folder = join(folder, strings.TrimSuffix(path.Base(name), ".mbox"))
		}
		return readFile(f, Message{Name: t.full(name), Folder: folder, Date: when}, t.most, t.emit)
	})
}

func (t *tree) open(name string, read func(*os.File, time.Time) bool) bool {
	f, err := t.root.Open(name)
	if err != nil {
		return t.emit(Message{Name: t.full(name)}, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return t.emit(Message{Name: t.full(name)}, err)
	}
	return read(f, info.ModTime())
}

// keywords reads what the letters of names stand for.
func (t *tree) keywords(name string) map[byte]string {
	f, err := t.root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	words := map[byte]string{}
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for lines.Scan() {
		var i int
		var word string
		if n, _ := fmt.Sscanf(lines.Text(), "%d %s", &i, &word); n == 2 && i >= 0 && i < 26 {
			words['a'+byte(i)] = word
		}
	}
	return words
}
