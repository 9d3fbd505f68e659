package pop3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gatepost/internal/door"
	"gatepost/mailbox"
)

// Bounds of what a client says.
const (
	maxLine     = 512    // octets of a command with its CRLF; RFC 2449 §4 asks for 255
	maxResponse = 12_288 // octets of a response to AUTH (RFC 5034 §4)
	maxFailures = 5      // failed log-ins of one connection
)

// A session is one connection and what its client sees. One goroutine owns it.
type session struct {
	*door.Conn
	srv    *Server
	limits Limits
	in     *bufio.Reader
	out    *bufio.Writer
	log    *slog.Logger

	user     string // said by USER
	failures int
	bad      int // commands in a row
	closing  bool

	loggedIn bool
	box      int64
	inbox    mailbox.Folder
	messages []message
}

func newSession(s *Server, c *door.Conn) *session {
	return &session{Conn: c, srv: s, limits: s.Limits.usual(), log: c.Log, in: bufio.NewReaderSize(c, maxLine), out: bufio.NewWriterSize(c, 16<<10)}
}

// A command is what a client may say. In the state before the log-in, after it, or in both.
type command struct {
	before, after bool
	run           func(s *session, ctx context.Context, args string) error
}

// commands is the table of all of them.
func commands() map[string]command {
	return map[string]command{
		"CAPA": {true, true, (*session).capa}, "QUIT": {true, true, (*session).quit}, "UTF8": {true, false, (*session).utf8}, "NOOP": {false, true, (*session).noop},
		"STLS": {true, false, (*session).stls}, "USER": {true, false, (*session).userName}, "PASS": {true, false, (*session).pass}, "AUTH": {true, false, (*session).auth},
		"STAT": {false, true, (*session).stat}, "LIST": {false, true, (*session).list}, "UIDL": {false, true, (*session).uidl},
		"RETR": {false, true, (*session).retr}, "TOP": {false, true, (*session).top}, "DELE": {false, true, (*session).dele}, "RSET": {false, true, (*session).rset},
	}
}

// A refusal is an answer of -ERR; any other error is our own fault.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

var table = commands()

// serve answers commands until the connection ends. Answers to what came at once go out together
// (RFC 2449 §6.6).
func (s *session) serve(ctx context.Context) {
	s.ok("gatepost ready")
	for !s.closing {
		if s.in.Buffered() == 0 {
			if s.out.Flush() != nil {
				return
			}
		}
		s.Expect(s.limits.Idle)
		line, err := s.line(s.bound())
		if err != nil {
			switch {
			case errors.Is(err, door.ErrInterrupted):
				text, expired := s.Farewell()
				code := "SYS/TEMP"
				if expired {
					code = "AUTH"
				}
				s.err("[" + code + "] " + text) // RFC 3206
			case errors.Is(err, errLong):
				s.err("Line too long")
			}
			break
		}
		s.turn(ctx, line)
	}
	s.out.Flush()
}

// errLong: a line has no end within its bound.
var errLong = errors.New("pop3: line too long")

// bound is how long a command may be. Before the log-in it is as long as a response to AUTH, which may
// stand in the command: RFC 5034 §4 has what is longer than 255 octets wait for a "+", but
// programs are known that show a token at once, whatever its length.
func (s *session) bound() int {
	if s.loggedIn {
		return maxLine
	}
	return len("AUTH OAUTHBEARER ") + maxResponse
}

