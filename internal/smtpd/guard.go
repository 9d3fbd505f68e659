package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A guard is the net.Conn that the library talks through: one stream, in the
// clear or inside TLS. Its Read hands over one line of commands at a time, and
// its Write takes the reply to it, so the two always know of each other; only
// the library's goroutine calls them.
type guard struct {
	net.Conn // the transport; the library asks it for addresses only
	conn     *connection
	session  *session

	in    *readahead // over receive
	until time.Time  // when what is being read must be here
	feed  []byte     // what the library reads next
	verb  string     // of the command that the library is at
	sasl  bool       // the next line answers a challenge
	then  string     // a line that is due when an interrupted BDAT has ended

	body  *lines // not nil while the library reads content
	chunk chunk  // of BDAT

	heard []byte // of the library's reply, up to its last line
	said  *reply // by the session, in the place of the library's next reply
	mute  bool   // the library's next reply is dropped
	out   []byte // replies that wait to be sent

	cause   string // why the stream is over, "" while it is not
	ours    bool   // we ended it, and said so
	upgrade bool   // TLS comes next
	once    sync.Once
	closed  chan struct{}
}

func newGuard(c *connection) *guard {
	g := &guard{Conn: c.transport, conn: c, closed: make(chan struct{})}
	g.in = newReadahead(receiver(g.receive), &c.wide)
	if early := c.ear.take(); len(early) > 0 {
		g.in = newReadahead(io.MultiReader(bytes.NewReader(early), receiver(g.receive)), &c.wide)
	}
	g.session = &session{connection: c, guard: g}
	return g
}

type receiver func(p []byte) (int, error)

func (f receiver) Read(p []byte) (int, error) { return f(p) }

// Read gives the library the next line, or content where it expects that. A
// panic below it, in the Receiver's Helo, ends this connection only; those of
// other calls the library catches.
func (g *guard) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			g.conn.caught(v)
			g.said = nil
			g.send(broken)
			n, err = 0, io.EOF
		}
	}()
	for len(g.feed) == 0 {
		switch {
		case g.cause != "":
			return 0, io.EOF
		case g.body == nil:
			g.command()
		case g.body.dotted:
			return g.readContent(p)
		default:
			if err := g.readChunk(); err != nil {
				return 0, err
			}
		}
	}
	n = copy(p, g.feed)
	g.feed = g.feed[n:]
	return n, nil
}

// receive reads from the network. What is due to be sent goes out first (RFC
// 2920 §3.2 (4)), and a server that drains waits for no more commands.
func (g *guard) receive(p []byte) (int, error) {
	g.flush()
	for {
		deadline, breath := g.until, g.conn.breath.Load()
		switch {
		case g.inContent():
			deadline = earlier(deadline, time.Now().Add(g.patience()))
		case breath > 0:
			deadline = earlier(deadline, time.Now().Add(time.Duration(breath)))
		}
		g.Conn.SetReadDeadline(deadline)
		if g.conn.draining.Load() && (!g.inContent() || g.conn.late.Load()) {
			return 0, errDraining
		}
		if g.conn.breath.Load() != breath {
			continue // which would sleep over a deadline of drain
		}
		n, err := g.Conn.Read(p)
		switch {
		case n > 0:
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded) && g.conn.breath.Load() > 0 && !g.inContent():
			return 0, errDraining
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(deadline):
			continue // woken by drain
		case err != nil:
			return 0, err
		}
	}
}

var errDraining = errors.New("shutdown")

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (g *guard) inContent() bool { return g.body != nil || g.chunk.left > 0 }

// patience is how long the next octets of content may take. Where they are
// refused already, only the end is waited for.
func (g *guard) patience() time.Duration {
	if g.body != nil && g.body.bad != nil {
		return min(g.conn.cfg.ResyncTime, g.conn.cfg.DataTime)
	}
	return g.conn.cfg.DataTime
}

// command reads a line and finds what to do with it: the library gets it, or
// it is answered here.
func (g *guard) command() {
	line, ok := g.line()
	if !ok {
		return
	}
	if g.sasl {
		g.sasl = false
		g.pass(line)
		return
	}
	g.dispatch(line)
}

