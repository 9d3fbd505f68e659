package dkim

import (
	"bytes"
	"io"
	"slices"
)

// A Canon is a canonical form (RFC 6376 §3.4).
type Canon uint8

// The forms.
const (
	Simple  Canon = iota // as it stands, but for empty lines at the end of a body
	Relaxed              // white space and the case of field names don't count
)

// AppendField appends a header field in its canonical form, with its CRLF. raw is the
// whole field, folded, as it came; it has a colon.
func (c Canon) AppendField(dst, raw []byte) []byte {
	raw = bytes.TrimRight(raw, "\r\n")
	if c == Simple {
		return append(appendLines(dst, raw), "\r\n"...)
	}
	name, value, _ := bytes.Cut(raw, []byte(":"))
	for _, b := range bytes.TrimRight(name, " \t") {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	dst = append(dst, ':')
	space := false
	start := len(dst)
	for i, b := range value {
		switch {
		case b == ' ' || b == '\t':
			space = true
			continue
		case b == '\n', b == '\r' && i+1 < len(value) && value[i+1] == '\n': // folding
			continue
		}
		if space && len(dst) > start {
			dst = append(dst, ' ')
		}
		space = false
		dst = append(dst, b)
	}
	return append(dst, "\r\n"...)
}

// appendLines appends text whose lines are ended by CRLF or LF, with CRLF.
func appendLines(dst, text []byte) []byte {
	for {
		line, rest, more := bytes.Cut(text, []byte("\n"))
		dst = append(dst, bytes.TrimSuffix(line, []byte("\r"))...)
		if !more {
			return dst
		}
		dst = append(dst, "\r\n"...)
		text = rest
	}
}

// A Body writes a body in a canonical form (RFC 6376 §3.4.3, §3.4.4) as it comes. It keeps
// no more of it than one Write has. A line ends with CRLF or, since a reader sees one
// there, with LF; a bare CR is a character.
type Body struct {
	canon Canon
	w     io.Writer
	out   []byte
	lines int  // line ends that count only if something follows
	space bool // Relaxed: so does white space
	cr    bool // the last octet was CR
	some  bool // something was written
	err   error
}

// NewBody returns a Body that writes to w, whose errors it passes on.
func NewBody(c Canon, w io.Writer) *Body { return &Body{canon: c, w: w} }

// Write implements io.Writer.
func (b *Body) Write(p []byte) (int, error) {
	b.out = slices.Grow(b.out[:0], len(p)+flushAt)
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			b.text(rest)
			break
		}
		line := rest[:i]
		rest = rest[i+1:]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		} else if n == 0 {
			b.cr = false
		}
		b.text(line)
		b.bare()
		b.lines++
		b.space = false
	}
	b.flush()
	return len(p), b.err
}

// flushAt bounds what waits to be written, beside one Write's own length.
const flushAt = 32 << 10

func (b *Body) flush() {
	if _, err := b.w.Write(b.out); b.err == nil {
		b.err = err
	}
	b.out = b.out[:0]
}

// text takes a piece of a line. A CR at its end may belong to a line end.
func (b *Body) text(s []byte) {
	if len(s) == 0 {
		return
	}
	b.bare()
	if s[len(s)-1] == '\r' {
		s, b.cr = s[:len(s)-1], true
	}
	if b.canon == Simple {
		b.put(s)
		return
	}
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	b.space = b.space || i > 0
	if i == len(s) {
		return
	}
	b.put(s[i : i+1])
	out, space := b.out, false
	for _, c := range s[i+1:] {
		switch {
		case c == ' ' || c == '\t':
			space = true
			continue
		case space:
			out, space = append(out, ' '), false
		}
		out = append(out, c)
	}
	b.out, b.space = out, space
}

// bare writes the CR before, which ended no line.
func (b *Body) bare() {
	if b.cr {
		b.cr = false
		b.put([]byte{'\r'})
	}
}

// put writes what is there for sure, and what waited for something to follow.
func (b *Body) put(s []byte) {
	if len(s) == 0 {
		return
	}
	for ; b.lines > 0; b.lines-- {
		if b.out = append(b.out, '\r', '\n'); len(b.out) >= flushAt { // millions of empty lines
			b.flush()
		}
	}
	if b.space {
		b.out = append(b.out, ' ')
		b.space = false
	}
	b.out, b.some = append(b.out, s...), true
}

// Close writes the end. An empty body is a line end in the form Simple, nothing in
// Relaxed.
func (b *Body) Close() error {
	b.out = b.out[:0]
	b.bare()
	if b.some || b.canon == Simple {
		b.out = append(b.out, '\r', '\n')
	}
	b.flush()
	return b.err
}
