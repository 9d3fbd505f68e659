package mail

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// A Message is content as the client sent it: a header, an empty line, a body,
// lines ended by CRLF (RFC 5322 §2.1). It is immutable and may be read from many
// goroutines; it is parsed once, when first asked, within bounds. Parsing never
// fails: whatever the octets are, they have a header and a root part.
//
// The content is in memory, or in a file that somebody else owns and keeps open
// for as long as the Message is used.
type Message struct {
	content io.ReaderAt
	size    int64
	memory  []byte // the content where it is in memory, else nil

	headerOnce  sync.Once
	header      *Header
	rootOnce    sync.Once
	root        *Part
	extractOnce sync.Once
	extract     *Extract
	fromOnce    sync.Once
	from        []Address
	err         atomic.Pointer[error]
}

// NewMessage wraps content in memory, which must not change any more.
func NewMessage(b []byte) *Message {
	if b == nil {
		b = []byte{}
	}
	return &Message{content: bytes.NewReader(b), size: int64(len(b)), memory: b}
}

// NewSpooled wraps size octets of content behind r, a spool file or a blob.
func NewSpooled(r io.ReaderAt, size int64) *Message {
	return &Message{content: r, size: size}
}

// Size returns the length of the content in octets.
func (m *Message) Size() int64 { return m.size }

// ReadAt reads the content (io.ReaderAt).
func (m *Message) ReadAt(p []byte, off int64) (int, error) { return m.content.ReadAt(p, off) }

// Reader returns a reader of the whole content, independent of all others.
func (m *Message) Reader() *io.SectionReader { return io.NewSectionReader(m.content, 0, m.size) }

// Header returns the message's header, parsed once.
func (m *Message) Header() *Header {
	m.headerOnce.Do(func() { m.header = m.readHeader() })
	return m.header
}

// Root returns the message's structure, walked once.
func (m *Message) Root() *Part {
	m.rootOnce.Do(func() { m.root = walk(m) })
	return m.root
}

// Extract returns what there is to read in the message, gathered once.
func (m *Message) Extract() *Extract {
	m.extractOnce.Do(func() { m.extract = extract(m) })
	return m.extract
}

// Err returns the first error met when Header, Root or Extract read the content,
// nil as a rule. What they answered is then true only up to that place.
func (m *Message) Err() error {
	if err := m.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (m *Message) failed(err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		m.err.CompareAndSwap(nil, &err)
	}
}

// readHeader reads no more of the content than about twice the header.
func (m *Message) readHeader() *Header {
	limit := min(m.size, MaxHeader)
	if m.memory != nil {
		return parseHeader(m.memory[:limit], limit < m.size)
	}
	for n := min(limit, 8<<10); ; n = min(limit, 4*n) {
		b := m.slice(0, n)
		_, size, _ := measureHeader(b)
		if size >= 0 || n == limit || int64(len(b)) < n {
			return parseHeader(b, int64(len(b)) < m.size)
		}
	}
}

// slice returns the octets from start to end, in memory those of the content
// itself; fewer if they can't be read.
func (m *Message) slice(start, end int64) []byte {
	if m.memory != nil {
		return m.memory[start:end:end]
	}
	b := make([]byte, end-start)
	n, err := m.content.ReadAt(b, start)
	if n < len(b) {
		m.failed(unexpected(err))
	}
	return b[:n]
}

// unexpected turns the end of what is shorter than promised into an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
