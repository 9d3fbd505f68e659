package smtpd

import (
	"errors"
	"os"
)

// Why content is not taken. The session gets these from its reader.
var (
	errBare     = errors.New("bare CR or LF in content")
	errLongLine = errors.New("line of content too long")
	errTime     = errors.New("time-out in content")
	errLost     = errors.New("connection lost in content")
	errGivenUp  = errors.New("content given up") // RSET, EHLO or QUIT between chunks
)

// lines reads content octet by octet, finds its end, and what may not be in it.
// What it lets pass consists of lines that end with CRLF and have neither CR nor
// LF anywhere else, so no reader behind it can see other lines than it did: mail
// can't be smuggled (CVE-2023-51764 and its kin), neither into this server nor
// through it.
//
// Whether an octet is the end never depends on what was bad before: the end is
// CRLF "." CRLF, as octets, and nothing else.
type lines struct {
	max    int   // octets in a line
	dotted bool  // DATA: a line of one dot ends the content; else chunks do
	octets int64 // that chunks have announced

	state  state
	length int
	bad    error // the first thing that was wrong
	over   bool  // nothing more is read
}

type state uint8

const (
	begin state = iota // of a line
	middle
	cr    // behind a CR in a line
	dot   // behind a dot that begins a line
	dotCR // and behind the CR after it
)

// scan reads b, and stops behind the end of content or the first thing that is
// wrong. It returns how many octets it has read, and whether the last one was the end.
func (l *lines) scan(b []byte) (n int, end bool) {
	wasBad := l.bad != nil
	for i, c := range b {
		if l.next(c) {
			return i + 1, true
		}
		if l.bad != nil && !wasBad {
			return i + 1, false
		}
	}
	return len(b), false
}

// next reads one octet and reports whether it was the end.
func (l *lines) next(c byte) (end bool) {
	if l.length++; l.length > l.max {
		l.fault(errLongLine)
	}
	from := l.state
	switch {
	case c == '\r':
		if from == cr || from == dotCR {
			l.fault(errBare)
		}
		l.state = cr
		if from == dot {
			l.state = dotCR
		}
	case c == '\n' && from == dotCR:
		return true
	case c == '\n' && from == cr:
		l.state, l.length = begin, 0
	case c == '\n', from == cr, from == dotCR:
		l.fault(errBare)
		l.state = middle
	case c == '.' && from == begin && l.dotted:
		l.state = dot
	default:
		l.state = middle
	}
	return false
}

func (l *lines) fault(err error) {
	if l.bad == nil {
		l.bad = err
	}
}

// readContent gives the library what DATA brings, with its dots and its end.
// Content that is bad is read to its end, so that the refusal is heard and the
// next command is found; then the library gets the error in its place.
func (g *guard) readContent(p []byte) (int, error) {
	for !g.body.over {
		b, err := g.ahead()
		if err != nil {
			return 0, err
		}
		if len(b) > len(p) {
			b = b[:len(p)]
		}
		n, end := g.body.scan(b)
		copy(p, b[:n])
		g.in.Discard(n)
		g.body.over = end
		if g.body.bad == nil {
			return n, nil
		}
	}
	return 0, g.body.bad
}

// ahead returns content that has come in, at least an octet.
func (g *guard) ahead() ([]byte, error) {
	g.in.widen()
	if _, err := g.in.Peek(1); err != nil {
		return nil, g.loseContent(err)
	}
	return g.in.Peek(g.in.Buffered())
}

// loseContent ends the stream: no octet that comes later can be told from a
// command.
func (g *guard) loseContent(err error) error {
	cause := errLost
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		cause = errTime
	case errors.Is(err, errDraining):
		cause = errDraining
	}
	g.end(cause.Error())
	if g.body.bad != nil {
		return g.body.bad
	}
	return cause
}
