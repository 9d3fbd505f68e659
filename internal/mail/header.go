package mail

import (
	"bytes"
	"strings"
)

// MaxHeader bounds the header of a message, and of each part, in octets. What
// follows counts as body and the header is marked Cut.
const MaxHeader = 256 << 10

// A Header is the fields of a message or part, in order (RFC 5322 §2.2).
//
// Nothing of what came is lost: the Raw of all fields, then the empty line if
// there is one, are the first Size octets. A line that is no field, such as the
// "From " line of an mbox, stands among the fields without a Name. Where no line
// at all is a field there is no header, Size is 0, and all is body.
type Header struct {
	Fields []Field
	Size   int64 // octets up to and with the empty line: where the body starts
	Cut    bool  // longer than MaxHeader
}

// A Field is one header field as it came.
type Field struct {
	Name string // as written, "" for a line that is no field
	Raw  []byte // the whole field, folded, with its final CRLF
}

// Get returns the value of the first field of that name, unfolded and trimmed
// but not decoded, or "".
func (h *Header) Get(name string) string {
	if f := h.first(name); f != nil {
		return f.Value()
	}
	return ""
}

// Text returns the value of the first field of that name as a person reads it:
// unfolded, encoded words (RFC 2047) decoded, in UTF-8.
func (h *Header) Text(name string) string { return decodeWords(h.Get(name)) }

// All returns what Get does, for every field of that name, in order.
func (h *Header) All(name string) []string {
	var all []string
	for i := range h.Fields {
		if f := &h.Fields[i]; f.is(name) {
			all = append(all, f.Value())
		}
	}
	return all
}

// Texts returns what Text does, for every field of that name, in order.
func (h *Header) Texts(name string) []string {
	all := h.All(name)
	for i, s := range all {
		all[i] = decodeWords(s)
	}
	return all
}

// Count returns how many fields have that name.
func (h *Header) Count(name string) int {
	n := 0
	for i := range h.Fields {
		if h.Fields[i].is(name) {
			n++
		}
	}
	return n
}

func (h *Header) first(name string) *Field {
	for i := range h.Fields {
		if h.Fields[i].is(name) {
			return &h.Fields[i]
		}
	}
	return nil
}

func (f *Field) is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Value returns what follows the colon, unfolded (RFC 5322 §2.2.3) and trimmed,
// otherwise as written. Where a line goes on after a tab, as lists and Exchange fold, there is a space: people
// read one and look for one. It holds no CR and no LF, whatever came.
func (f Field) Value() string {
	b := f.Raw
	if f.Name != "" {
		b = b[bytes.IndexByte(b, ':')+1:]
	}
	b = bytes.Trim(b, " \t\r\n")
	if bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i, c := range b {
		switch {
		case c == '\r' || c == '\n':
		case c == '\t' && b[i-1] == '\n': // b is trimmed, so it is not the first
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// parseHeader reads the header at the start of b, which is the whole entity, or
// what of it fits in MaxHeader and more follows.
func parseHeader(b []byte, more bool) *Header {
	end, size, count := measureHeader(b)
	h := &Header{Size: int64(size)}
	if size < 0 {
		if more {
			h.Cut = true
			end = lastLineEnd(b)
		}
		h.Size = int64(end)
	}
	h.Fields = splitFields(b[:end], count)
	for i := range h.Fields {
		if h.Fields[i].Name != "" {
			return h
		}
	}
	if end == 0 {
		return h
	}
	return &Header{}
}

// measureHeader returns where the fields end, where the body starts (-1 where
// b holds no empty line) and how many fields there are at most.
func measureHeader(b []byte) (end, size, count int) {
	for i := 0; i < len(b); {
		if n := emptyLine(b[i:]); n > 0 {
			return i, i + n, count
		}
		if i == 0 || b[i] != ' ' && b[i] != '\t' {
			count++
		}
		i = nextLine(b, i)
	}
	return len(b), -1, count
}

// splitFields cuts b, which is all fields, before each line that continues none.
func splitFields(b []byte, count int) []Field {
	fields := make([]Field, 0, count)
	var names strings.Builder // one copy that all names share
	names.Grow(16 * count)
	for i := 0; i < len(b); {
		end := nextLine(b, i)
		for end < len(b) && (b[end] == ' ' || b[end] == '\t') {
			end = nextLine(b, end)
		}
		start := names.Len()
		names.Write(b[i : i+nameLength(b[i:end])])
		fields = append(fields, Field{Name: names.String()[start:], Raw: b[i:end:end]})
		i = end
	}
	return fields
}

// nameLength returns the length of the field name at the start of a field, 0 if
// there is none. White space before the colon is RFC 5322 §4.5's.
func nameLength(b []byte) int {
	n := 0
	for n < len(b) && b[n] > ' ' && b[n] < 0x7f && b[n] != ':' {
		n++
	}
	i := n
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	if i < len(b) && b[i] == ':' {
		return n
	}
	return 0
}

// emptyLine returns the length of the empty line at the start of b, 0 if none.
func emptyLine(b []byte) int {
	switch {
	case len(b) > 0 && b[0] == '\n':
		return 1
	case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
		return 2
	}
	return 0
}

// nextLine returns where the line after the one at i starts.
func nextLine(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(b)
}

// lastLineEnd returns the length of the whole lines in b, all of it if there is none.
func lastLineEnd(b []byte) int {
	if n := bytes.LastIndexByte(b, '\n'); n >= 0 {
		return n + 1
	}
	return len(b)
}
