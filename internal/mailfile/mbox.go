package mailfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// mboxWriter writes one mbox. It has its name when it is whole.
type mboxWriter struct {
	path string
	f    *os.File
	w    *bufio.Writer
}

// part is behind the name of a file that is not whole.
const part = ".part"

func createFile(path string) (*os.File, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already", path)
	}
	return os.OpenFile(path+part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}

// finishFile makes the file durable and gives it its name.
func finishFile(f *os.File, path string, err error) error {
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func createMbox(path string) (Writer, error) {
	f, err := createFile(path)
	if err != nil {
		return nil, err
	}
	return &mboxWriter{path: path, f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

// Folder implements Writer: an mbox has no folders but those of its messages.
func (m *mboxWriter) Folder(string) error { return nil }

// Add implements Writer. What is put in front of the header has its order, by which it is
// known and taken away again.
func (m *mboxWriter) Add(msg Message, r io.Reader) error {
	fmt.Fprintf(m.w, "From MAILER-DAEMON %s\n", msg.Date.UTC().Format(time.ANSIC))
	status, xstatus := "O", ""
	for _, l := range letters {
		if has(msg.Flags, l.flag) {
			status, xstatus = l.status+status, xstatus+l.xstatus
		}
	}
	for i, value := range []string{url.PathEscape(msg.Folder), status, xstatus, strings.Join(keywordsOf(msg.Flags), " ")} {
		fmt.Fprintf(m.w, "%s: %s\n", ourFields[i], value)
	}
	if err := copyLines(m.w, r, true); err != nil {
		return err
	}
	return m.w.WriteByte('\n')
}

// ourFields are put before a message's header.
var ourFields = [...]string{"X-Folder", "Status", "X-Status", "X-Keywords"}

// copyLines writes lines with LF for CRLF, the last one ended too; quoted is for an mbox.
func copyLines(w *bufio.Writer, r io.Reader, quoted bool) error {
	b := bufio.NewReaderSize(r, 64<<10)
	whole, held := true, false // at the beginning of a line; a CR is to be written unless LF follows
	for {
		line, err := b.ReadSlice('\n')
		if held && !bytes.Equal(line, []byte("\n")) {
			w.WriteByte('\r')
		}
		held = false
		if quoted && whole && len(line) > 0 && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte(separator)) {
			w.WriteByte('>')
		}
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		if ended {
			text = bytes.TrimSuffix(text, []byte("\r"))
		} else if errors.Is(err, bufio.ErrBufferFull) && bytes.HasSuffix(text, []byte("\r")) {
			text, held = text[:len(text)-1], true
		}
		if _, failed := w.Write(text); failed != nil {
			return failed
		}
		if ended || errors.Is(err, io.EOF) && (len(line) > 0 || !whole) {
			w.WriteByte('\n')
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
		whole = ended
	}
}

// Close implements Writer.
func (m *mboxWriter) Close() error { return finishFile(m.f, m.path, m.w.Flush()) }

// separator begins the line before each message of an mbox.
const separator = "From "

// separates reports whether a line is one, at the beginning of a file or behind an empty line. It has a
// time: a sentence that nobody quoted has none.
func separates(line []byte) bool {
	_, ok := separatorTime(line)
	return ok
}

// separatorTime reads the time of such a line, which is in UTC unless it says else.
func separatorTime(line []byte) (when time.Time, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(separator))
	if !ok || len(rest) > 500 {
		return when, false
	}
	words := strings.Fields(string(rest))
	for i := range words {
		if i+5 > len(words) {
			break
		}
		for _, zone := range [...]string{"", " -0700", " MST"} {
			end := i + 5
			if zone != "" {
				end++
			}
			if end > len(words) {
				continue
			}
			for _, form := range [...]string{"Mon Jan 2 15:04:05 2006" + zone, "Mon Jan 2 15:04:05" + zone + " 2006"} {
				if when, err := time.Parse(form, strings.Join(words[i:end], " ")); err == nil {
					return when.UTC(), true
				}
			}
		}
	}
	return when, bytes.ContainsRune(rest, ':')
}

// An mboxReader makes messages of lines.
type mboxReader struct {
	b    *bufio.Reader
	name string
	max  int
	emit func(Message, error) bool

	content []byte
	date    time.Time
	any     bool // a message is begun
	long    bool // and longer than it may be
	n       int
}

// readMbox calls emit for each message of an mbox until it returns false.
func readMbox(r io.Reader, name string, most int, emit func(Message, error) bool) bool {
	m := &mboxReader{b: bufio.NewReaderSize(r, 64<<10), name: name, max: most, emit: emit}
	whole, empty := true, true
	for {
		line, err := m.b.ReadSlice('\n')
		ended := err == nil || errors.Is(err, io.EOF)
		switch {
		case len(line) == 0:
		case whole && empty && separates(line):
			if !m.flush() {
				return false
			}
			m.any, empty = true, false
			m.date, _ = separatorTime(line)
		default:
			if whole {
				empty = len(bytes.TrimRight(line, "\r\n")) == 0
				line = unquoted(line)
			}
			m.add(line)
		}
		whole = ended
		switch {
		case errors.Is(err, io.EOF):
			return m.flush()
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return emit(Message{Name: name}, err)
		}
	}
}

// unquoted takes away what mboxrd, or the form before it, put before "From ".
func unquoted(line []byte) []byte {
	if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, []byte(separator)) {
		return line[1:]
	}
	return line
}

func (m *mboxReader) add(line []byte) {
	m.any = true
	if len(m.content)+len(line)+2 > m.max {
		m.long = true
		return
	}
	text, ended := bytes.CutSuffix(line, []byte("\n"))
	if ended {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	m.content = append(m.content, text...)
	if ended {
		m.content = append(m.content, "\r\n"...)
	}
}

// flush hands a message on, if there is one. The empty line before the next is not its.
func (m *mboxReader) flush() bool {
	content, begun, long := m.content, m.any, m.long
	m.content, m.any, m.long = nil, false, false
	if !begun {
		return true
	}
	m.n++
	msg := Message{Name: fmt.Sprintf("%s#%d", m.name, m.n), Date: m.date}
	if long {
		return m.emit(msg, ErrTooLong)
	}
	if bytes.HasSuffix(content, []byte("\r\n\r\n")) {
		content = content[:len(content)-2]
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return true
	}
	msg.Content = content
	if ours := msg.readStatus(); !ours && !isMail(msg.Content) {
		return m.emit(Message{Name: msg.Name}, ErrNoMail)
	}
	return m.emit(msg, nil)
}

// readStatus reads what the fields of an mbox say, and takes away those that Add put there, which it reports;
// those of others stay.
func (m *Message) readStatus() (ours bool) {
	values, rest := map[string]string{}, m.Content
	for _, name := range ourFields {
		line, after, _ := bytes.Cut(rest, []byte("\r\n"))
		value, ok := bytes.CutPrefix(line, []byte(name+":"))
		if !ok {
			rest = nil
			break
		}
		values[name], rest = valueOf(value), after
	}
	if rest != nil {
		m.Content = rest
		m.Folder, _ = url.PathUnescape(values["X-Folder"])
	} else {
		values = fieldsOf(m.Content)
	}
	for _, l := range letters {
		if l.status != "" && strings.Contains(values["Status"], l.status) || l.xstatus != "" && strings.Contains(values["X-Status"], l.xstatus) {
			m.Flags = append(m.Flags, l.flag)
		}
	}
	m.Flags = append(m.Flags, strings.FieldsFunc(values["X-Keywords"], func(r rune) bool { return r == ' ' || r == ',' })...)
	return rest != nil
}

// maxValue is how much of a field of an mbox is read, in octets: of a stranger's line, as long as a
// message may be, millions of keywords would be made.
const maxValue = 16 << 10

func valueOf(b []byte) string { return strings.TrimSpace(string(b[:min(len(b), maxValue)])) }

// fieldsOf finds the fields of an mbox in a header.
func fieldsOf(content []byte) map[string]string {
	values := map[string]string{}
	for line := range bytes.Lines(content) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		for _, f := range ourFields[1:] {
			if strings.EqualFold(string(name[:min(len(name), 80)]), f) {
				values[f] = valueOf(value)
			}
		}
	}
	return values
}

// isMail reports whether one of the first lines is a field of a header.
func isMail(content []byte) bool {
	n := 0
	for line := range bytes.Lines(content) {
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && len(name) > 0 && !bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return true
		}
		if n++; n == 10 {
			break
		}
	}
	return false
}
