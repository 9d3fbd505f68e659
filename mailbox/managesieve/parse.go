package managesieve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatepost/mailbox"
)

// Bounds of what a client says.
const (
	maxWord      = 64                // octets of a command's name
	maxArguments = 3                 // of a command
	maxQuoted    = 1024              // octets between quotes (RFC 5804 §4, QUOTED)
	maxSkipped   = 16 << 20          // octets of what is too large or can't be read, before the connection ends
	maxStranger  = 16 << 10          // octets of a string before the log-in
	maxLiteral   = mailbox.MaxScript // octets of a string after it
)

// An argument is a string, or a number (RFC 5804 §4).
type argument struct {
	text     string
	number   uint64
	isNumber bool
}

// A request is one command as it came.
type request struct {
	name string // in capitals
	args []argument
}

// A fault is what is wrong with a command. The connection stays in step: what is left of the
// command is skipped.
type fault struct {
	code, text string
	ended      bool // nothing is left of it
}

// Error implements error.
func (f fault) Error() string { return f.text }

// errLost: where the command ends can't be told.
var errLost = errors.New("managesieve: the command has no end within its bounds")

// A reader reads commands.
type reader struct {
	*bufio.Reader
	limit int // octets of a literal
}

// request reads one command with its line end. It fails with a fault, with errLost, or as the
// connection does.
func (r *reader) request() (request, error) {
	word, err := r.word()
	q := request{name: strings.ToUpper(word)}
	for err == nil {
		var more bool
		if more, err = r.more(); err != nil || !more {
			break
		}
		if len(q.args) == maxArguments {
			err = fault{text: "Too many arguments"}
			break
		}
		var a argument
		if a, err = r.argument(); err == nil {
			q.args = append(q.args, a)
		}
	}
	return q, r.inStep(err)
}

// inStep skips the rest of a command with a fault.
func (r *reader) inStep(err error) error {
	if f := (fault{}); errors.As(err, &f) && !f.ended {
		if skipped := r.skip(); skipped != nil {
			return skipped
		}
	}
	return err
}

func (r *reader) word() (string, error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter || len(b) == maxWord {
			if err := r.UnreadByte(); err != nil {
				return "", err
			}
			if len(b) == 0 || letter {
				return "", fault{text: "That is no command"}
			}
			return string(b), nil
		}
		b = append(b, c)
	}
}

// more reports whether an argument follows, whose space it takes; else it takes the line end.
func (r *reader) more() (bool, error) {
	c, err := r.ReadByte()
	switch {
	case err != nil:
		return false, err
	case c == ' ':
		return true, nil
	case c == '\n':
		return false, nil
	case c == '\r':
		if c, err = r.ReadByte(); err != nil || c == '\n' {
			return false, err
		}
	}
	if err := r.UnreadByte(); err != nil {
		return false, err
	}
	return false, fault{text: "A space or the end of the line is missing"}
}

func (r *reader) argument() (argument, error) {
	next, err := r.Peek(1)
	if err != nil {
		return argument{}, err
	}
	switch c := next[0]; {
	case c == '"':
		s, err := r.quoted()
		return argument{text: s}, err
	case c == '{':
		s, err := r.literal()
		return argument{text: s}, err
	case c >= '0' && c <= '9':
		n, err := r.number()
		return argument{number: n, isNumber: true}, err
	}
	return argument{}, fault{text: "An argument is a string or a number"}
}

// string reads one string with its line end, which a client answers a challenge with.
func (r *reader) string() (string, error) {
	a, err := r.argument()
	if err == nil && a.isNumber {
		err = fault{text: "A string is needed"}
	}
	if err == nil {
		var more bool
		if more, err = r.more(); more && err == nil {
			err = fault{text: "Nothing may follow"}
		}
	}
	return a.text, r.inStep(err)
}

func (r *reader) quoted() (string, error) {
	var b []byte
	if _, err := r.ReadByte(); err != nil {
		return "", err
	}
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case c == '"':
			return clean(b)
		case c == '\r' || c == '\n':
			return "", errors.Join(fault{text: "A quoted string ends on its line"}, r.UnreadByte())
		case len(b) == maxQuoted:
			return "", fault{text: fmt.Sprintf("A quoted string has %d octets at most; use a literal", maxQuoted)}
		case c == '\\':
			if c, err = r.ReadByte(); err != nil {
				return "", err
			}
			if c != '"' && c != '\\' {
				return "", errors.Join(fault{text: "Only quotes and backslashes are escaped"}, r.UnreadByte())
			}
		}
		b = append(b, c)
	}
}

// literal reads {n+}, a line end and n octets. {n} would wait for an answer, which the protocol
// does not have (RFC 5804 §4).
func (r *reader) literal() (string, error) {
	line, err := r.line()
	if err != nil {
		return "", err
	}
	n, ok := literalSize(line)
	switch {
	case !ok:
		return "", fault{text: "A literal is written {n+}", ended: true}
	case n > int64(r.limit):
		if err := r.drop(n); err != nil {
			return "", err
		}
		return "", fault{code: "QUOTA/MAXSIZE", text: fmt.Sprintf("A string has %d octets at most", r.limit)}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	return clean(b)
}

// clean refuses what is not text.
func clean(b []byte) (string, error) {
	if !utf8.Valid(b) || strings.ContainsRune(string(b), 0) {
		return "", fault{text: "Strings are UTF-8, without NUL"}
	}
	return string(b), nil
}

func (r *reader) number() (uint64, error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c < '0' || c > '9' || len(b) > 10 {
			if err := r.UnreadByte(); err != nil {
				return 0, err
			}
			break
		}
		b = append(b, c)
	}
	n, err := strconv.ParseUint(string(b), 10, 32)
	if err != nil {
		return 0, fault{text: "A number has 32 bits"}
	}
	return n, nil
}

// skip reads the rest of a command that can't be used, the literals in it as well, so that what
// they hold is never taken for commands.
func (r *reader) skip() error {
	left := int64(maxSkipped)
	for {
		line, err := r.line()
		if err != nil {
			return err
		}
		n, ok := literalSize(line)
		if left -= int64(len(line)) + n; left < 0 {
			return errLost
		}
		if !ok {
			return nil
		}
		if err := r.drop(n); err != nil {
			return err
		}
	}
}

// line reads up to a line end, without it; of a long line only the end.
func (r *reader) line() (string, error) {
	var b []byte
	for read := 0; read <= maxSkipped; {
		part, err := r.ReadSlice('\n')
		read += len(part)
		b = append(b[max(len(b)-maxWord, 0):], part...)
		switch {
		case err == nil:
			return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
	return "", errLost
}

func (r *reader) drop(n int64) error {
	if n > maxSkipped {
		return errLost
	}
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

// literalSize reads the {n+} or {n} with which a line ends.
func literalSize(line string) (int64, bool) {
	at := strings.LastIndexByte(line, '{')
	digits, ok := strings.CutSuffix(line[max(at, 0):], "+}")
	if at < 0 || !ok || len(digits) < 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits[1:], 10, 32)
	return int64(n), err == nil
}
