package imap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// errTooBig: the command is beyond a bound. It was read to its end, or the
// client waits for our word, so that the next command is where it should be.
var errTooBig = errors.New("imap: command too big")

// errFlood: too much for reading to its end.
var errFlood = errors.New("imap: far too big")

// A reader takes whole commands off the wire.
type reader struct {
	r      *bufio.Reader
	line   int                                                  // octets of one line
	total  int                                                  // octets of a command in memory
	inline int                                                  // octets of a literal kept with them
	spool  func(have *spooled, n int64) (s *spooled, err error) // has room for one more of APPEND; nil before log-in
	accept func() error                                         // asks the client for a literal (RFC 9051 §4.3)
}

// A raw is a command as it is on the wire, with its literals inside, but for those
// that were too large for memory.
type raw struct {
	b     []byte
	spool *spooled
}

// read appends the next command to buf.
func (r *reader) read(buf []byte) (cmd raw, err error) {
	cmd.b = buf
	var refused error // then what follows is read and forgotten
	for {
		tail, err := r.nextLine(&cmd, &refused)
		if err != nil {
			return cmd, err
		}
		n, sync, ok := literalAtEnd(tail)
		if !ok {
			return cmd, refused
		}
		aside := false
		if refused == nil {
			aside, refused = r.fits(&cmd, n)
		}
		switch {
		case refused != nil && sync:
			return cmd, refused // not asked for, so it does not come
		case refused != nil:
			err = r.skip(n)
		case sync:
			if err = r.accept(); err == nil {
				err = r.literal(&cmd, n, aside)
			}
		default:
			err = r.literal(&cmd, n, aside)
		}
		if err != nil {
			return cmd, err
		}
	}
}

// hasLine reports whether a line is here already, so that reading it won't wait.
func (r *reader) hasLine() bool {
	b, _ := r.r.Peek(r.r.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

// nextLine reads a line into cmd or, once a bound was passed, past it. It
// returns at least the line's last octets.
func (r *reader) nextLine(cmd *raw, refused *error) (tail []byte, err error) {
	if *refused != nil {
		return r.skipLine(nil)
	}
	start := len(cmd.b)
	cmd.b, tail, err = r.readLine(cmd.b)
	if errors.Is(err, errTooBig) {
		*refused = err
		return tail, nil
	}
	return cmd.b[start:], err
}

// fits makes room for a literal of n octets, aside of the command where it is a message and
// too large for memory or not the first, or says why it can't be taken.
func (r *reader) fits(cmd *raw, n int64) (aside bool, err error) {
	mayAside, total := r.spool != nil && isAppend(cmd.b), r.total
	if mayAside {
		total /= 2 // the rest is for what stands between messages
	}
	switch {
	case n <= int64(r.inline) && len(cmd.b)+int(n) <= total:
		return false, nil
	case !mayAside:
		return false, errTooBig
	}
	s, err := r.spool(cmd.spool, n)
	if err != nil {
		return true, err
	}
	cmd.spool = s
	return true, nil
}

// isAppend reports whether b starts with a tag and APPEND.
func isAppend(b []byte) bool {
	_, rest, _ := bytes.Cut(b, []byte(" "))
	verb, _, _ := bytes.Cut(rest, []byte(" "))
	return bytes.EqualFold(verb, []byte("APPEND"))
}

func (r *reader) literal(cmd *raw, n int64, aside bool) error {
	if aside {
		return cmd.spool.fill(r.r, n, len(cmd.b))
	}
	start := len(cmd.b)
	cmd.b = append(cmd.b, make([]byte, n)...)
	_, err := io.ReadFull(r.r, cmd.b[start:])
	return err
}

// readLine appends a line with its end to b. Beyond a bound it reads the line to
// its end all the same, and returns its last octets and errTooBig.
func (r *reader) readLine(b []byte) (all, tail []byte, err error) {
	for start := len(b); ; {
		part, err := r.r.ReadSlice('\n')
		if len(b)-start+len(part) > r.line || len(b)+len(part) > r.total {
			tail := keepTail(keepTail(nil, b[start:]), part)
			if errors.Is(err, bufio.ErrBufferFull) {
				tail, err = r.skipLine(tail)
			}
			return b, tail, tooBigOr(err)
		}
		b = append(b, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return b, nil, err
		}
	}
}

func tooBigOr(err error) error {
	if err == nil {
		return errTooBig
	}
	return err
}

// skipLine reads a line and returns its last octets, where a literal's size would
// be. tail is what was read of it before.
func (r *reader) skipLine(tail []byte) ([]byte, error) {
	for n := 0; n < maxSkip; {
		part, err := r.r.ReadSlice('\n')
		tail = keepTail(tail, part)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return tail, err
		}
		n += len(part)
	}
	return nil, errFlood
}

// keepTail returns the last octets of tail and part together.
func keepTail(tail, part []byte) []byte {
	tail = append(tail, part[max(0, len(part)-literalSize):]...)
	return tail[max(0, len(tail)-literalSize):]
}

const (
	maxSkip     = 1 << 20   // octets of a line that is passed over
	maxSkipped  = 128 << 20 // octets of a literal that is passed over
	literalSize = 32        // octets that "{n+}" and the line's end take at most
)

func (r *reader) skip(n int64) error {
	if n > maxSkipped {
		return errFlood
	}
	_, err := io.CopyN(io.Discard, r.r, n)
	return err
}

// literalAtEnd reads the announcement of a literal at the end of a line:
// "{5}", where the client waits to be asked, or "{5+}" (RFC 7888).
func literalAtEnd(line []byte) (n int64, sync, ok bool) {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) == 0 || line[len(line)-1] != '}' {
		return 0, false, false
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return 0, false, false
	}
	digits, plus := bytes.CutSuffix(line[open+1:len(line)-1], []byte("+"))
	if len(digits) == 0 || len(digits) > 18 || digits[0] < '0' || digits[0] > '9' {
		return 0, false, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, !plus, err == nil
}
