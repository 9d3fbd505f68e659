package relay

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/queue"
)

// Time limits of RFC 5321 §4.5.3.2, each a little below, since a context may leave
// less anyhow.
const (
	dialTime    = 30 * time.Second
	commandTime = 4 * time.Minute
	dataTime    = 2 * time.Minute
	blockTime   = 3 * time.Minute
	endTime     = 9 * time.Minute
	quitTime    = 2 * time.Second
)

// A client is one connection to a server, greeted and secured. One goroutine uses
// it at a time.
type client struct {
	target  target
	conn    net.Conn
	r       *bufio.Reader
	w       *bufio.Writer
	words   map[string]string // extensions of EHLO's reply, upper case, with their parameters
	now     func() time.Time
	secured bool
	proof   tls.ConnectionState
	carried int           // messages so far
	dirty   bool          // a transaction is open: RSET before the next
	idle    time.Time     // since when, in the pool
	hurry   time.Duration // for each answer; 0: what RFC 5321 gives
	release func() bool
	ended   func() error // of the context that is bound

	answered bool // a MAIL was, whatever the answer
}

// A stop says why an attempt at one address ended early, and what it was about.
type stop struct {
	command string
	reply   reply // with code 0: nothing was said
	err     error // nil: the reply is the reason
}

func (s *stop) Error() string {
	if s.reply.code == 0 {
		return s.command + ": " + s.err.Error()
	}
	return fmt.Sprintf("%s: %d %s", s.command, s.reply.code, s.reply.text())
}

// Unwrap returns the cause, beside the reply where there is one.
func (s *stop) Unwrap() error { return s.err }

