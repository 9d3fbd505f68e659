package imap

import (
	"io"

	"gatepost/mailbox"
)

// flushAt is when the output counts as full.
const flushAt = 32 << 10

// An output gathers answers in one buffer. It is written when it is full, and
// before the connection waits for its client.
type output struct {
	w   io.Writer
	b   []byte
	err error // of writing; nothing is written after one
}

// flush writes what was gathered.
func (o *output) flush() error {
	if len(o.b) > 0 && o.err == nil {
		_, o.err = o.w.Write(o.b)
	}
	o.b = o.b[:0]
	return o.err
}

// flushIfFull keeps the buffer small. Call it between two responses.
func (o *output) flushIfFull() error {
	if len(o.b) >= flushAt {
		return o.flush()
	}
	return o.err
}

// text appends strings as they are.
func (o *output) text(parts ...string) {
	for _, s := range parts {
		o.b = append(o.b, s...)
	}
}

// quoted appends s as a string (RFC 9051 §4.3).
func (o *output) quoted(s string) { o.b = mailbox.AppendString(o.b, s) }

// untagged appends one response line: "* " and the parts.
func (o *output) untagged(parts ...string) {
	o.b = append(o.b, "* "...)
	o.text(parts...)
	o.b = append(o.b, "\r\n"...)
}

// copy appends n octets of r from off on, through the buffer.
func (o *output) copy(r io.ReaderAt, off, n int64) error {
	for n > 0 {
		if err := o.flushIfFull(); err != nil {
			return err
		}
		if cap(o.b) < flushAt {
			o.b = append(make([]byte, 0, 2*flushAt), o.b...)
		}
		room := o.b[len(o.b):cap(o.b)]
		room = room[:min(int64(len(room)), n)]
		got, err := r.ReadAt(room, off)
		if got < len(room) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		o.b = o.b[:len(o.b)+got]
		off, n = off+int64(got), n-int64(got)
	}
	return nil
}
