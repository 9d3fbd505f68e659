package mail

import "bytes"

// A walker finds the parts of a message in one pass over its lines (RFC 2046
// §5.1). It holds the open parts, from the root down to the one that the next line
// belongs to. Every line is looked at once, whatever the nesting, and the depth,
// the parts and their headers are bounded: time and memory are linear in the
// content.
type walker struct {
	m       *Message
	in      *lines
	open    []level
	parts   int   // made so far
	headers int64 // octets of their headers
	ends    int   // line ends before the next line
	header  int64 // where the header that is being read starts, -1 in a body
	before  int   // line ends before that header
	eol     int   // length of the last line's end
}

// maxDelimiter is the longest line that can be a delimiter, the 998 octets of
// RFC 5322 §2.1.1 and its end.
const maxDelimiter = 1000

// A level is an open part.
type level struct {
	part     *Part
	boundary []byte // "--" and the boundary; nil where there is none, or it was closed
	ends     int    // line ends before its body
	unclosed bool   // a multipart whose close delimiter did not come yet
}

func walk(m *Message) *Part {
	w := &walker{m: m, in: newLines(m)}
	root := &Part{}
	w.parts = 1
	w.enter(root, m.Header(), false)
	w.in.seek(root.Body)
	for w.line() {
	}
	w.leave(0, m.size, w.ends)
	m.failed(w.in.err)
	return root
}

// line takes one line, or a piece of a long one.
func (w *walker) line() bool {
	start, eol := w.in.offset(), w.eol
	line, fresh := w.in.next()
	if line == nil {
		if w.header < 0 {
			return false
		}
		w.endHeader(start) // its part may hold more: an empty message
		return true
	}
	if w.header >= 0 && start+int64(len(line))-w.header > MaxHeader {
		w.endHeader(start + int64(len(line)))
		return true // it is read again, as body
	}
	w.eol = lineEnd(line)
	if fresh && len(line) > 2 && line[0] == '-' && line[1] == '-' && w.delimiter(line, start, eol) {
		return true
	}
	if w.eol > 0 {
		w.ends++
	}
	if w.header >= 0 && fresh && emptyLine(line) > 0 {
		w.endHeader(start + int64(len(line)))
	}
	return true
}

// delimiter handles a line that starts with "--" and reports whether it is the
// delimiter of an open multipart, the innermost first. One of an outer multipart
// ends the inner ones.
func (w *walker) delimiter(line []byte, start int64, eol int) bool {
	if len(line) > maxDelimiter {
		return false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for i := len(w.open) - 1; i >= 0; i-- {
		b := w.open[i].boundary
		if b == nil || !bytes.HasPrefix(line, b) {
			continue
		}
		switch rest := line[len(b):]; {
		case len(rest) == 0:
			w.endPart(i, start, eol)
			w.begin(w.in.offset())
			return true
		case len(rest) == 2 && rest[0] == '-' && rest[1] == '-':
			w.endPart(i, start, eol)
			w.open[i].boundary, w.open[i].unclosed = nil, false
			return true
		}
	}
	return false
}

// endPart ends what is open below the multipart at i, before the line end that
// belongs to the delimiter at start, and counts the delimiter's line.
func (w *walker) endPart(i int, start int64, eol int) {
	ends, own := w.ends, w.eol
	for w.header >= 0 { // a message in the part has a header too
		w.closeHeader(start)
	}
	w.ends, w.eol = ends, own
	for _, l := range w.open[i+1:] {
		if l.part.Body == start {
			eol = 0 // the line end before the delimiter is the header's
		}
	}
	if eol > 0 {
		ends--
	}
	w.leave(i+1, start-int64(eol), ends)
	if own > 0 {
		w.ends++
	}
}

// begin starts a part at off, below the innermost open one, unless there are
// too many; then it stays in its parent's body.
func (w *walker) begin(off int64) {
	if w.parts == MaxParts || w.headers > maxHeaders {
		w.open[0].part.Flags |= TooMany
		return
	}
	w.parts++
	p := &Part{Start: off}
	parent := w.open[len(w.open)-1].part
	parent.Parts = append(parent.Parts, p)
	w.open = append(w.open, level{part: p, ends: w.ends})
	w.header, w.before = off, w.ends
	w.eol = 0 // no line end before it can belong to a delimiter
}

// endHeader parses the header that ends at off and goes on where its body starts.
func (w *walker) endHeader(off int64) {
	body := w.closeHeader(off)
	w.in.seek(body)
}

// closeHeader parses the header that ends at off and returns where the body starts.
func (w *walker) closeHeader(off int64) int64 {
	start := w.header
	b := w.m.slice(start, min(off, start+MaxHeader))
	h := parseHeader(b, start+int64(len(b)) < off)
	w.headers += h.Size
	w.ends = w.before + bytes.Count(b[:h.Size], []byte{'\n'})
	w.eol = 0
	l := len(w.open) - 1
	p := w.open[l].part
	w.open = w.open[:l]
	digest := l > 0 && w.open[l-1].part.Is("multipart/digest")
	w.enter(p, h, digest)
	return start + h.Size
}

// enter reads what the header says of its part, and makes it the innermost open
// one; a message in it is opened too.
func (w *walker) enter(p *Part, h *Header, digest bool) {
	w.header = -1
	p.Header, p.Body = h, p.Start+h.Size
	p.describe(digest)
	l := level{part: p, ends: w.ends}
	deep := len(w.open)+1 >= MaxDepth
	switch {
	case deep && (p.IsMultipart() || p.IsMessage()):
		w.tooDeep(p)
		w.open = append(w.open, l)
	case p.IsMultipart():
		l.boundary = p.boundary()
		l.unclosed = l.boundary != nil
		w.open = append(w.open, l)
	case p.IsMessage() && p.plain():
		w.open = append(w.open, l)
		w.begin(p.Body)
	default:
		w.open = append(w.open, l)
	}
}

func (w *walker) tooDeep(p *Part) {
	root := p
	if len(w.open) > 0 {
		root = w.open[0].part
	}
	root.Flags |= TooDeep
}

// leave ends all open parts from level i down at off.
func (w *walker) leave(i int, off int64, ends int) {
	for _, l := range w.open[i:] {
		p := l.part
		p.End = max(off, p.Body)
		p.Lines = max(ends-l.ends, 0)
		if l.unclosed {
			p.Flags |= NoCloseBoundary
		}
	}
	w.open = w.open[:i]
}

// lineEnd returns the length of the CRLF or LF that ends the line.
func lineEnd(line []byte) int {
	switch n := len(line); {
	case n > 1 && line[n-2] == '\r' && line[n-1] == '\n':
		return 2
	case n > 0 && line[n-1] == '\n':
		return 1
	}
	return 0
}
