package mail

// A sink takes text as it is laid out: white space as single spaces, none at the ends
// of lines.
type sink struct {
	b     []byte
	line  bool // the line that is being written is not empty
	space bool // white space came, which counts if something follows on the line
}

// text writes a piece of text; as it stands, if pre.
func (s *sink) text(b string, pre bool) {
	if pre {
		s.preserve(b)
		return
	}
	for len(b) > 0 {
		if isHTMLSpace(b[0]) {
			s.space = true
			b = b[1:]
			continue
		}
		n := 1
		for n < len(b) && !isHTMLSpace(b[n]) {
			n++
		}
		s.gap()
		s.b = append(s.b, b[:n]...)
		s.line = true
		b = b[n:]
	}
}

// gap writes the white space that came.
func (s *sink) gap() {
	if s.space && s.line {
		s.b = append(s.b, ' ')
	}
	s.space = false
}

func (s *sink) preserve(b string) {
	if len(b) == 0 {
		return
	}
	s.gap()
	s.b = append(s.b, b...)
	s.line = b[len(b)-1] != '\n'
}

// breakLine ends the line, unless it is empty.
func (s *sink) breakLine() {
	if s.line {
		s.b = append(s.b, '\n')
	}
	s.line, s.space = false, false
}

// isHTMLSpace reports whether an octet is white space (HTML Standard §13.2.5).
func isHTMLSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'
}
