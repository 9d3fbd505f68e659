package managesieve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"gatepost/internal/door"
	"gatepost/mailbox/sieve"
)

// maxFailures is how many log-ins of one connection may fail.
const maxFailures = 5

// A session is one connection. One goroutine owns it.
type session struct {
	*door.Conn
	srv    *Server
	limits Limits
	in     *reader
	out    *bufio.Writer
	log    *slog.Logger

	failures int
	bad      int // commands in a row
	closing  bool

	box  int64  // 0: nobody has logged in
	user string // the address
}

func newSession(s *Server, c *door.Conn) *session {
	x := &session{Conn: c, srv: s, limits: s.Limits.usual(), log: c.Log, out: bufio.NewWriterSize(c, 16<<10)}
	x.listen()
	return x
}

// listen reads from the connection anew, as a stranger's.
func (s *session) listen() {
	s.in = &reader{bufio.NewReaderSize(s.Conn, 4096), maxStranger}
	s.out.Reset(s.Conn)
}

// A command is what a client may say: in the state before the log-in, after it, or in both.
type command struct {
	before, after bool
	args          string // s a string, n a number; behind a ? those that may lack
	run           func(s *session, ctx context.Context, args []argument) error
}

// commands is the table of all of them (RFC 5804 §2).
func commands() map[string]command {
	return map[string]command{
		"CAPABILITY": {true, true, "", (*session).capability}, "LOGOUT": {true, true, "", (*session).logout}, "NOOP": {true, true, "?s", (*session).noop},
		"STARTTLS": {true, false, "", (*session).startTLS}, "AUTHENTICATE": {true, false, "s?s", (*session).authenticate}, "UNAUTHENTICATE": {false, true, "", (*session).unauthenticate},
		"HAVESPACE": {false, true, "sn", (*session).haveSpace}, "PUTSCRIPT": {false, true, "ss", (*session).putScript}, "CHECKSCRIPT": {false, true, "s", (*session).checkScript},
		"LISTSCRIPTS": {false, true, "", (*session).listScripts}, "SETACTIVE": {false, true, "s", (*session).setActive}, "GETSCRIPT": {false, true, "s", (*session).getScript},
		"DELETESCRIPT": {false, true, "s", (*session).deleteScript}, "RENAMESCRIPT": {false, true, "ss", (*session).renameScript},
	}
}

var table = commands()

// serve answers commands until the connection ends.
func (s *session) serve(ctx context.Context) {
	s.capabilities()
	s.answer("OK", "", "gatepost ready")
	for !s.closing {
		if s.in.Buffered() == 0 && s.out.Flush() != nil {
			return
		}
		s.Expect(s.limits.Idle)
		q, err := s.in.request()
		if s.ended(err) {
			break
		}
		s.turn(ctx, q, err)
	}
	s.out.Flush()
}

// ended says good-bye where no more commands can be read.
func (s *session) ended(err error) bool {
	switch {
	case err == nil || errors.As(err, new(fault)):
		return false
	case errors.Is(err, door.ErrInterrupted):
		text, expired := s.Farewell()
		code := "TRYLATER"
		if expired {
			code = ""
		}
		s.answer("BYE", code, text)
	case errors.Is(err, errLost):
		s.answer("BYE", "", "That is too long")
	}
	s.closing = true
	return true
}

// turn answers one command.
func (s *session) turn(ctx context.Context, q request, err error) {
	c, ok := table[q.name]
	switch {
	case err != nil:
	case !ok:
		err = fault{text: "Unknown command"}
	case s.box != 0 && !c.after:
		err = fault{text: "Already logged in"}
	case s.box == 0 && !c.before:
		err = fault{text: "Log in first"}
	case !fits(c.args, q.args):
		err = fault{text: "Wrong arguments"}
	default:
		err = c.run(s, ctx, q.args)
	}
	var f fault
	switch {
	case err == nil:
		s.bad = 0
		return
	case errors.As(err, &f):
		s.answer("NO", f.code, f.text)
	case s.ended(err):
		return
	}
	if s.bad++; s.bad >= s.limits.BadCommands && !s.closing {
		s.closing = true
		s.answer("BYE", "", "Too many commands that are wrong")
	}
}

// fits reports whether arguments are those that a command takes.
func fits(want string, args []argument) bool {
	must, may, _ := strings.Cut(want, "?")
	if len(args) < len(must) || len(args) > len(must+may) {
		return false
	}
	for i, a := range args {
		if ((must + may)[i] == 'n') != a.isNumber {
			return false
		}
	}
	return true
}

// failed is a failure of ours: the client may come again.
func (s *session) failed(what string, err error) error {
	s.log.Error("command failed", "command", what, "error", err)
	return fault{code: "TRYLATER", text: "Not possible now, try later"}
}

// answer writes a response (RFC 5804 §1.2, §1.3).
func (s *session) answer(status, code, text string) {
	s.out.WriteString(status)
	if code != "" {
		s.out.WriteString(" (" + code + ")")
	}
	s.out.WriteString(" " + quote(text) + "\r\n")
}

