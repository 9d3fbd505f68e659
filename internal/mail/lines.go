package mail

import (
	"bytes"
	"io"
)

// window is how much of spooled content is in memory while it is walked.
const window = 32 << 10

// lines reads content line by line. What is in memory is read where it is; of a
// spool only a window is held, so a line longer than that comes in pieces.
type lines struct {
	r    io.ReaderAt
	size int64
	err  error

	buf  []byte // a piece of the content
	base int64  // the offset of buf[0]
	pos  int    // what of buf is read already
	mid  bool   // the last piece did not end a line
}

func newLines(m *Message) *lines {
	if m.memory != nil {
		return &lines{r: m.content, size: m.size, buf: m.memory}
	}
	return &lines{r: m.content, size: m.size, buf: make([]byte, 0, min(window, m.size))}
}

// offset returns where the next line starts.
func (l *lines) offset() int64 { return l.base + int64(l.pos) }

// next returns a line with its end, and whether it starts here; nil at the end.
// It is valid until the next call.
func (l *lines) next() (line []byte, fresh bool) {
	fresh = !l.mid
	for {
		rest := l.buf[l.pos:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			l.pos += i + 1
			l.mid = false
			return rest[:i+1], fresh
		}
		full := l.pos == 0 && len(l.buf) == cap(l.buf)
		if full || !l.fill() {
			l.pos = len(l.buf)
			l.mid = true
			if len(rest) == 0 {
				return nil, false
			}
			return rest, fresh
		}
	}
}

// fill moves what is unread to the front and reads more behind it.
func (l *lines) fill() bool {
	end := l.base + int64(len(l.buf))
	if end >= l.size || l.err != nil {
		return false
	}
	n := copy(l.buf[:cap(l.buf)], l.buf[l.pos:])
	l.base += int64(l.pos)
	l.pos = 0
	free := min(int64(cap(l.buf)-n), l.size-end)
	got, err := l.r.ReadAt(l.buf[n:n+int(free)], end)
	l.buf = l.buf[:n+got]
	if got < int(free) {
		l.err = unexpected(err)
	}
	return got > 0
}

// seek goes back, or forth, to the start of a line.
func (l *lines) seek(off int64) {
	l.mid = false
	if off >= l.base && off <= l.base+int64(len(l.buf)) {
		l.pos = int(off - l.base)
		return
	}
	l.base, l.pos, l.buf = off, 0, l.buf[:0]
}
