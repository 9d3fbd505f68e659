package imap

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/klauspost/compress/s2"

	"gatepost/mailbox"
)

// What the pages of each kind have of a message, beside what all have: its date, size and numbers.
const (
	envelopePage  mailbox.PageKind = 1 + iota // ENVELOPE
	structurePage                             // BODYSTRUCTURE
	fieldsPage                                // the first of knownFields, see picked
	signedPage                                // all of knownFields
	placePage                                 // where its content is, see appendPlace
)

const (
	maxPaged = 16 << 10                             // octets that a page has of one message; where one has more there is no page
	maxPage  = mailbox.PageUIDs * (maxPaged + 1<<8) // of a whole page
)

// errPage: a page is not what writePage makes.
var errPage = errors.New("imap: a page of messages is damaged")

// writePage returns the page of a kind of a block's messages, by rising UID; false where one has more than a page
// holds.
func writePage(kind mailbox.PageKind, messages []listed) (p mailbox.Page, ok bool) {
	p = mailbox.Page{Block: mailbox.BlockOf(messages[0].UID), Kind: kind, Messages: len(messages)}
	var b []byte
	var last pageMessage
	for i := range messages {
		m, text := pageMessageOf(&messages[i].Message), *messages[i].text(kind)
		if len(text) > maxPaged {
			return p, false
		}
		b = m.append(b, last)
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		last = m
	}
	p.Data = s2.Encode(nil, b)
	return p, true
}

// A pageMessage is what all pages have of a message, as numbers. Each is kept as its difference from the message before.
type pageMessage [5]int64

func pageMessageOf(m *mailbox.Message) pageMessage {
	n := pageMessage{int64(m.UID), m.InternalDate.UnixMicro(), m.Size, m.EmailID, 0}
	if !m.Saved.IsZero() {
		n[4] = m.Saved.UnixMicro()
	}
	return n
}

func (n pageMessage) append(b []byte, last pageMessage) []byte {
	for i := range n {
		b = binary.AppendVarint(b, n[i]-last[i])
	}
	return b
}

func (n pageMessage) fill(m *mailbox.Message) {
	m.UID, m.InternalDate, m.Size, m.EmailID, m.Saved = mailbox.UID(n[0]), time.UnixMicro(n[1]).UTC(), n[2], n[3], time.Time{}
	if n[4] != 0 {
		m.Saved = time.UnixMicro(n[4]).UTC()
	}
}

// appendPlace appends what a placePage has of a message: its View, and the content that this is of. No message ever
// gets another one.
func appendPlace(b []byte, m *mailbox.Message) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(m.Blob))), m.Blob...)
	return append(binary.AppendVarint(b, m.View.Skip), m.View.Prefix...)
}

// readPlace fills m with what appendPlace wrote, and refers to b.
func readPlace(m *mailbox.Message, b []byte) error {
	id, ok := cutCounted(&b)
	skip, n := binary.Varint(b)
	if !ok || len(id) == 0 || n <= 0 || skip < 0 {
		return errPage
	}
	m.Blob, m.View.Skip, m.View.Prefix = string(id), skip, b[n:]
	return nil
}

// A pageReader reads a page, message by message.
type pageReader struct {
	left []byte
	last pageMessage
	n    int // messages that are left
}

// readPage makes ready to read p, in the room of buffer where that is enough.
func readPage(p mailbox.Page, buffer []byte) (r pageReader, err error) {
	n, err := s2.DecodedLen(p.Data)
	if err != nil || n > maxPage || p.Messages < 1 || p.Messages > mailbox.PageUIDs {
		return r, errPage
	}
	if r.left, err = s2.Decode(buffer[:cap(buffer)], p.Data); err != nil {
		return r, errPage
	}
	r.n = p.Messages
	return r, nil
}

// next fills m with the next message, and returns its text, which is good as long as the page.
func (r *pageReader) next(m *mailbox.Message) ([]byte, error) {
	for i := range r.last {
		d, n := binary.Varint(r.left)
		if n <= 0 {
			return nil, errPage
		}
		r.last[i] += d
		r.left = r.left[n:]
	}
	r.last.fill(m)
	text, ok := cutCounted(&r.left)
	if r.n--; !ok || r.n < 0 || r.n == 0 && len(r.left) > 0 {
		return nil, errPage
	}
	return text, nil
}

// cutCounted takes octets off b whose number stands before them.
func cutCounted(b *[]byte) ([]byte, bool) {
	size, n := binary.Uvarint(*b)
	if n <= 0 || size > uint64(len(*b)-n) {
		return nil, false
	}
	text := (*b)[n : n+int(size)]
	*b = (*b)[n+int(size):]
	return text, true
}