// line reads a command line without its CRLF. If there is none to be had, the
// stream is over, or the line was answered.
func (g *guard) line() (string, bool) {
	if g.then != "" {
		line := g.then
		g.then = ""
		return line, true
	}
	if g.body == nil {
		g.until = time.Now().Add(g.conn.cfg.CommandTime)
	}
	if !g.skipChunk() {
		return "", false
	}
	b, err := g.in.line()
	limit := g.conn.cfg.MaxCommandLine
	if g.sasl {
		limit = readBuffer // RFC 4954 §4.3 asks for 12288
	}
	switch {
	case len(b) > limit || errors.Is(err, bufio.ErrBufferFull):
		g.conn.abuse("garbage")
		g.refuse(longCommand)
	case err != nil:
		g.lose(err)
	case len(b) < 2 || b[len(b)-2] != '\r':
		g.conn.abuse("smuggling")
		g.refuse(bareCommand)
	default:
		return string(b[:len(b)-2]), true
	}
	return "", false
}

// refuse answers a line that is no command.
func (g *guard) refuse(r reply) {
	g.verb = ""
	g.send(r)
}

// lose ends the stream because nothing more can be read, or should.
func (g *guard) lose(err error) {
	switch {
	case errors.Is(err, errDraining):
		g.end("shutdown")
		g.refuse(shutDown)
	case errors.Is(err, os.ErrDeadlineExceeded):
		g.end("timeout")
		g.refuse(timedOut)
	default:
		g.end("connection lost")
	}
}

func (g *guard) end(cause string) {
	if g.cause == "" {
		g.cause = cause
	}
}

// dispatch looks at a command before the library does.
func (g *guard) dispatch(line string) {
	line = strings.TrimRight(line, " ") // RFC 5321 §4.1.1
	verb, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimLeft(arg, " ")
	g.verb = strings.ToUpper(verb)
	g.conn.idle++
	g.watch()
	if g.verb != "QUIT" && !g.session.stands() {
		g.send(loginOver)
		return
	}
	switch g.verb {
	case "MAIL", "RCPT":
		g.path(arg)
	case "HELO", "EHLO":
		g.hello(arg)
	case "STARTTLS":
		g.startTLS(arg)
	case "BDAT":
		g.bdat(arg)
	case "AUTH", "DATA", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT":
		if hasControl(arg) {
			g.send(g.outOfStep(controls))
			return
		}
		g.pass(strings.TrimRight(g.verb+" "+arg, " "))
	default:
		r := unknown
		if foreign(g.verb) {
			g.conn.abuse("protocol")
			r = otherProtocol
		}
		g.verb = ""
		g.send(r)
	}
}

// pass gives a line to the library.
func (g *guard) pass(line string) { g.feed = append([]byte(line), "\r\n"...) }

// path reads the address of MAIL and RCPT in the library's place, which takes
// control characters for a part of it and forgets what was quoted.
func (g *guard) path(arg string) {
	a, refusal := parsePath(g.verb, arg, g.conn.cfg.Postmaster, g.session.tx != nil && g.session.utf8)
	if refusal != nil {
		g.send(*refusal)
		return
	}
	params := a.params
	g.session.arg, g.session.release = a, time.Time{}
	if g.verb == "MAIL" && g.session.offersHold() {
		if params, g.session.release, refusal = cutHold(params, g.conn.cfg.MaxHold, g.conn.cfg.Now()); refusal != nil {
			g.send(*refusal)
			return
		}
	}
	prefix := " FROM:<"
	if g.verb == "RCPT" {
		prefix = " TO:<"
	}
	g.pass(strings.TrimRight(g.verb+prefix+a.path.String()+"> "+params, " "))
}

// hello asks the Receiver about HELO and EHLO. The library, which asks its
// backend about the first one only, hears of those that are accepted; for
// another it is told to reset.
func (g *guard) hello(arg string) {
	name, _, _ := strings.Cut(arg, " ")
	if name == "" || hasControl(name) {
		g.send(badSyntax)
		return
	}
	r := g.session.hello(name, g.verb == "EHLO")
	g.said = &r
	if r.code != 250 {
		g.pass("RSET")
		return
	}
	g.pass(g.verb + " " + name)
}

// startTLS ends this stream; connection.converse makes the next one.
func (g *guard) startTLS(arg string) {
	switch {
	case arg != "":
		g.send(badArgument)
	case g.conn.cfg.TLS == nil:
		g.send(notOffered)
	case g.conn.client.TLS != "":
		g.send(badOrder)
	default:
		g.send(readyForTLS)
		g.upgrade = true
		g.end("STARTTLS")
	}
}

