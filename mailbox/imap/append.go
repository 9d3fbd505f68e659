package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

var appendCommands = []command{
	{name: "APPEND", states: inside, run: (*conn).append, makes: true},
}

// append: RFC 9051 §6.3.12, with many messages RFC 3502: all of them are taken, or none.
func (c *conn) append(ctx context.Context, r *request) (reply, error) {
	r.space()
	name := r.folderName()
	list := r.appendMessages(c.srv.now())
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.target(ctx, name)
	if err != nil {
		return reply{}, err
	}
	all := mailbox.Usage{Messages: int64(len(list))}
	for i := range list {
		l := &list[i]
		flags, err := allowedFlags(f, l.Flags)
		if err != nil {
			return reply{}, err
		}
		l.Delivery = mailbox.Prepare(f.Box, f.local, l.message, l.Time)
		l.Flags, l.Into = flags, f.ID
		all.Bytes += l.Size
	}
	if uid, err := c.filed(ctx, f, list); err != nil || uid != 0 {
		return reply{code: appended(f, mailbox.UIDSet{}.Add(uid))}, err
	}
	if err := c.fits(ctx, f.Box, all); err != nil {
		return reply{}, err
	}
	err = c.deliver(ctx, f.Box, list)
	if errors.Is(err, mailbox.ErrNoFolder) { // it was deleted while the messages came
		return reply{}, errNoTarget
	}
	if err != nil {
		return reply{}, err
	}
	var uids mailbox.UIDSet
	for i := range list {
		uids = uids.Add(list[i].UID)
	}
	return reply{code: appended(f, uids)}, nil
}

// appended is the code that tells under which UIDs messages are there (RFC 4315 §3).
func appended(f place, uids mailbox.UIDSet) string {
	return "APPENDUID " + strconv.FormatUint(uint64(f.UIDValidity), 10) + " " + uids.String()
}

// filed returns the UID of what a program files in a group's Sent, where it is there: the node has filed it
// as it was sent (see intake), and the program, which was told to do so, too, is given that one.
func (c *conn) filed(ctx context.Context, f place, list []letter) (mailbox.UID, error) {
	if !f.Group || f.Use != mailbox.Sent || len(list) != 1 {
		return 0, nil
	}
	uid, err := c.srv.Sharing.Lately(ctx, f.ID, mailbox.MessageIDOf(list[0].Envelope))
	if err != nil || uid == 0 {
		return 0, err
	}
	rows, err := c.srv.Store.Messages(ctx, f.ID, mailbox.UIDSet{}.Add(uid), mailbox.Content)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	there := candidate{row: &rows[0]}
	if err := there.open(ctx, c.srv.Bodies, nil); err != nil {
		return 0, err
	}
	defer there.close(nil)
	if same, err := sameBody(there.message, list[0].message); err != nil || !same { // anybody can use a Message-ID again: nothing is lost for that
		return 0, err
	}
	return uid, nil
}

// sameBody reports whether two messages have the same octets after their headers.
func sameBody(a, b *mail.Message) (bool, error) {
	body := func(m *mail.Message) *io.SectionReader {
		begin := int64(m.Header().Size)
		return io.NewSectionReader(m, begin, m.Size()-begin)
	}
	x, y := body(a), body(b)
	if x.Size() != y.Size() {
		return false, nil
	}
	for at, p, q := int64(0), make([]byte, 32<<10), make([]byte, 32<<10); at < x.Size(); {
		n := int(min(int64(len(p)), x.Size()-at))
		if _, err := io.ReadFull(x, p[:n]); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(y, q[:n]); err != nil {
			return false, err
		}
		if !bytes.Equal(p[:n], q[:n]) {
			return false, nil
		}
		at += int64(n)
	}
	return true, nil
}

// A letter is a message that APPEND brings.
type letter struct {
	mailbox.Delivery
	message *mail.Message
}

var errAppended = no("LIMIT", "Too many messages at once")

// appendMessages reads the messages, each with its flags and its date.
func (r *request) appendMessages(now time.Time) (list []letter) {
	for more := true; more && r.err == nil; more = r.peek() == ' ' {
		if len(list) == maxAppended {
			r.err, r.b = errAppended, nil
			return nil
		}
		l := letter{Delivery: mailbox.Delivery{Time: now}}
		r.space()
		if r.peek() == '(' {
			l.Flags = r.flags()
			r.space()
		}
		if r.peek() == '"' {
			l.Time = r.dateTime()
			r.space()
		}
		l.message = r.appended()
		list = append(list, l)
	}
	return list
}

// deliver makes the contents durable and then the messages' rows, by one commit.
func (c *conn) deliver(ctx context.Context, box int64, list []letter) error {
	if err := c.putAll(ctx, list); err != nil {
		return err
	}
	all := make([]*mailbox.Delivery, len(list))
	for i := range list {
		all[i] = &list[i].Delivery
	}
	if err := c.srv.Store.DeliverAll(ctx, all); err != nil {
		return err
	}
	c.srv.Changes.Notify(box)
	return nil
}

// putAtOnce is how many contents wait for the disk together: they share its syncs.
const putAtOnce = 16

func (c *conn) putAll(ctx context.Context, list []letter) error {
	var writers errgroup.Group
	writers.SetLimit(putAtOnce)
	for i := range list {
		writers.Go(func() error { return c.put(ctx, &list[i]) })
	}
	return writers.Wait()
}

func (c *conn) put(ctx context.Context, l *letter) error {
	if err := l.message.Err(); err != nil {
		return fmt.Errorf("imap: read appended message: %w", err)
	}
	id, err := c.srv.Bodies.Put(ctx, l.message.Reader(), l.message.Size())
	if err != nil {
		return fmt.Errorf("imap: append: %w", err)
	}
	l.Blob = string(id)
	return nil
}

// appended reads the message, which may be marked as one with UTF-8 in its header (RFC 6855 §4). Without
// the mark 8 bits are taken all the same: people bring old mail that is full of them.
func (r *request) appended() *mail.Message {
	if !r.takeFold("UTF8 (~") {
		return r.message()
	}
	if !r.utf8 {
		r.fail("UTF8=ACCEPT is not enabled")
	}
	m := r.message()
	r.expect(')')
	return m
}

// message reads the literal that APPEND brings.
func (r *request) message() *mail.Message {
	r.take('~') // a literal8 (RFC 3516 §4.4)
	n := r.announced()
	aside, ok := r.aside()
	switch {
	case r.err != nil:
		return nil
	case n == 0:
		r.fail("A message of no octets")
		return nil
	case ok && r.spool.broken:
		r.err, r.b = fmt.Errorf("%w: the file could not be written", errSpool), nil
		return nil
	case ok:
		return mail.NewSpooled(aside, n)
	case n > int64(len(r.b)):
		r.fail("Literal not accepted here")
		return nil
	}
	b := bytes.Clone(r.b[:n])
	r.b = r.b[n:]
	return mail.NewMessage(b)
}

// dateTime reads a date-time (RFC 9051 §9).
func (p *parser) dateTime() time.Time {
	s := p.quoted()
	t, err := time.Parse(dateTime, s)
	if err != nil {
		t, err = time.Parse("2-Jan-2006 15:04:05 -0700", s)
	}
	if err != nil {
		p.fail("Expected a date and time")
	}
	return t
}
