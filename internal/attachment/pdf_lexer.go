package attachment

import "bytes"

// A pdfLexer goes through the objects of a PDF token by token (ISO 32000 §7.2). Titles and links
// are strings, in which "/JavaScript" is only text; so what stands in a string or a comment
// does not count. It does again from the next dictionary on, even in there: a reader jumps
// to where the table of objects says, into the middle of what looks like a string from here.
type pdfLexer struct {
	deep    int  // parentheses that are open: it is in a string
	comment bool // it is in a comment
	nested  int  // dictionaries that are open
	key     string
}

// text reports whether the lexer is in a string or a comment.
func (l *pdfLexer) text() bool { return l.deep > 0 || l.comment }

// A pdfNameAt is a name where it means something.
type pdfNameAt struct {
	name string
	of   string // the key whose value it is; "" for a key
	bare bool   // it stands in no dictionary: an object that others refer to
}

// next reads the token that begins at b[i] and returns where the next one does.
func (l *pdfLexer) next(b []byte, i int) (_ pdfNameAt, end int) {
	if bytes.HasPrefix(b[i:], []byte("<<")) {
		*l = pdfLexer{nested: l.nested + 1}
		return pdfNameAt{}, i + 2
	}
	if l.text() {
		return pdfNameAt{}, l.skip(b, i)
	}
	switch c := b[i]; {
	case isPDFSpace(c):
		return pdfNameAt{}, i + 1
	case c == '%':
		l.comment = true
		return pdfNameAt{}, i + 1
	case c == '/':
		return l.named(b, i+1)
	case c == '(':
		l.deep = 1
	case c == '>' && bytes.HasPrefix(b[i:], []byte(">>")):
		l.key, l.nested = "", max(0, l.nested-1)
		return pdfNameAt{}, i + 2
	}
	l.key = ""
	for end = i + 1; end < len(b) && !isPDFSpace(b[i]) && !isPDFDelimiter(b[i]) && !isPDFSpace(b[end]) && !isPDFDelimiter(b[end]); end++ {
	}
	if string(b[i:end]) == "obj" {
		l.nested = 0
	}
	return pdfNameAt{}, end
}

// skip goes on in a string or a comment.
func (l *pdfLexer) skip(b []byte, i int) int {
	c := b[i]
	switch {
	case l.comment:
		l.comment = c != '\r' && c != '\n'
	case c == '\\' && i+1 < len(b) && (b[i+1] == '(' || b[i+1] == ')' || b[i+1] == '\\'):
		return i + 2
	case c == '(':
		l.deep++
	case c == ')':
		l.deep--
	}
	return i + 1
}

// named reads a name behind its slash. A name behind a key is the value of that.
func (l *pdfLexer) named(b []byte, i int) (pdfNameAt, int) {
	name, n := pdfName(b[i:])
	at := pdfNameAt{name: name, of: l.key, bare: l.nested == 0}
	if l.key == "" && !at.bare {
		l.key = name
	} else {
		l.key = ""
	}
	return at, i + n
}

func isPDFSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isPDFDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }
