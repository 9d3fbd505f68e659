package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

var appendCommands = []command{
	{name: "APPEND", states: inside, run: (*conn).append, makes: true},
}

// append: RFC 9051 §6.3.12.
func (c *conn) append(ctx context.Context, r *request) (reply, error) {
	d := mailbox.Delivery{Box: c.box, Time: c.srv.now()}
	r.space()
	name := r.folderName()
	r.space()
	if r.peek() == '(' {
		d.Flags = r.flags()
		r.space()
	}
	if r.peek() == '"' {
		d.Time = r.dateTime()
		r.space()
	}
	m := r.appended()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	f, err := c.target(ctx, name)
	if err != nil {
		return reply{}, err
	}
	if d.Flags, err = allowedFlags(f, d.Flags); err != nil {
		return reply{}, err
	}
	p := mailbox.Prepare(f.Box, f.local, m, d.Time)
	if err := c.fits(ctx, f.Box, mailbox.Usage{Messages: 1, Bytes: p.Size}); err != nil {
		return reply{}, err
	}
	p.Flags, p.Into = d.Flags, f.ID
	err = c.deliver(ctx, m, &p)
	if errors.Is(err, mailbox.ErrNoFolder) { // it was deleted while the message came
		return reply{}, errNoTarget
	}
	if err != nil {
		return reply{}, err
	}
	return reply{code: "APPENDUID " + strconv.FormatUint(uint64(f.UIDValidity), 10) + " " + strconv.FormatUint(uint64(p.UID), 10)}, nil
}

// deliver makes the content durable and then the message's rows.
func (c *conn) deliver(ctx context.Context, m *mail.Message, d *mailbox.Delivery) error {
	if err := m.Err(); err != nil {
		return fmt.Errorf("imap: read appended message: %w", err)
	}
	id, err := c.srv.Bodies.Put(ctx, m.Reader(), m.Size())
	if err != nil {
		return fmt.Errorf("imap: append: %w", err)
	}
	d.Blob = string(id)
	if err := c.srv.Store.Deliver(ctx, d); err != nil {
		return err
	}
	c.srv.Changes.Notify(d.Box)
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
	switch {
	case r.err != nil:
		return nil
	case n == 0:
		r.fail("A message of no octets")
		return nil
	case r.spool != nil && n > int64(r.limit):
		if r.spool.size != n {
			r.err, r.b = fmt.Errorf("%w: the file could not be written", errSpool), nil
		}
		return mail.NewSpooled(r.spool, n)
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
