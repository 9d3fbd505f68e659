package imap

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"gatepost/internal/door"
	"gatepost/mailbox"
)

// A conn is one connection and its session. One goroutine owns it.
type conn struct {
	*door.Conn
	srv    *Server
	limits Limits
	in     reader
	out    output
	log    *slog.Logger

	state    state
	closing  bool // after the present command
	bad      int  // commands in a row
	failures int  // log-ins
	line     []byte

	compressed bool // RFC 4978

	box       int64
	user      string
	rev2      bool // ENABLE IMAP4rev2
	condstore bool // RFC 7162 §3.1
	qresync   bool // RFC 7162 §3.2
	utf8      bool // ENABLE UTF8=ACCEPT (RFC 6855 §3)
	view      *view
	watch     *watch          // what NOTIFY asked for; nil before
	hints     <-chan struct{} // that something changed in box
	unwatch   func()
	asked     time.Time // when the store was last asked for news
}

func newConn(s *Server, d *door.Conn) *conn {
	c := &conn{Conn: d, srv: s, limits: s.limits(), log: d.Log, state: stranger, unwatch: func() {}}
	c.begin()
	c.in.line, c.in.inline, c.in.total = strangersLine, strangersLine, 2*strangersLine
	c.in.accept = c.acceptLiteral
	return c
}

// begin reads and writes anew, at the start and behind a handshake.
func (c *conn) begin() {
	c.in.r = bufio.NewReaderSize(c.Conn, smallBuffer)
	c.out.w = c.Conn
}

func (c *conn) acceptLiteral() error {
	c.out.text("+ Ready for literal data\r\n")
	return c.out.flush()
}

// serve runs the session until its end.
func (c *conn) serve(ctx context.Context) {
	defer func() { c.unwatch() }()
	c.out.untagged("OK [CAPABILITY ", c.capabilities(), "] Ready")
	for !c.closing && c.out.err == nil {
		c.turn(ctx)
	}
	c.out.flush()
}

// turn reads a command and answers it.
func (c *conn) turn(ctx context.Context) {
	in, err := c.read(ctx)
	if in.spool != nil {
		defer in.spool.Close()
	}
	inStep := err == nil || errors.Is(err, errTooBig) || errors.Is(err, errMessageTooBig) || errors.Is(err, errSpool)
	if !inStep {
		c.hangUp(err)
		return
	}
	r, perr := parseRequest(in, c.in.inline)
	if err == nil {
		err = perr
	}
	if err != nil {
		c.answer(r, reply{}, err)
		return
	}
	c.dispatch(ctx, r)
}

// read reads the next command. Answers go out first unless one has come already.
func (c *conn) read(ctx context.Context) (raw, error) {
	c.Expect(c.limits.Idle)
	if !c.in.hasLine() {
		if err := c.settle(); err != nil {
			return raw{}, err
		}
		if c.watch != nil {
			if err := c.await(ctx); err != nil {
				return raw{}, err
			}
		}
	}
	if _, err := c.in.r.Peek(1); err != nil {
		return raw{}, err
	}
	c.Expect(c.limits.Data)
	in, err := c.in.read(c.line[:0])
	c.line = in.b
	return in, err
}

// settle writes what was gathered and lets go of large buffers: most sessions
// wait most of the time.
func (c *conn) settle() error {
	if cap(c.line) > smallBuffer {
		c.line = nil
	}
	err := c.out.flush()
	if cap(c.out.b) > smallBuffer {
		c.out.b = nil
	}
	return err
}

// smallBuffer is what a waiting session may keep of a buffer.
const smallBuffer = 1 << 10

// hangUp says good-bye after an error of reading.
func (c *conn) hangUp(err error) {
	c.closing = true
	switch {
	case errors.Is(err, door.ErrInterrupted):
		text, expired := c.Farewell()
		code := "UNAVAILABLE"
		if expired {
			code = "EXPIRED" // RFC 5530
		}
		c.out.untagged("BYE [" + code + "] " + text)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.out.untagged("BYE [INACTIVE] Too long without a command")
	case errors.Is(err, errFlood):
		c.out.untagged("BYE [TOOBIG] Command far too long")
	}
}

func (c *conn) dispatch(ctx context.Context, r *request) {
	cmd, ok := table[r.name]
	switch {
	case !ok:
		c.answer(r, reply{"BAD", "", "Unknown command"}, nil)
		return
	case cmd.states&c.state == 0:
		c.answer(r, reply{"BAD", "", wrongState(cmd, c.state)}, nil)
		return
	}
	r.utf8 = c.rev2 || c.utf8
	if cmd.states == selected {
		if err := c.recheck(ctx); errors.Is(err, mailbox.ErrNoFolder) {
			c.closed(err)
			return
		} else if err != nil {
			c.answer(r, reply{}, err)
			return
		}
	}
	var rep reply
	var err error
	if cmd.states == selected && !cmd.quiet {
		err = c.load(ctx)
	}
	if err == nil {
		rep, err = cmd.run(c, ctx, r)
	}
	if c.view != nil && !cmd.quiet {
		must := cmd.name == "NOOP" || cmd.name == "CHECK"
		if serr := c.syncAfter(ctx, cmd, must); serr != nil && err == nil {
			c.log.Error("synchronising failed", "error", serr)
		}
	}
	c.answer(r, rep, err)
}

// syncAfter tells what is new before a command's tagged response.
func (c *conn) syncAfter(ctx context.Context, cmd command, must bool) error {
	if c.quietly() && !must {
		return nil
	}
	return c.syncNew(ctx, !cmd.numbered, must, cmd.makes)
}

func wrongState(cmd command, s state) string {
	switch {
	case s == stranger:
		return "Log in first"
	case cmd.states == stranger:
		return "Already logged in"
	}
	return "Select a mailbox first"
}

// answer gives the tagged response and counts what was bad in a row.
func (c *conn) answer(r *request, rep reply, err error) {
	rep, ours := replyTo(rep, err)
	if !ours {
		c.log.Error("command failed", "command", r.name, "error", err)
	}
	c.tagged(r.tag, r.title(), rep)
	if rep.status != "BAD" {
		c.bad = 0
	} else if c.bad++; c.bad >= c.limits.BadCommands {
		c.out.untagged("BYE Too many bad commands")
		c.closing = true
	}
	c.out.flushIfFull()
}
