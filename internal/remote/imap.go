package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// IMAP is a log-in to an IMAP server.
type IMAP struct {
	c      *conn
	server Server
	tag    int
	offers []string // capabilities, in upper case
}

// DialIMAP connects, begins TLS and logs in.
func DialIMAP(ctx context.Context, s Server) (*IMAP, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("imap: %s: %w", s.Address, err)
	}
	i := &IMAP{c: c, server: s}
	if err := i.begin(); err != nil {
		c.Close()
		return nil, fmt.Errorf("imap: %s: %w", s.Address, err)
	}
	return i, nil
}

func (i *IMAP) begin() error {
	greeting, err := i.c.response(nil)
	if err != nil {
		return err
	}
	switch word := greeting.word(1); {
	case !greeting.untagged() || word != "OK" && word != "PREAUTH" && word != "BYE":
		return fmt.Errorf("%w: %s where a greeting is due", ErrProtocol, quote(greeting.text))
	case word == "BYE":
		return refusal{greeting.text, true}
	case word == "PREAUTH": // whose account it is nobody said, and TLS can't begin any more
		return fmt.Errorf("%w: the server takes us for logged in already", ErrTLS)
	}
	if i.server.Security == StartTLS {
		config, err := i.server.tls()
		if err != nil {
			return err
		}
		if err := i.run("STARTTLS", nil); err != nil {
			return fmt.Errorf("%w: STARTTLS: %w", ErrTLS, err)
		}
		if err := i.c.encrypt(config); err != nil {
			return err
		}
	}
	if err := i.capabilities(); err != nil {
		return err
	}
	if err := i.login(); err != nil {
		return err
	}
	return i.capabilities()
}

func (i *IMAP) capabilities() error {
	i.offers = nil
	return i.run("CAPABILITY", func(r response) error {
		if r.word(1) == "CAPABILITY" {
			for _, v := range r.values[2:] {
				i.offers = append(i.offers, strings.ToUpper(v.text))
			}
		}
		return nil
	})
}

func (i *IMAP) can(capability string) bool { return slices.Contains(i.offers, capability) }

func (i *IMAP) login() error {
	mayTell := i.c.secure || i.server.Security == Clear
	var names []string
	for _, o := range i.offers {
		if m, ok := strings.CutPrefix(o, "AUTH="); ok {
			names = append(names, m)
		}
	}
	var err error
	switch m := i.server.choose(names, mayTell); {
	case m != nil:
		err = i.authenticate(m)
	case !mayTell:
		return fmt.Errorf("%w: the server offers no log-in without TLS that keeps the password secret", ErrTLS)
	case i.server.For != "":
		return fmt.Errorf("%w: the server has no log-in by which a master user says whose mail he wants", ErrLogin)
	case i.can("LOGINDISABLED"): // RFC 3501 §6.2.3: it must not be tried then
		return fmt.Errorf("%w: the server has LOGIN switched off (LOGINDISABLED), maybe until there is TLS", ErrLogin)
	default:
		err = i.run("LOGIN", nil, i.server.User, i.server.Password)
	}
	if errors.As(err, new(refusal)) {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	return err
}

func (i *IMAP) next() string {
	i.tag++
	return "G" + strconv.Itoa(i.tag)
}

func (i *IMAP) authenticate(m mechanism) error {
	tag := i.next()
	line, first := tag+" AUTHENTICATE "+m.name(), base64.StdEncoding.EncodeToString(m.start())
	if i.can("SASL-IR") { // RFC 4959
		line, first = line+" "+first, ""
	}
	for {
		if err := i.c.send(line + "\r\n"); err != nil {
			return err
		}
		said, done, err := i.challenge(tag)
		if err != nil {
			return err
		}
		if done {
			return m.end()
		}
		if first != "" { // what is asked for is what could not be said at once
			line, first = first, ""
			continue
		}
		challenge, err := base64.StdEncoding.DecodeString(said)
		if err != nil {
			return fmt.Errorf("%w: a challenge that is no base64", ErrProtocol)
		}
		response, err := m.next(challenge)
		if err != nil {
			return err
		}
		line = base64.StdEncoding.EncodeToString(response)
	}
}

// challenge reads up to a challenge, or the end of the command.
func (i *IMAP) challenge(tag string) (said string, done bool, err error) {
	for range maxResponses {
		r, err := i.c.response(nil)
		if err != nil {
			return "", false, err
		}
		switch {
		case r.word(0) == "+":
			return strings.TrimSpace(strings.TrimPrefix(r.text, "+")), false, nil
		case r.tag() == tag:
			return "", true, r.failed()
		}
	}
	return "", false, fmt.Errorf("%w: more than %d answers", ErrProtocol, maxResponses)
}

// maxResponses bounds those to one command that has no bound of its own: an account of some
// millions of messages is listed in parts.
const maxResponses = 1_000_000

// run sends a command whose arguments are strings, and reads its answers. each is told of those
// without a tag; an error of its ends the connection's use.
func (i *IMAP) run(command string, each func(response) error, args ...string) error {
	return i.runInto(command, each, nil, args...)
}

// runInto is run, with a place for the one literal that may be large.
func (i *IMAP) runInto(command string, each func(response) error, into *literalSink, args ...string) error {
	tag := i.next()
	line := tag + " " + command
	for _, arg := range args {
		if quotable(arg) {
			line += ` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(arg) + `"`
			continue
		}
		if err := i.c.send(line + " {" + strconv.Itoa(len(arg)) + "}\r\n"); err != nil {
			return err
		}
		if _, done, err := i.challenge(tag); err != nil || done {
			return errors.Join(err, fmt.Errorf("%w: no literal is taken", ErrProtocol))
		}
		line = arg
	}
	if err := i.c.send(line + "\r\n"); err != nil {
		return err
	}
	for range maxResponses {
		r, err := i.c.response(into)
		switch {
		case err != nil:
			return err
		case r.tag() == tag:
			return r.failed()
		case !r.untagged():
			return fmt.Errorf("%w: %s", ErrProtocol, quote(r.text))
		case r.word(1) == "BYE" && command != "LOGOUT":
			return refusal{r.text, true}
		case each != nil:
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%w: more than %d answers to %s", ErrProtocol, maxResponses, command)
}

// quotable reports whether a string may stand in quotes (RFC 3501 §9, "quoted").
func quotable(s string) bool {
	return len(s) < 1000 && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f })
}

// Close ends the connection without a word.
func (i *IMAP) Close() error { return i.c.Close() }

// Logout ends the session.
func (i *IMAP) Logout() error {
	err := i.run("LOGOUT", nil)
	i.c.Close()
	return err
}

// Peer is the server's address.
func (i *IMAP) Peer() Peer { return Peer{i.c.wire.RemoteAddr().String(), i.c.secure} }