// line reads a line without its end.
func (s *session) line(limit int) (string, error) {
	var b []byte
	for {
		part, err := s.in.ReadSlice('\n')
		b = append(b, part...)
		switch {
		case len(b) > limit:
			return "", errLong
		case err == nil:
			return strings.TrimRight(string(b), "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// turn answers one command.
func (s *session) turn(ctx context.Context, line string) {
	verb, args, _ := strings.Cut(line, " ")
	c, ok := table[strings.ToUpper(verb)]
	var err error
	switch {
	case !ok:
		err = refusal("Unknown command")
	case s.loggedIn && !c.after:
		err = refusal("Already logged in")
	case !s.loggedIn && !c.before:
		err = refusal("Log in first")
	default:
		err = c.run(s, ctx, args)
	}
	var r refusal
	switch {
	case err == nil:
		s.bad = 0
		return
	case errors.As(err, &r):
		s.err(string(r))
	default:
		s.log.Error("command failed", "command", strings.ToUpper(verb), "error", err)
		s.err("[SYS/TEMP] Not possible now, try later")
	}
	if s.bad++; s.bad >= s.limits.BadCommands {
		s.closing = true
	}
}

func (s *session) ok(text string)  { fmt.Fprintf(s.out, "+OK %s\r\n", text) }
func (s *session) err(text string) { fmt.Fprintf(s.out, "-ERR %s\r\n", text) }

// capa: RFC 2449 §5.
func (s *session) capa(context.Context, string) error {
	s.ok("Capabilities")
	list := []string{"TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER", "UTF8 USER"}
	if !s.loggedIn && s.MayLogIn() {
		list = append(list, "USER", "SASL "+strings.Join(s.SASL(s.srv.Auth).Mechanisms(), " "))
	}
	if !s.loggedIn && s.OffersTLS() {
		list = append(list, "STLS")
	}
	for _, c := range append(list, "IMPLEMENTATION gatepost", ".") {
		fmt.Fprintf(s.out, "%s\r\n", c)
	}
	return nil
}

// utf8: RFC 6856 §2.1. Messages and names are UTF-8 anyway.
func (s *session) utf8(context.Context, string) error { s.ok("UTF-8"); return nil }

func (s *session) noop(context.Context, string) error { s.ok("Here"); return nil }

// stls: RFC 2595 §4.
func (s *session) stls(ctx context.Context, _ string) error {
	switch {
	case !s.OffersTLS():
		return refusal("TLS is not offered")
	case s.in.Buffered() > 0: // it could be anybody's (CVE-2011-0411)
		s.closing = true
		return refusal("Nothing may follow STLS")
	}
	s.ok("Begin TLS negotiation now")
	if err := s.out.Flush(); err != nil {
		return err
	}
	if err := s.StartTLS(ctx); err != nil {
		s.closing = true
		s.out.Reset(discard{}) // nobody understands
		return nil
	}
	s.in.Reset(s.Conn)
	s.out.Reset(s.Conn)
	s.user = ""
	return nil
}

type discard struct{}

// Write implements io.Writer.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

const errPrivacy = refusal("Use TLS first")

// userName: RFC 1939 §7. Whether there is such a mailbox is not told.
func (s *session) userName(_ context.Context, args string) error {
	switch {
	case !s.MayLogIn():
		return errPrivacy
	case args == "":
		return refusal("USER needs a name")
	}
	s.user = args
	s.ok("Send PASS")
	return nil
}

// pass: RFC 1939 §7. Spaces belong to the password.
func (s *session) pass(ctx context.Context, args string) error {
	if s.user == "" {
		return refusal("USER first")
	}
	user := s.user
	s.user = ""
	return s.enter(ctx, user, args)
}

// auth: RFC 5034 §4.
func (s *session) auth(ctx context.Context, args string) error {
	mechanism, response, given := strings.Cut(args, " ")
	offered := s.SASL(s.srv.Auth)
	switch {
	case args == "": // what some clients ask for, to know the mechanisms
		s.ok("Mechanisms")
		if s.MayLogIn() {
			for _, m := range offered.Mechanisms() {
				s.out.WriteString(m + "\r\n")
			}
		}
		s.out.WriteString(".\r\n")
		return nil
	case !s.MayLogIn():
		return errPrivacy
	}
	var initial *string
	if given {
		initial = &response
	}
	login, err := offered.Authenticate(ctx, mechanism, initial, s.challenge)
	if err == nil {
		err = login.Confirm(s.challenge)
	}
	switch {
	case errors.Is(err, door.ErrMechanism):
		return refusal("There is no such mechanism")
	case errors.Is(err, door.ErrCancelled):
		return refusal("Cancelled")
	case errors.Is(err, door.ErrBinding):
		return s.failed(ctx, "[AUTH] The log-in is not bound to this connection")
	case errors.Is(err, door.ErrBase64), errors.Is(err, door.ErrResponse), errors.Is(err, door.ErrIdentity):
		return refusal("The response can't be read, or asks for another identity")
	}
	return s.entered(ctx, login.Box, login.Address, err)
}

// challenge sends a challenge and reads the response.
func (s *session) challenge(said string) (string, error) {
	s.out.WriteString("+ " + said + "\r\n")
	if err := s.out.Flush(); err != nil {
		return "", err
	}
	response, err := s.line(maxResponse)
	switch {
	case err != nil:
		s.closing = true
		return "", refusal("No response")
	case response == "*":
		return "", door.ErrCancelled
	}
	return response, nil
}

// enter logs a user in by a password.
func (s *session) enter(ctx context.Context, user, password string) error {
	box, address, err := s.srv.Auth.Login(ctx, user, password, s.Peer)
	return s.entered(ctx, box, address, err)
}

// entered opens the inbox of a user who proved to be its owner, or says why not.
func (s *session) entered(ctx context.Context, box int64, address string, err error) error {
	switch {
	case errors.As(err, new(refusal)):
		return err
	case errors.Is(err, door.ErrLogin):
		return s.failed(ctx, "[AUTH] Wrong user or password")
	case errors.Is(err, door.ErrShut):
		return s.failed(ctx, "[AUTH] This service is not open to the mailbox, ask your administrator")
	case errors.Is(err, door.ErrLater):
		return s.failed(ctx, "[SYS/TEMP] Can't log in now, try later")
	}
	if err == nil && !s.Claim(box) {
		return refusal("[IN-USE] Too many connections of this user")
	}
	if err == nil {
		err = s.srv.Store.OpenBox(ctx, box, s.srv.Language, s.srv.now())
	}
	if err == nil {
		s.inbox, s.messages, err = s.srv.snapshot(ctx, box, s.limits.Messages)
	}
	if err != nil {
		s.Release()
		return fmt.Errorf("log-in of %s: %w", address, err)
	}
	s.box, s.loggedIn = box, true
	s.LoggedIn()
	s.log = s.log.With("user", address)
	s.log.Info("logged in", "tls", s.Encrypted)
	s.ok(fmt.Sprintf("%d messages", len(s.messages)))
	return nil
}

// failed makes a wrong password cost time, and the connection after some.
func (s *session) failed(ctx context.Context, answer string) error {
	s.failures++
	s.log.Info("log-in failed", "failures", s.failures)
	door.Pause(ctx, time.Duration(s.failures)*s.limits.FailedLogin)
	s.closing = s.failures >= maxFailures
	return refusal(answer)
}

// quit ends the session; what was marked is expunged (RFC 1939 §6).
func (s *session) quit(ctx context.Context, _ string) error {
	s.closing = true
	if s.loggedIn {
		if err := s.update(ctx); err != nil {
			s.log.Error("messages not removed", "error", err)
			return refusal("[SYS/TEMP] Some messages were not removed")
		}
	}
	s.ok("Good-bye")
	return nil
}

// update makes what the session did true for others.
func (s *session) update(ctx context.Context) error {
	var gone, read mailbox.UIDSet
	for _, m := range s.messages {
		switch {
		case m.deleted:
			gone = gone.Add(m.uid)
		case m.read:
			read = read.Add(m.uid)
		}
	}
	set := func(which mailbox.UIDSet, flag mailbox.System) error {
		if len(which) == 0 {
			return nil
		}
		_, err := s.srv.Store.SetFlags(ctx, s.inbox.ID, which, mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: flag}})
		return err
	}
	err := set(read, mailbox.Seen)
	if derr := set(gone, mailbox.Deleted); derr != nil {
		return errors.Join(err, derr)
	}
	if len(gone) > 0 {
		err = errors.Join(err, s.srv.Store.Expunge(ctx, s.inbox.ID, gone))
	}
	if len(gone)+len(read) > 0 {
		s.srv.Changes.Notify(s.box)
	}
	return err
}