// quote writes a string, as a literal where it has more than a line.
func quote(s string) string {
	if len(s) > maxQuoted || strings.ContainsAny(s, "\r\n\x00") {
		return fmt.Sprintf("{%d}\r\n%s", len(s), s)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// capabilities lists what works in the present state (RFC 5804 §1.7). A notification method
// (NOTIFY) there is none.
func (s *session) capabilities() {
	line := func(name, value string) { fmt.Fprintf(s.out, "%s %s\r\n", quote(name), quote(value)) }
	line("IMPLEMENTATION", "gatepost")
	line("SIEVE", strings.Join(sieve.Extensions(), " "))
	line("MAXREDIRECTS", fmt.Sprint(sieve.MaxRedirects))
	line("LANGUAGE", "en")
	line("VERSION", "1.0")
	switch {
	case s.box != 0:
		line("OWNER", s.user)
		line("SASL", "")
		s.out.WriteString("\"UNAUTHENTICATE\"\r\n")
	case s.MayLogIn():
		line("SASL", strings.Join(s.SASL(s.srv.Auth).Mechanisms(), " "))
	default: // none but behind STARTTLS
		line("SASL", "")
	}
	if s.box == 0 && s.OffersTLS() {
		s.out.WriteString("\"STARTTLS\"\r\n")
	}
}

// capability: RFC 5804 §2.4.
func (s *session) capability(context.Context, []argument) error {
	s.capabilities()
	s.answer("OK", "", "Capabilities")
	return nil
}

// logout: RFC 5804 §2.3.
func (s *session) logout(context.Context, []argument) error {
	s.closing = true
	s.answer("OK", "", "Good-bye")
	return nil
}

// noop: RFC 5804 §2.13. What the client sends it gets back, and knows where it is.
func (s *session) noop(_ context.Context, args []argument) error {
	code := ""
	if len(args) == 1 {
		code = "TAG " + quote(args[0].text)
	}
	s.answer("OK", code, "Here")
	return nil
}

// startTLS: RFC 5804 §2.2. After the handshake the capabilities are told once more.
func (s *session) startTLS(ctx context.Context, _ []argument) error {
	switch {
	case !s.OffersTLS():
		return fault{text: "TLS is not offered"}
	case s.in.Buffered() > 0: // it could be anybody's (CVE-2011-0411)
		s.closing = true
		return fault{text: "Nothing may follow STARTTLS"}
	}
	s.answer("OK", "", "Begin TLS negotiation now")
	if err := s.out.Flush(); err != nil {
		return err
	}
	if err := s.StartTLS(ctx); err != nil {
		s.closing = true
		s.out.Reset(io.Discard) // nobody understands
		return nil
	}
	s.listen()
	s.capabilities()
	s.answer("OK", "", "TLS is in use")
	return nil
}

// authenticate: RFC 5804 §2.1.
func (s *session) authenticate(ctx context.Context, args []argument) error {
	if !s.MayLogIn() {
		return fault{code: "ENCRYPT-NEEDED", text: "Use TLS first"}
	}
	var initial *string
	if len(args) == 2 {
		initial = &args[1].text
	}
	login, err := s.SASL(s.srv.Auth).Authenticate(ctx, args[0].text, initial, s.challenge)
	switch {
	case errors.Is(err, door.ErrMechanism):
		return fault{text: "There is no such mechanism"}
	case errors.Is(err, door.ErrCancelled):
		return fault{text: "Cancelled"}
	case errors.Is(err, door.ErrBase64), errors.Is(err, door.ErrResponse):
		return fault{text: "The response can't be read"}
	case errors.Is(err, door.ErrIdentity):
		return fault{text: "Acting for somebody else is not allowed"}
	case errors.Is(err, door.ErrBinding):
		return s.wrong(ctx, "", "The log-in is not bound to this connection")
	case errors.Is(err, door.ErrLogin):
		return s.wrong(ctx, "", "Wrong user or password")
	case errors.Is(err, door.ErrShut):
		return s.wrong(ctx, "", "This service is not open to the mailbox, ask your administrator")
	case errors.Is(err, door.ErrLater):
		return s.wrong(ctx, "TRYLATER", "Can't log in now, try later")
	case errors.As(err, new(fault)) || s.closing:
		return err
	}
	if err == nil && !s.Claim(login.Box) {
		return fault{code: "TRYLATER", text: "Too many connections of this user"}
	}
	if err == nil {
		err = s.srv.Boxes.OpenBox(ctx, login.Box, s.srv.Language, s.srv.now())
	}
	if err != nil {
		s.Release()
		return s.failed("AUTHENTICATE", err)
	}
	s.box, s.user, s.in.limit = login.Box, login.Address, maxLiteral
	s.LoggedIn()
	s.log = s.Log.With("user", s.user)
	s.log.Info("logged in", "tls", s.Encrypted)
	code := ""
	if login.Final != "" {
		code = "SASL " + quote(login.Final)
	}
	s.answer("OK", code, "Logged in")
	return nil
}

// challenge sends a challenge and reads the response.
func (s *session) challenge(said string) (string, error) {
	s.out.WriteString(quote(said) + "\r\n")
	if err := s.out.Flush(); err != nil {
		s.closing = true
		return "", err
	}
	response, err := s.in.string()
	switch {
	case err != nil && !errors.As(err, new(fault)):
		s.ended(err)
		return "", err
	case response == "*":
		return "", door.ErrCancelled
	}
	return response, err
}

// wrong makes a wrong password cost time, and the connection after some.
func (s *session) wrong(ctx context.Context, code, answer string) error {
	s.failures++
	s.log.Info("log-in failed", "failures", s.failures)
	door.Pause(ctx, time.Duration(s.failures)*s.limits.FailedLogin)
	s.closing = s.failures >= maxFailures
	return fault{code: code, text: answer}
}

// unauthenticate: RFC 5804 §2.14.1.
func (s *session) unauthenticate(context.Context, []argument) error {
	s.box, s.user, s.log, s.in.limit = 0, "", s.Log, maxStranger
	s.Release()
	s.answer("OK", "", "Nobody is logged in")
	return nil
}