// Write takes the library's replies, a line or a part of one at a time.
func (g *guard) Write(p []byte) (int, error) {
	g.heard = append(g.heard, p...)
	for {
		line, rest, found := bytes.Cut(g.heard, []byte("\r\n"))
		if !found {
			return len(p), nil
		}
		if len(line) > 3 && line[3] == ' ' {
			g.replied(string(line))
		}
		g.heard = append(g.heard[:0], rest...)
	}
}

// replied takes the last line of a reply of the library.
func (g *guard) replied(line string) {
	code, _ := strconv.Atoi(line[:3])
	enhanced, text, _ := strings.Cut(line[4:], " ")
	if code == 334 {
		text = line[4:]
	}
	r := translate(g.verb, code, enhanced, text)
	if g.verb == "" && code == 220 {
		r = banner(g.conn.cfg.Hostname)
	}
	if g.said != nil {
		r, g.said = *g.said, nil
	}
	if r.code != 354 && g.body == nil {
		r = g.outOfStep(r)
	}
	r.shut = r.shut || g.cause != ""
	muted := g.mute
	g.mute = false
	switch r.code {
	case 354:
		muted = g.openContent()
	case 334:
		g.sasl = true
	default:
		if g.body != nil && g.conn.breath.Load() > 0 {
			g.conn.draining.Store(true) // that was the message
		}
		g.body = nil
	}
	if !muted {
		g.send(r)
	}
}

// outOfStep ends the connection where DATA is refused and the client did not
// wait to hear it: content follows, which must not be run as commands.
func (g *guard) outOfStep(r reply) reply {
	r.shut = r.shut || g.verb == "DATA" && g.in.Buffered() > 0
	return r
}

// openContent begins to read content; it reports whether the 354 is not for the
// client, who has sent BDAT.
func (g *guard) openContent() (quiet bool) {
	quiet = g.verb == "BDAT"
	g.body = &lines{max: g.conn.cfg.MaxLine, dotted: !quiet}
	g.until = time.Now().Add(g.conn.cfg.ContentTime)
	if quiet {
		g.announced()
	}
	return quiet
}

// say sets what the client is told in the place of the library's next reply.
func (g *guard) say(r reply) { g.said = &r }

// send puts a reply on its way and draws the consequences.
func (g *guard) send(r reply) {
	if g.ours {
		return // the last word is said
	}
	g.conn.cfg.Observer.Reply(g.verb, r.code)
	g.out = r.append(g.out)
	if r.shut {
		g.close(r)
	} else if g.overBudget(r) {
		if 2*g.conn.faults > g.conn.errors {
			g.conn.abuse("errors")
		}
		g.out = tooBad.append(g.out)
		g.close(tooBad)
	}
	if !g.mayWait() {
		g.flush()
	}
}

func (g *guard) close(r reply) {
	g.ours = true
	g.end(r.text)
}

// maxIdle is how many commands other than MAIL and RCPT may come in a row.
const maxIdle = 100

// overBudget keeps the client's account.
func (g *guard) overBudget(r reply) bool {
	g.conn.errors += r.cost(g.verb)
	if r.isFault() {
		g.conn.faults++
	}
	if g.verb == "MAIL" || g.verb == "RCPT" {
		g.conn.idle = 0
	}
	return g.conn.errors > g.conn.cfg.MaxErrors || g.conn.idle > maxIdle
}

// mayWait reports whether the replies may be sent together with the next one
// (RFC 2920 §3.2): the client has sent more, and these commands may be grouped.
func (g *guard) mayWait() bool {
	grouped := g.verb == "MAIL" || g.verb == "RCPT" || g.verb == "RSET"
	return grouped && g.cause == "" && g.in.Buffered() > 0
}

func (g *guard) flush() {
	if len(g.out) == 0 {
		return
	}
	g.Conn.SetWriteDeadline(time.Now().Add(g.conn.cfg.WriteTime))
	if _, err := g.Conn.Write(g.out); err != nil {
		g.end("connection lost")
	}
	g.out = g.out[:0]
}

// Close is the library's last word. The transport stays open: TLS may come, or
// a last look at what the client still sends.
func (g *guard) Close() error {
	g.once.Do(func() {
		g.end(g.verb) // QUIT, or a panic
		g.flush()
		close(g.closed)
	})
	return nil
}

// The library's own deadlines are not wanted.
func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
