package smtpd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"gatepost/internal/mail"
)

// Data takes the content of a transaction (smtp.Session). The transaction is
// over when it returns.
func (s *session) Data(r io.Reader) error {
	tx := s.tx
	s.tx = nil
	c := &content{cfg: &s.cfg}
	defer c.free()
	if err := c.read(r, s.size); err != nil {
		return s.refuseContent(tx, err)
	}
	s.cfg.Observer.Content(c.size, c.file != nil)
	m := c.message()
	if hops(m) > s.cfg.MaxReceived {
		tx.Abort(mail.Loop, "mail loop")
		return s.say(answer(mail.Verdict{Answer: mail.Loop, ID: tx.ID()}))
	}
	if !s.stands() {
		tx.Abort(mail.Deferred, "what logged in opens the mailbox no more")
		return s.say(loginOver)
	}
	ctx, cancel := s.answerTime()
	defer cancel()
	v := tx.Data(ctx, m, s.received(tx.ID()))
	if v.Answer != mail.OK {
		return s.say(answer(v))
	}
	s.errors, s.faults, s.given = 0, 0, 0
	return s.say(accepted(tx.ID()))
}

// refuseContent ends a transaction whose content was not taken.
func (s *session) refuseContent(tx Transaction, err error) error {
	if errors.Is(err, errGivenUp) {
		tx.Abort(mail.OK, s.guard.verb)
		return errNo
	}
	if s.guard.cause != "" {
		tx.Abort(mail.OK, s.guard.cause)
	} else {
		tx.Abort(refusal(err), cause(err))
	}
	return s.say(contentReply(err))
}

// cause is what the journal reads.
func cause(err error) string {
	for _, known := range []error{errBare, errLongLine, errTime, errTooLarge, errNoRoom, errDraining} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// refusal is the kind of contentReply.
func refusal(err error) mail.Answer {
	switch {
	case errors.Is(err, errBare), errors.Is(err, errLongLine), errors.Is(err, errTooLarge):
		return mail.Malformed
	case errors.Is(err, errNoRoom), errors.Is(err, syscall.ENOSPC):
		return mail.NoSpace
	case errors.Is(err, errSpool):
		return mail.Failed
	}
	return mail.OK
}

func contentReply(err error) reply {
	switch {
	case errors.Is(err, errBare):
		return bareContent
	case errors.Is(err, errLongLine):
		return longLine
	case errors.Is(err, errTime):
		return timedOut
	case errors.Is(err, errDraining):
		return shutDown
	case errors.Is(err, errTooLarge):
		return tooLarge
	case errors.Is(err, errNoRoom), errors.Is(err, syscall.ENOSPC):
		return noSpace
	case errors.Is(err, errSpool):
		return failed
	}
	return lostContent
}

func hops(m *mail.Message) int {
	n := 0
	for _, f := range m.Header().Fields {
		if strings.EqualFold(f.Name, "Received") {
			n++
		}
	}
	return n
}

var (
	errTooLarge = errors.New("message too large")
	errNoRoom   = errors.New("too many octets in flight")
	errSpool    = errors.New("smtpd: spool")
)

// A content is a message's octets while it is taken: in memory as long as it
// is small, else in a file that has no name and is gone when it is closed,
// whatever happens to the process. All of it counts against Limits.Bytes.
type content struct {
	cfg    *Config
	memory []byte
	file   *os.File
	size   int64
	held   int64 // of Limits
}

// firstBuffer is what a message gets that did not declare its size.
const firstBuffer = 8 << 10

// read takes all that r has, of which declared octets were announced.
func (c *content) read(r io.Reader, declared int64) error {
	first := int64(firstBuffer)
	if declared > 0 {
		first = declared + 1 // and one, so that the end is found without growing
	}
	if err := c.grow(int(min(first, c.cfg.SpoolOver+1))); err != nil {
		return err
	}
	for {
		n, err := r.Read(c.memory[len(c.memory):cap(c.memory)])
		if e := c.add(n); e != nil {
			return e
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// add takes note of n octets behind c.memory, and makes room for more.
func (c *content) add(n int) error {
	c.size += int64(n)
	c.memory = c.memory[:len(c.memory)+n]
	switch {
	case c.size > c.cfg.MaxMessage:
		return errTooLarge
	case c.file != nil:
		return c.spill()
	case c.size > c.cfg.SpoolOver:
		return c.open()
	case len(c.memory) == cap(c.memory):
		return c.grow(int(min(2*c.size, c.cfg.SpoolOver+1)))
	}
	return nil
}

// grow makes room in memory.
func (c *content) grow(to int) error {
	if err := c.hold(int64(to - cap(c.memory))); err != nil {
		return err
	}
	larger := make([]byte, len(c.memory), to)
	copy(larger, c.memory)
	c.memory = larger
	return nil
}

func (c *content) hold(n int64) error {
	if !c.cfg.Limits.reserve(n) {
		return errNoRoom
	}
	c.held += n
	return nil
}

// open moves the content to a file; the memory that it was in becomes the buffer.
func (c *content) open() error {
	f, err := os.CreateTemp(c.cfg.SpoolDir, "incoming-")
	if err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	c.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	return c.spill()
}

// spill writes what is in memory to the file.
func (c *content) spill() error {
	if err := c.hold(int64(len(c.memory))); err != nil {
		return err
	}
	if _, err := c.file.Write(c.memory); err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	c.memory = c.memory[:0]
	return nil
}

// message wraps the content, which must be there as long as the message is used.
func (c *content) message() *mail.Message {
	if c.file != nil {
		return mail.NewSpooled(c.file, c.size)
	}
	return mail.NewMessage(c.memory)
}

// free gives back what the content held.
func (c *content) free() {
	c.cfg.Limits.release(c.held)
	if c.file != nil {
		c.file.Close()
	}
}
