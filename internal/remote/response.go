package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of one response, but for the literal that somebody waits for.
const (
	maxResponse = 1 << 20 // octets
	maxDepth    = 20      // lists in lists
	maxValues   = 50_000
)

// A response is a line of an IMAP server with the literals in it (RFC 3501 §7).
type response struct {
	values []value
	text   string // the line as it came, without literals
}

// A value is an atom, a string, or a list.
type value struct {
	text   string
	list   []value
	isList bool
	quoted bool
}

func (r response) word(n int) string {
	if n >= len(r.values) {
		return ""
	}
	return strings.ToUpper(r.values[n].text)
}

func (r response) untagged() bool { return r.word(0) == "*" }

func (r response) tag() string {
	if len(r.values) == 0 {
		return ""
	}
	return r.values[0].text
}

// failed is the error of a response that ends a command.
func (r response) failed() error {
	if r.word(1) == "OK" {
		return nil
	}
	_, rest, _ := strings.Cut(r.text, " ")
	return refusal{text: rest}
}

// code returns the arguments of a response code, "[UIDVALIDITY 7]" (RFC 3501 §7.1).
func (r response) code(name string) (string, bool) {
	_, rest, _ := strings.Cut(r.text, "[")
	inside, _, ok := strings.Cut(rest, "]")
	word, args, _ := strings.Cut(inside, " ")
	return args, ok && strings.EqualFold(word, name)
}

// A literalSink takes the literal that follows a word such as BODY[].
type literalSink struct {
	after string // in upper case
	w     io.Writer
	most  int64
	came  bool
	fault error
}

// A reader of responses.
type responseReader struct {
	c    *conn
	into *literalSink
	text strings.Builder
	left int // octets
	n    int // values
	last string
}

// response reads one. Human text behind a status is not parsed: it may hold anything.
func (c *conn) response(into *literalSink) (response, error) {
	r := &responseReader{c: c, into: into, left: maxResponse}
	values, err := r.values(0)
	if err != nil {
		return response{}, err
	}
	return response{values: values, text: r.text.String()}, nil
}

func (r *responseReader) next() (byte, error) {
	if r.left--; r.left < 0 {
		return 0, fmt.Errorf("%w: a response of more than %d octets", ErrProtocol, maxResponse)
	}
	b, err := r.c.r.ReadByte()
	if err != nil {
		return 0, r.c.fault(err)
	}
	if b != '\r' && b != '\n' {
		r.text.WriteByte(b)
	}
	return b, nil
}

// values reads up to the end of a line, or at a depth to the closing parenthesis.
func (r *responseReader) values(depth int) (list []value, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: lists of more than %d levels", ErrProtocol, maxDepth)
	}
	for {
		if depth == 0 && human(list) {
			_, err := r.rest()
			return list, err
		}
		b, err := r.next()
		if err != nil {
			return nil, err
		}
		if r.n++; r.n > maxValues {
			return nil, fmt.Errorf("%w: a response of more than %d values", ErrProtocol, maxValues)
		}
		switch b {
		case ' ', '\t', '\r':
		case '\n':
			if depth > 0 {
				return nil, fmt.Errorf("%w: a list that does not end: %s", ErrProtocol, quote(r.text.String()))
			}
			return list, nil
		case ')':
			if depth == 0 {
				return nil, fmt.Errorf("%w: a list that does not begin: %s", ErrProtocol, quote(r.text.String()))
			}
			return list, nil
		case '(':
			in, err := r.values(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, value{list: in, isList: true})
		case '"':
			text, err := r.quoted()
			if err != nil {
				return nil, err
			}
			list = append(list, value{text: text, quoted: true})
		case '{', '~':
			v, err := r.literal(b)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		default:
			text, err := r.atom(b)
			if err != nil {
				return nil, err
			}
			r.last = strings.ToUpper(text)
			list = append(list, value{text: text})
		}
	}
}

// human reports whether the rest of a line is for people: behind a status, and behind "+".
func human(list []value) bool {
	if len(list) == 1 {
		return list[0].text == "+"
	}
	if len(list) != 2 || list[1].isList || list[1].quoted {
		return false
	}
	switch strings.ToUpper(list[1].text) {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

func (r *responseReader) rest() (string, error) {
	for {
		b, err := r.next()
		if err != nil || b == '\n' {
			return "", err
		}
	}
}

func (r *responseReader) quoted() (string, error) {
	var b strings.Builder
	for {
		c, err := r.next()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return "", fmt.Errorf("%w: a string that does not end: %s", ErrProtocol, quote(r.text.String()))
		case c == '"':
			return b.String(), nil
		case c == '\\':
			if c, err = r.next(); err != nil {
				return "", err
			}
		}
		b.WriteByte(c)
	}
}

// atom reads on to what ends one, and leaves that. Brackets hold blanks: BODY[HEADER.FIELDS (DATE)].
func (r *responseReader) atom(first byte) (string, error) {
	b := []byte{first}
	open := first == '['
	for {
		peek, err := r.c.r.Peek(1)
		if err != nil {
			return "", r.c.fault(err)
		}
		c := peek[0]
		if c == '\r' || c == '\n' || !open && (c == ' ' || c == '(' || c == ')') {
			return string(b), nil
		}
		if open && c == ']' {
			open = false
		} else if c == '[' {
			open = true
		}
		if _, err := r.next(); err != nil {
			return "", err
		}
		b = append(b, c)
	}
}

// literal reads {N} CRLF and what follows (~{N} of RFC 3516, too).
func (r *responseReader) literal(first byte) (value, error) {
	line := string(first)
	for !strings.HasSuffix(line, "\n") && len(line) < 30 {
		b, err := r.next()
		if err != nil {
			return value{}, err
		}
		line += string(b)
	}
	inside, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "~"), "{")
	inside, closed := strings.CutSuffix(inside, "}")
	n, err := strconv.ParseInt(inside, 10, 64)
	if !ok || !closed || err != nil || n < 0 {
		return value{}, fmt.Errorf("%w: a literal that begins %s", ErrProtocol, quote(line))
	}
	if r.into != nil && !r.into.came && r.last == r.into.after {
		r.into.came = true
		return value{quoted: true}, r.into.take(r.c, n)
	}
	if n > int64(r.left) {
		return value{}, fmt.Errorf("%w: a literal of %d octets", ErrProtocol, n)
	}
	r.left -= int(n)
	b := make([]byte, n)
	_, err = io.ReadFull(r.c.r, b)
	return value{text: string(b), quoted: true}, r.c.fault(err)
}

// take reads a literal. What is too large is read for the sake of the rest of the session, if
// that is not much too large.
func (s *literalSink) take(c *conn, n int64) error {
	if n > s.most {
		s.fault = ErrTooLarge
		if n > s.most+drained {
			c.Close()
			return ErrTooLarge
		}
		_, err := io.CopyN(io.Discard, c.r, n)
		return c.fault(err)
	}
	b := bufio.NewWriterSize(s.w, 32<<10)
	if _, err := io.CopyN(b, c.r, n); err != nil {
		return c.fault(err)
	}
	s.fault = b.Flush()
	return nil
}

// number is a value that is one.
func (v value) number() (uint32, error) {
	n, err := strconv.ParseUint(v.text, 10, 32)
	if err != nil || v.isList {
		return 0, errors.Join(ErrProtocol, err)
	}
	return uint32(n), nil
}
