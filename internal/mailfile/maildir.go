package mailfile

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maildirWriter writes a Maildir (https://cr.yp.to/proto/maildir.html). Nobody else reads it
// meanwhile, so messages are written where they stay.
type maildirWriter struct {
	path   string
	names  Names
	folder string
	dir    string   // of the folder
	words  []string // keywords of the folder, by letter
	made   map[string]bool
	n      int
}

// dot stands for one in a folder's name, since a dot is between two levels.
const dot = "&AC4-"

func createMaildir(path string, names Names) (Writer, error) {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty", path)
	}
	w := &maildirWriter{path: path, names: names, made: map[string]bool{}}
	return w, w.Folder("")
}

// Folder implements Writer.
func (w *maildirWriter) Folder(name string) error {
	if w.dir != "" && name == w.folder {
		return nil
	}
	if err := w.endFolder(); err != nil {
		return err
	}
	w.folder, w.dir, w.words = name, w.path, nil
	if name != "" {
		var levels []string
		for _, l := range strings.Split(name, "/") {
			levels = append(levels, strings.ReplaceAll(w.names.Encode(l), ".", dot))
		}
		w.dir = filepath.Join(w.path, shorten("."+strings.Join(levels, "."), name))
	}
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(w.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if name == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(w.dir, "maildirfolder"), nil, 0o600); err != nil {
		return err
	}
	if !strings.HasSuffix(w.dir, mark(name)) {
		return nil
	}
	return os.WriteFile(filepath.Join(w.dir, nameFile), []byte(name), 0o600)
}

const (
	longestName = 255               // octets of a file's name, everywhere
	nameFile    = "gatepost-folder" // where the name of a folder is whose directory has a shortened one
	maxFolder   = 4096              // octets of a folder's name that is read
)

// shorten cuts the name of a folder's directory that is too long for a file system; what ends it then tells folders apart that begin alike.
func shorten(dir, folder string) string {
	if len(dir) <= longestName {
		return dir
	}
	dir = dir[:longestName-len(mark(folder))]
	if open := strings.LastIndexByte(dir, '&'); open > strings.LastIndexByte(dir, '-') { // within letters of modified UTF-7
		dir = dir[:open]
	}
	return strings.TrimRight(dir, ".") + mark(folder)
}

// mark ends a shortened name: it goes by the whole name, so that it is the same each time.
func mark(folder string) string {
	sum := sha256.Sum256([]byte(folder))
	return "~" + hex.EncodeToString(sum[:8])
}

// keywordsFile is where Dovecot has the keywords that letters stand for.
const keywordsFile = "dovecot-keywords"

func (w *maildirWriter) endFolder() error {
	if w.dir == "" {
		return nil
	}
	var b strings.Builder
	for i, word := range w.words {
		fmt.Fprintf(&b, "%d %s\n", i, word)
	}
	if b.Len() > 0 {
		if err := os.WriteFile(filepath.Join(w.dir, keywordsFile), []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	return syncDir(filepath.Join(w.dir, "cur"))
}

// Add implements Writer.
func (w *maildirWriter) Add(m Message, r io.Reader) error {
	if err := w.Folder(m.Folder); err != nil {
		return err
	}
	w.n++
	name := fmt.Sprintf("%d.M%dP%d.gatepost:2,%s", m.Date.Unix(), w.n, os.Getpid(), w.letters(m.Flags))
	path := filepath.Join(w.dir, "cur", name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 64<<10)
	err = copyLines(b, r, false)
	if err = errors.Join(err, b.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Chtimes(path, m.Date, m.Date)
}

// letters are the flags in a message's name, in order.
func (w *maildirWriter) letters(flags []string) string {
	var b []byte
	for _, l := range letters {
		if has(flags, l.flag) {
			b = append(b, l.maildir)
		}
	}
	for _, word := range keywordsOf(flags) {
		if strings.EqualFold(word, "$Forwarded") {
			continue
		}
		i := slices.IndexFunc(w.words, func(known string) bool { return strings.EqualFold(known, word) })
		if i < 0 && len(w.words) < 26 {
			i = len(w.words)
			w.words = append(w.words, word)
		}
		if i >= 0 {
			b = append(b, 'a'+byte(i))
		}
	}
	slices.Sort(b)
	return string(b)
}

// Close implements Writer.
func (w *maildirWriter) Close() error { return errors.Join(w.endFolder(), syncDir(w.path)) }

// flagsOf reads the letters in a message's name.
func flagsOf(name string, words map[byte]string) (flags []string) {
	_, info, _ := strings.Cut(name, ":2,")
	for i := range len(info) {
		for _, l := range letters {
			if l.maildir == info[i] {
				flags = append(flags, l.flag)
			}
		}
		if word := words[info[i]]; word != "" {
			flags = append(flags, word)
		}
	}
	return flags
}