// dial connects to a target and goes as far as a transaction may begin.
func (r *Relay) dial(ctx context.Context, t target, secure bool) (*client, error) {
	limited, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	// A name that leads elsewhere the next time it is looked up helps nobody: this is the address that is connected to.
	if t.bounded {
		if err := r.c.Reach(t.addr); err != nil {
			return nil, &stop{command: "connect", err: err}
		}
	}
	d := net.Dialer{LocalAddr: r.source(t), KeepAlive: -1}
	conn, err := d.DialContext(limited, "tcp", t.addr.String())
	if err != nil {
		return nil, &stop{command: "connect", err: plainError(err)}
	}
	c := &client{target: t, conn: conn, now: r.c.Now, w: bufio.NewWriterSize(conn, 32<<10)}
	c.r = bufio.NewReaderSize(conn, 4<<10)
	err = c.open(ctx, cmp.Or(t.hello, r.c.Hostname), secure)
	r.sessionEnded(c, err)
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// plainError leaves out of a network error what stands beside it already.
func plainError(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// errTimeout: the server was given its time.
var errTimeout = errors.New("no answer in time")

func (c *client) open(ctx context.Context, hello string, secure bool) error {
	c.bind(ctx)
	r, err := c.wait("connect", commandTime)
	if err == nil && r.class() != 2 {
		err = &stop{command: "connect", reply: r}
	}
	if err == nil {
		err = c.hello(hello)
	}
	if err == nil && secure {
		err = c.secure(ctx, hello)
	}
	if err == nil && c.target.user != "" {
		err = c.logIn()
	}
	return err
}

// bind ends every wait when ctx ends. It holds until the next bind.
func (c *client) bind(ctx context.Context) {
	if c.release != nil {
		c.release()
	}
	conn := c.conn
	c.ended, c.release = ctx.Err, context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// mayRead gives what is read next so long, and mayWrite what is written.
func (c *client) mayRead(limit time.Duration)  { c.within(c.conn.SetReadDeadline, limit) }
func (c *client) mayWrite(limit time.Duration) { c.within(c.conn.SetWriteDeadline, limit) }

// within sets a deadline, unless the context has ended: what bind set then must not be
// undone.
func (c *client) within(set func(time.Time) error, limit time.Duration) {
	set(time.Now().Add(limit))
	if c.ended() != nil {
		set(time.Unix(1, 0))
	}
}

// close hangs up.
func (c *client) close() {
	if c.release != nil {
		c.release()
	}
	c.conn.Close()
}

// quit says goodbye, in passing.
func (c *client) quit() {
	c.conn.SetDeadline(time.Now().Add(quitTime))
	c.w.WriteString("QUIT\r\n")
	if c.w.Flush() == nil {
		readReply(c.r)
	}
	c.close()
}

// wait reads the reply to a command.
func (c *client) wait(command string, limit time.Duration) (reply, error) {
	c.mayRead(limit)
	r, err := readReply(c.r)
	if err != nil {
		return reply{}, &stop{command: command, err: plainError(err)}
	}
	if r.code == 421 { // RFC 5321 §3.8: at any moment
		return r, &stop{command: command, reply: r}
	}
	return r, nil
}

// do sends a line and returns the reply to it. name is what the line is called in
// reports, which never show its arguments.
func (c *client) do(name, format string, args ...any) (reply, error) {
	if err := c.send(name, format, args...); err != nil {
		return reply{}, err
	}
	return c.wait(name, cmp.Or(c.hurry, commandTime))
}

func (c *client) send(name, format string, args ...any) error {
	c.mayWrite(commandTime)
	fmt.Fprintf(c.w, format+"\r\n", args...)
	if err := c.w.Flush(); err != nil {
		return &stop{command: name, err: plainError(err)}
	}
	return nil
}

// hello introduces us: EHLO, and HELO to those who don't know it.
func (c *client) hello(name string) error {
	verb := "EHLO"
	if c.target.lmtp {
		verb = "LHLO"
	}
	r, err := c.do(verb, "%s %s", verb, name)
	if err == nil && r.class() == 5 && !c.target.lmtp {
		verb = "HELO"
		r, err = c.do(verb, "HELO %s", name)
	}
	if err != nil {
		return err
	}
	if r.class() != 2 {
		return &stop{command: verb, reply: r}
	}
	c.words = map[string]string{}
	if verb != "HELO" && len(r.lines) > 0 {
		for _, line := range r.lines[1:] {
			word, arguments, _ := strings.Cut(line, " ")
			c.words[strings.ToUpper(word)] = arguments
		}
	}
	return nil
}

func (c *client) has(extension string) bool {
	_, ok := c.words[extension]
	return ok
}

// number returns the number that an extension has as its parameter, 0 for none.
func (c *client) number(extension string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(c.words[extension]), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// errNoTLS: the policy asks for what the server does not offer.
var errNoTLS = errors.New("the server offers no TLS, which is required")

// errHandshake is the cause of what goes wrong while the connection is secured.
var errHandshake = errors.New("TLS")

// errInjected: somebody, most likely on the way, wrote more than the answer.
var errInjected = errors.New("data came with the answer to STARTTLS")

// secure begins TLS where it is offered or has to be (RFC 3207).
func (c *client) secure(ctx context.Context, hello string) error {
	if !c.has("STARTTLS") {
		if c.target.tls == mustNot || c.target.tls == may {
			return nil
		}
		return &stop{command: "STARTTLS", err: fmt.Errorf("%w%s", errNoTLS, c.target.required())}
	}
	if c.target.tls == may { // there is another way, which should not come too late
		c.hurry = dialTime
		defer func() { c.hurry = 0 }()
	}
	r, err := c.do("STARTTLS", "STARTTLS")
	if err != nil {
		return troubled(err)
	}
	switch {
	case r.code != 220:
		return &stop{command: "STARTTLS", reply: r, err: errHandshake}
	case c.r.Buffered() > 0: // it came in the clear (RFC 3207 §6)
		return &stop{command: "STARTTLS", err: fmt.Errorf("%w: %w", errHandshake, errInjected)}
	}
	secured := tls.Client(c.conn, c.target.tlsConfig(c.now))
	limited, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if err := secured.HandshakeContext(limited); err != nil {
		return &stop{command: "STARTTLS", err: c.target.handshakeError(err)}
	}
	c.conn, c.secured, c.proof = secured, true, secured.ConnectionState()
	c.r, c.w = bufio.NewReaderSize(secured, 4<<10), bufio.NewWriterSize(secured, 32<<10)
	c.bind(ctx)
	// Under TLS 1.3 a server that wants a certificate of ours says so only now (RFC 8446
	// §4.6.2, §6.2), and it did answer in the clear.
	return troubled(c.hello(hello))
}

// troubled marks why an attempt ended as TLS's fault: by how it ended alone nobody could
// tell.
func troubled(err error) error {
	s, is := err.(*stop)
	if !is {
		return err
	}
	marked := *s
	if marked.err = errHandshake; s.err != nil {
		marked.err = fmt.Errorf("%w: %w", errHandshake, s.err)
	}
	return &marked
}

// errLogin: there is no way to log in.
var errLogin = errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")

// errLoginClear: a password is not sent for all to read.
var errLoginClear = errors.New("the connection is not encrypted, and the password is not sent in the clear")

// logIn proves who we are (RFC 4954).
func (c *client) logIn() error {
	if !c.secured && c.target.tls != mustNot {
		return &stop{command: "AUTH", err: errLoginClear}
	}
	encode := base64.StdEncoding.EncodeToString
	mechanisms := strings.Fields(strings.ToUpper(c.words["AUTH"]))
	var r reply
	var err error
	switch {
	case contains(mechanisms, "PLAIN"):
		r, err = c.do("AUTH", "AUTH PLAIN %s", encode([]byte("\x00"+c.target.user+"\x00"+c.target.password)))
	case contains(mechanisms, "LOGIN"):
		if r, err = c.do("AUTH", "AUTH LOGIN"); err == nil && r.code == 334 {
			r, err = c.do("AUTH", "%s", encode([]byte(c.target.user)))
		}
		if err == nil && r.code == 334 {
			r, err = c.do("AUTH", "%s", encode([]byte(c.target.password)))
		}
	default:
		return &stop{command: "AUTH", err: errLogin}
	}
	if err == nil && r.class() != 2 {
		err = &stop{command: "AUTH", reply: r}
	}
	return err
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// said turns why an attempt ended into what the queue keeps.
func (s *stop) said(t target) queue.Reply {
	if s.reply.code != 0 {
		said := s.reply.said(t, s.command)
		if by := t.required(); by != "" && s.command == "STARTTLS" {
			said.Text = bounded(said.Text) + " (TLS is required" + by + ")"
		}
		return said
	}
	enhanced := "4.4.2"
	switch {
	case s.command == "connect":
		enhanced = "4.4.1"
	case s.command == "STARTTLS" && t.required() != "":
		enhanced = "4.7.5" // RFC 3463 §3.8: a cryptographic failure
	case s.command == "STARTTLS", s.command == "AUTH":
		enhanced = "4.7.0"
	}
	return queue.Reply{Host: t.String(), Enhanced: enhanced, Text: bounded(s.err.Error()), Command: s.command}
}

// said is the reply as the queue keeps it.
func (r reply) said(t target, command string) queue.Reply {
	enhanced := r.enhanced
	if enhanced == "" {
		enhanced = strconv.Itoa(r.class()) + ".0.0"
	}
	return queue.Reply{Host: t.String(), Code: r.code, Enhanced: enhanced, Text: r.text(), Command: command}
}
