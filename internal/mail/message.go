package mail

import (
	"bytes"
	"io"
	"sync"
)

// A Message is content as the client sent it: a header, an empty line, a body,
// lines ended by CRLF (RFC 5322 §2.1). It is immutable and may be read from many
// goroutines; it is parsed once, when first asked, within bounds.
//
// The content is in memory, or in a file that somebody else owns and keeps open
// for as long as the Message is used.
type Message struct {
	content io.ReaderAt
	size    int64
	memory  []byte // the content where it is in memory, else nil

	headerOnce sync.Once
	header     *Header
	rootOnce   sync.Once
	root       *Part
}

// NewMessage wraps content in memory, which must not change any more.
func NewMessage(b []byte) *Message {
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
func (m *Message) Header() *Header { panic("not written") }

// Root returns the message's structure, walked once.
func (m *Message) Root() *Part { panic("not written") }
