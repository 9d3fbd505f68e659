// Package corpus reads mail that lies in files: single messages (.eml), mboxes (RFC 4155), Maildirs
// and MH folders, and directories of any of them. It is how mail of elsewhere comes to be learnt
// from, and how filters are measured.
//
//	for item, err := range corpus.Walk("/var/spool/old/Junk") { … }
//
// A file is an mbox where it begins with "From ", else one message. Names that begin
// with a dot, and what is empty, are left out; so is what in a Maildir is no message: the indexes beside its cur and new, and tmp. What
// has no header is told as ErrNoMail. One message is in memory at a time.
package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// MaxMessage bounds one message, in octets; of longer ones the beginning is read.
const MaxMessage = 32 << 20

// An Item is one message of a corpus.
type Item struct {
	Name    string // the file, and in an mbox "#" and the message's number from 1 on
	Content []byte // with lines ended by CRLF, as it would come over the wire
	Cut     bool   // it is longer than MaxMessage
}

// Walk goes through all messages in a file, or below a directory, in the order of the
// names. What can't be read comes as an error that names it, and the walk goes on with the
// next file. A symbolic link is followed where it is path itself; those below a directory are not.
func Walk(path string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		stop := errors.New("stop")
		root := path
		if d, err := os.Stat(path); err == nil && d.IsDir() { // a link to a directory is none to WalkDir, but for what is behind it
			root += string(filepath.Separator) + "."
		}
		_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				if !yield(Item{Name: name}, err) {
					return stop
				}
				return nil
			case name != root && passedBy(name, d):
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.IsDir() || !d.Type().IsRegular() && name != root {
				return nil
			}
			if !file(name, yield) {
				return stop
			}
			return nil
		})
	}
}

// passedBy reports whether what is below a directory is left out: hidden files, but not the folders of a Maildir++, whose names begin
// with a dot; in a Maildir what is delivered just now, and the files of its server.
func passedBy(name string, d fs.DirEntry) bool {
	if strings.HasPrefix(d.Name(), ".") {
		return !d.IsDir() || !isMaildir(name)
	}
	return (!d.IsDir() || d.Name() == "tmp") && isMaildir(filepath.Dir(name))
}

func isMaildir(name string) bool {
	for _, sub := range []string{"cur", "new"} {
		if d, err := os.Stat(filepath.Join(name, sub)); err != nil || !d.IsDir() {
			return false
		}
	}
	return true
}

// file reads one file; false: whoever asked has had enough.
func file(name string, yield func(Item, error) bool) bool {
	f, err := os.Open(name)
	if err != nil {
		return yield(Item{Name: name}, err)
	}
	defer f.Close()
	for item, err := range Read(f) {
		item.Name = name + item.Name
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if !yield(item, err) {
			return false
		}
	}
	return true
}

// Read goes through the messages of one file. Their names are "", or "#1", "#2" … in an mbox.
func Read(r io.Reader) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		b := bufio.NewReaderSize(r, 64<<10)
		head, err := b.Peek(len(separator))
		if err != nil && !errors.Is(err, io.EOF) {
			yield(Item{}, err)
			return
		}
		m := reader{b: b, isMbox: string(head) == separator, yield: yield}
		m.run()
	}
}

// separator begins the line before each message of an mbox, after an empty line or at the
// beginning of the file.
const separator = "From "

// separates reports whether such a line is one: it has a time, which tells it from a sentence that nobody quoted.
func separates(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(separator))
	if !ok {
		return false
	}
	digit := func(i int) bool { return i < len(rest) && rest[i] >= '0' && rest[i] <= '9' }
	for i, c := range rest {
		if c == ':' && i > 0 && digit(i-1) && digit(i+1) && digit(i+2) {
			return true
		}
	}
	return false
}

// ErrNoMail: it has no header, so it is no message.
var ErrNoMail = errors.New("it has no header, so it is no message")

// maxBefore bounds the lines in which a field of the header is looked for.
const maxBefore = 10

// isMail reports whether one of the first lines is a field of a header.
func isMail(content []byte) bool {
	n := 0
	for line := range bytes.Lines(content) {
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && isName(bytes.TrimRight(name, " \t")) {
			return true
		}
		if n++; n == maxBefore {
			break
		}
	}
	return false
}

func isName(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return len(b) > 0
}

// A reader makes messages of lines.
type reader struct {
	b      *bufio.Reader
	isMbox bool
	yield  func(Item, error) bool

	item  Item
	count int
	empty bool // the last line was
	any   bool // the message has a line
}

func (m *reader) run() {
	m.empty = true
	for first := true; ; {
		line, err := m.b.ReadSlice('\n')
		whole := err == nil || errors.Is(err, io.EOF)
		if len(line) > 0 && !m.line(line, first) {
			return
		}
		first = whole // what follows is the line's rest, else
		switch {
		case errors.Is(err, io.EOF):
			m.emit()
			return
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			m.yield(Item{}, err)
			return
		}
	}
}

// line takes a line, or a piece of one; false: whoever asked has had enough.
func (m *reader) line(line []byte, first bool) bool {
	if m.isMbox && first && m.empty && (separates(line) || !m.any && m.count == 0 && bytes.HasPrefix(line, []byte(separator))) {
		m.empty = false
		return m.emit()
	}
	if m.isMbox && first && isQuoted(line) {
		line = line[1:]
	}
	if first {
		m.empty = len(bytes.TrimRight(line, "\r\n")) == 0
	}
	m.any = true
	text, ended := bytes.CutSuffix(line, []byte("\n"))
	if ended {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	if len(m.item.Content)+len(text)+2 > MaxMessage {
		m.item.Cut = true
		return true
	}
	m.item.Content = append(m.item.Content, text...)
	if ended {
		m.item.Content = append(m.item.Content, "\r\n"...)
	}
	return true
}

// isQuoted reports whether a line was one that begins with "From ", and was given a ">" so
// that it is no separator (mboxrd).
func isQuoted(line []byte) bool {
	rest := bytes.TrimLeft(line, ">")
	return len(rest) < len(line) && bytes.HasPrefix(rest, []byte(separator))
}

// emit hands a message on, if there is one. The empty line before a separator is not its.
func (m *reader) emit() bool {
	item, has := m.item, m.any
	m.item, m.any = Item{}, false
	if !has {
		return true
	}
	if m.isMbox {
		m.count++
		item.Name = fmt.Sprint("#", m.count)
		item.Content = bytes.TrimSuffix(item.Content, []byte("\r\n\r\n"))
		if len(item.Content) > 0 && !bytes.HasSuffix(item.Content, []byte("\r\n")) {
			item.Content = append(item.Content, "\r\n"...)
		}
	}
	if len(bytes.TrimSpace(item.Content)) == 0 {
		return true
	}
	if !isMail(item.Content) {
		return m.yield(Item{Name: item.Name}, ErrNoMail)
	}
	return m.yield(item, nil)
}
