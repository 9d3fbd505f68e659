package imap

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatepost/internal/door"
	"gatepost/mailbox"
)

var loginCommands = []command{
	{name: "STARTTLS", states: stranger, run: (*conn).startTLS},
	{name: "LOGIN", states: stranger, run: (*conn).login},
	{name: "AUTHENTICATE", states: stranger, run: (*conn).authenticate},
}

// errMessageTooBig: beyond APPENDLIMIT, which is no mistake of syntax (RFC 7889 §4).
var errMessageTooBig = errors.New("imap: message too big")

// startTLS: RFC 9051 §6.2.1.
func (c *conn) startTLS(ctx context.Context, r *request) (reply, error) {
	if err := r.noArguments(); err != nil {
		return reply{}, err
	}
	if !c.OffersTLS() {
		return reply{}, syntaxError("TLS is not offered")
	}
	// What came with the command in the clear could be anybody's (CVE-2011-0411).
	if c.in.r.Buffered() > 0 {
		c.closing = true
		return reply{}, syntaxError("Nothing may follow STARTTLS")
	}
	c.tagged(r.tag, "STARTTLS", reply{text: "Begin TLS negotiation now"})
	if err := c.out.flush(); err != nil {
		return reply{}, err
	}
	if err := c.StartTLS(ctx); err != nil {
		c.closing, c.out.err = true, err
		return reply{}, nil
	}
	c.begin()
	return reply{status: answered}, nil
}

// login: RFC 9051 §6.2.3.
func (c *conn) login(ctx context.Context, r *request) (reply, error) {
	r.space()
	user := r.astring()
	r.space()
	password := r.astring()
	if err := r.end(); err != nil {
		return reply{}, err
	}
	return c.enter(ctx, user, password)
}

// authenticate: RFC 9051 §6.2.2, with SASL-IR (RFC 4959).
func (c *conn) authenticate(ctx context.Context, r *request) (reply, error) {
	r.space()
	mechanism := r.word()
	var initial *string
	if r.take(' ') {
		response := r.while("a response", func(ch byte) bool { return ch > ' ' && ch < 0x7f })
		initial = &response
	}
	if err := r.end(); err != nil {
		return reply{}, err
	}
	if !c.MayLogIn() {
		return reply{}, errPrivacy
	}
	login, err := c.SASL(c.srv.Auth).Authenticate(ctx, mechanism, initial, c.challenge)
	if err == nil {
		err = login.Confirm(c.challenge)
	}
	switch {
	case errors.Is(err, door.ErrMechanism):
		return reply{}, no("CANNOT", "There is no such mechanism")
	case errors.Is(err, door.ErrIdentity):
		return reply{}, no("AUTHORIZATIONFAILED", "Acting for somebody else is not allowed")
	case errors.Is(err, door.ErrBinding):
		return reply{}, c.failed(ctx, no("AUTHENTICATIONFAILED", "The log-in is not bound to this connection"))
	case errors.Is(err, door.ErrBase64):
		return reply{}, syntaxError("The response is not base64")
	case errors.Is(err, door.ErrResponse):
		return reply{}, syntaxError("Malformed response")
	case errors.Is(err, door.ErrCancelled):
		return reply{}, syntaxError("Cancelled")
	}
	return c.entered(ctx, login.Box, login.Address, err)
}

// challenge sends a challenge and reads the response.
func (c *conn) challenge(said string) (string, error) {
	c.out.text("+ " + said + "\r\n")
	if err := c.out.flush(); err != nil {
		return "", err
	}
	line, _, err := c.in.readLine(nil)
	switch {
	case errors.Is(err, errTooBig):
		return "", syntaxError("Response too long")
	case err != nil:
		c.hangUp(err)
		return "", syntaxError("No response")
	}
	response := strings.TrimRight(string(line), "\r\n")
	if response == "*" {
		return "", door.ErrCancelled
	}
	return response, nil
}

var (
	errPrivacy     = no("PRIVACYREQUIRED", "Use TLS first")
	errCredentials = no("AUTHENTICATIONFAILED", "Wrong user or password")
	errSessions    = no("LIMIT", "Too many connections of this user")
	errShut        = no("CONTACTADMIN", "This service is not open to the mailbox, ask your administrator")
	errUnavailable = no("UNAVAILABLE", "Can't log in now, try later")
)

// enter logs a user in.
func (c *conn) enter(ctx context.Context, user, password string) (reply, error) {
	if !c.MayLogIn() {
		return reply{}, errPrivacy
	}
	box, address, err := c.srv.Auth.Login(ctx, user, password, c.Peer)
	return c.entered(ctx, box, address, err)
}

// entered opens the box of a user who proved to be its owner, or says why not.
func (c *conn) entered(ctx context.Context, box int64, address string, err error) (reply, error) {
	switch {
	case errors.As(err, new(syntaxError)): // the connection ended, or said too much
		return reply{}, err
	case errors.Is(err, door.ErrLogin):
		return reply{}, c.failed(ctx, errCredentials)
	case errors.Is(err, door.ErrShut):
		return reply{}, c.failed(ctx, errShut)
	case errors.Is(err, door.ErrLater):
		return reply{}, c.failed(ctx, errUnavailable)
	}
	if err == nil && !c.Claim(box) {
		return reply{}, errSessions
	}
	if err == nil {
		err = c.srv.Store.OpenBox(ctx, box, c.srv.Language, c.srv.now())
	}
	if err != nil {
		c.Release()
		c.log.Error("log-in could not be checked", "error", err)
		return reply{}, errUnavailable
	}
	if c.srv.Releaser != nil {
		if err := c.srv.Store.OpenHeld(ctx, box); err != nil { // what is there is served all the same
			c.log.Error("the folder of what is held could not be made", "user", address, "error", err)
		}
	}
	c.admitted(box, address)
	return reply{code: "CAPABILITY " + c.capabilities(), text: "Logged in"}, nil
}

// admitted opens the session of a box's owner.
func (c *conn) admitted(box int64, address string) {
	c.box, c.user, c.state = box, address, known
	c.log = c.log.With("user", address)
	c.hints, c.unwatch = c.srv.Changes.Watch(box)
	c.LoggedIn()
	c.in.line, c.in.inline, c.in.total = c.limits.Line, maxInline, maxCommand
	c.in.spool = c.spool
	c.log.Info("logged in", "tls", c.Encrypted)
}

func (c *conn) spool(have *spooled, n int64) (*spooled, error) {
	switch {
	case n > c.limits.Append, have != nil && have.size+n > maxAppends*c.limits.Append:
		return nil, errMessageTooBig
	case have != nil:
		return have, nil
	}
	return newSpool(c.srv.Spool)
}

// failed makes a wrong password cost time, and the connection after some.
func (c *conn) failed(ctx context.Context, answer error) error {
	c.failures++
	c.log.Info("log-in failed", "failures", c.failures)
	door.Pause(ctx, time.Duration(c.failures)*c.limits.FailedLogin)
	if c.failures >= maxFailures {
		c.closing = true
		c.out.untagged("BYE Too many failed log-ins")
	}
	return answer
}

// changed tells the other sessions of the box, and of that of the selected folder.
func (c *conn) changed() {
	c.srv.Changes.Notify(c.box)
	if c.foreign() {
		c.srv.Changes.Notify(c.view.folder.Box)
	}
}

// folder finds a folder that can be read by the name in a command.
func (c *conn) folder(ctx context.Context, name string) (mailbox.Folder, error) {
	p, err := c.reach(ctx, name, mailbox.MayRead)
	return p.Folder, err
}
