package smtpd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	smtp "github.com/emersion/go-smtp"

	"gatepost/internal/mail"
)

// A session is what the library calls with the commands of one stream. What it
// answers goes to the guard; to the library it only says yes or no.
type session struct {
	*connection
	guard    *guard
	arg      argument    // of the MAIL or RCPT that the library is at
	release  time.Time   // that this MAIL asks for (RFC 4865)
	tx       Transaction // nil outside of a transaction; the library keeps RCPT and DATA inside
	utf8     bool        // its MAIL had SMTPUTF8
	rcpts    int         // RCPT commands in it
	size     int64       // what MAIL declared
	to       mail.Path   // its recipient, where there is one only
	login    mail.Path   // whose it is
	standing Standing    // what the client logged in with; nil: that is not followed
}

// maxGiven is how many transactions with a recipient a client may give up between two
// messages that are accepted. A callout gives up one; who goes on only learns who exists,
// and each leaves a line in the log and a row in the journal.
const maxGiven = 100

// errNo tells the library that a command was refused.
var errNo = errors.New("refused")

// say answers the command that the library is at.
func (s *session) say(r reply) error {
	s.guard.say(r)
	if r.code >= 400 {
		return errNo
	}
	return nil
}

// hello is HELO and EHLO, which also reset (RFC 5321 §4.1.4).
func (s *session) hello(name string, esmtp bool) reply {
	s.abort(s.guard.verb)
	c := s.client
	c.Helo, c.ESMTP = name, esmtp
	ctx, cancel := s.answerTime()
	defer cancel()
	if v := s.conv.Helo(ctx, c); v.Answer != mail.OK {
		return answer(v)
	}
	s.client = c
	if !esmtp {
		return greeting(s.cfg.Hostname, nil)
	}
	return greeting(s.cfg.Hostname, s.keywords())
}

// keywords are the extensions offered now.
func (s *session) keywords() []string {
	k := []string{"PIPELINING", fmt.Sprintf("SIZE %d", s.cfg.MaxMessage), "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "DSN", fmt.Sprintf("LIMITS RCPTMAX=%d", s.cfg.MaxRecipients)} // RFC 9422
	if s.cfg.TLS != nil && s.client.TLS == "" {
		k = append(k, "STARTTLS")
	}
	if s.client.TLS != "" { // RFC 8689 §3: not before
		k = append(k, "REQUIRETLS")
	}
	if s.offersHold() {
		k = append(k, futureRelease(s.cfg.MaxHold, s.cfg.Now()))
	}
	if s.mayLogIn() && s.client.Login.IsNull() {
		k = append(k, "AUTH "+strings.Join(s.mechanisms(), " "))
	}
	return k
}

// offersHold reports whether messages may be sent later (RFC 4865 §2: by submission alone).
func (s *session) offersHold() bool { return s.cfg.Submission && s.cfg.MaxHold > 0 }

// Mail begins a transaction (smtp.Session).
func (s *session) Mail(_ string, o *smtp.MailOptions) error {
	client := s.sends()
	switch {
	case s.tx != nil: // the library would begin a second one on the first one's recipients
		return s.say(badOrder)
	case s.given >= maxGiven:
		s.abuse("loop")
		return s.say(tooManyGiven)
	case s.cfg.Submission && client.Login.IsNull():
		return s.say(s.wayIn())
	case s.arg.tls && s.client.TLS == "": // RFC 8689 §3
		return s.say(tlsFirst)
	case o.Size > s.cfg.MaxMessage:
		return s.say(tooLarge)
	case !s.cfg.Limits.room(o.Size):
		return s.say(noSpace)
	}
	ctx, cancel := s.answerTime()
	defer cancel()
	params := mailParams(o)
	params.SMTPUTF8, params.RequireTLS, params.Release = s.arg.utf8, s.arg.tls, s.release
	tx, v := s.conv.Mail(ctx, client, s.arg.path, params)
	if v.Answer != mail.OK {
		return s.say(answer(v))
	}
	s.tx, s.utf8, s.rcpts, s.size, s.to, s.login = tx, s.arg.utf8, 0, o.Size, mail.Null, client.Login
	return s.say(senderFine)
}

// sends is the client as it sends this message: who has not logged in may be known without.
func (s *session) sends() mail.Client {
	c := s.client
	if c.Login.IsNull() && s.cfg.Senders != nil {
		c.Login = s.cfg.Senders.Sender(c, s.arg.path)
	}
	return c
}

// Rcpt adds a recipient (smtp.Session).
func (s *session) Rcpt(_ string, o *smtp.RcptOptions) error {
	if s.rcpts++; s.rcpts > s.cfg.MaxRecipients {
		return s.say(answer(mail.Verdict{Answer: mail.TooManyRecipients}))
	}
	p, ok := rcptParams(o)
	if !ok {
		return s.say(badArgument)
	}
	ctx, cancel := s.answerTime()
	defer cancel()
	if v := s.tx.Rcpt(ctx, s.arg.path, p); v.Answer != mail.OK {
		return s.say(answer(v))
	}
	s.to = s.arg.path
	return s.say(rcptFine)
}

// Reset ends a transaction that has not ended itself (smtp.Session).
func (s *session) Reset() { s.abort(s.guard.verb) }

// Logout is the library's last call (smtp.Session).
func (s *session) Logout() error {
	cause := s.guard.cause
	if cause == "" {
		cause = s.guard.verb
	}
	s.abort(cause)
	return nil
}

// abort ends a transaction that is open. One without a recipient counts as an error: what
// it asks of the machine is not free, and nothing came of it. Who asks for recipients only
// (a callout) pays for those that are refused. The library may call it from where it catches
// no panic.
func (s *session) abort(cause string) {
	tx := s.tx
	if tx == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			s.caught(v)
		}
	}()
	s.tx = nil
	if s.rcpts == 0 {
		s.errors++
	}
	if !s.to.IsNull() {
		s.given++
	}
	tx.Abort(mail.OK, cause)
}
