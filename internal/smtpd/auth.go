package smtpd

import (
	"crypto/tls"
	"errors"

	"github.com/emersion/go-sasl"

	"gatepost/internal/door"
	"gatepost/internal/mail"
)

// mayLogIn reports whether AUTH can be used on this stream: on submission
// listeners, and never with a password in the clear, but from this machine.
func (s *session) mayLogIn() bool {
	return s.cfg.Submission && (s.client.TLS != "" || s.client.Addr.IsLoopback())
}

// wayIn tells a client that must log in what to do first.
func (s *session) wayIn() reply {
	if s.mayLogIn() {
		return loginNeeded
	}
	return tlsFirst
}

// AuthMechanisms is part of smtp.AuthSession. The guard's EHLO names what is offered.
func (s *session) AuthMechanisms() []string { return nil }

// mechanisms are those that EHLO names, the strongest first.
func (s *session) mechanisms() []string {
	names := append(s.sasl().Mechanisms(), login)
	if !s.certified().IsNull() {
		names = append([]string{external}, names...)
	}
	return names
}

// external is the mechanism of who has proven already who he is (RFC 4422 appendix A): by the
// certificate of a sender.
const external = "EXTERNAL"

// certified is the log-in that the client's certificate gives it, null for none.
func (s *session) certified() mail.Path {
	if s.cfg.Senders == nil || s.client.Key == "" {
		return mail.Null
	}
	return s.cfg.Senders.Certified(s.client)
}

// login is the mechanism that old clients use (draft-murchison-sasl-login).
const login = "LOGIN"

// sasl is what this connection offers, by the code that all doors share.
func (s *session) sasl() door.SASL {
	return door.SASL{Auth: s.auth, Peer: s.client.Addr, Binding: func() []byte {
		t, ok := s.transport.(*tls.Conn)
		if !ok {
			return nil
		}
		return door.Binding(t)
	}}
}

// Auth begins a SASL exchange (smtp.AuthSession, RFC 4954). It is never called
// in a transaction: there is none without a log-in, and the library takes one only.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch {
	case !s.cfg.Submission:
		return nil, s.say(noMechanism)
	case !s.mayLogIn():
		return nil, s.say(tlsNeeded)
	}
	if s.cfg.Standing != nil {
		s.standing = s.cfg.Standing()
	}
	switch {
	case mechanism == login:
		return &loginServer{logIn: s.logIn}, nil
	case mechanism == external && !s.certified().IsNull():
		return &externalServer{session: s}, nil
	}
	x, err := s.sasl().Begin(mechanism)
	if err != nil {
		return nil, s.say(noMechanism)
	}
	return &exchange{session: s, door: x}, nil
}

// logIn checks a user and a password.
func (s *session) logIn(user, password string) error {
	ctx, cancel := s.answerTime()
	defer cancel()
	_, address, err := s.auth.Login(ctx, user, password, s.client.Addr)
	return s.entered(address, err)
}

// entered answers the end of an exchange.
func (s *session) entered(address string, err error) error {
	switch {
	case err == nil && address != "":
		s.client.Login = mail.Path(address)
		if s.standing != nil {
			s.standing.Entered(s.client.Login)
		}
		return s.say(loggedIn)
	case err == nil, errors.Is(err, door.ErrLogin), errors.Is(err, door.ErrIdentity), errors.Is(err, door.ErrBinding):
		return s.say(loginWrong)
	case errors.Is(err, door.ErrShut):
		return s.say(loginShut)
	case errors.Is(err, door.ErrResponse):
		return s.say(badBase64)
	}
	return s.say(loginUnsure) // the password was not even looked at
}

// stands reports whether what the client logged in with still opens the mailbox; nobody knows who has it where it
// was changed, or taken away.
func (s *session) stands() bool {
	return s.client.Login.IsNull() || s.standing == nil || s.standing.Stands()
}

// An exchange is the server's side of what the doors have. What SCRAM says with success is a
// challenge of its own here, which the client answers with nothing (RFC 4954 §4).
type exchange struct {
	session *session
	door    *door.Exchange
	begun   bool
	proven  bool
}

// Next implements sasl.Server.
func (e *exchange) Next(response []byte) (challenge []byte, done bool, err error) {
	first := !e.begun
	e.begun = true
	switch {
	case first && response == nil: // no initial response
		return nil, false, nil
	case e.proven && len(response) > 0:
		return nil, true, e.session.entered("", door.ErrResponse)
	case e.proven:
		return nil, true, e.session.entered(e.door.Address, nil)
	}
	ctx, cancel := e.session.answerTime()
	defer cancel()
	challenge, done, err = e.door.Next(ctx, response)
	switch {
	case err == nil && !done:
		return challenge, false, nil
	case err == nil && len(challenge) > 0:
		e.proven = true
		return challenge, false, nil
	}
	return nil, true, e.session.entered(e.door.Address, err)
}

// An externalServer is the server's side of EXTERNAL. The client may name who it acts as: nobody else.
type externalServer struct {
	session *session
	asked   bool
}

// Next implements sasl.Server.
func (e *externalServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil && !e.asked {
		e.asked = true
		return nil, false, nil
	}
	who := e.session.certified()
	if len(response) > 0 && mail.Path(response).Fold() != who {
		return nil, true, e.session.entered("", door.ErrIdentity)
	}
	return nil, true, e.session.entered(string(who), nil)
}

// A loginServer is the server's side of LOGIN.
type loginServer struct {
	logIn func(user, password string) error
	user  *string
	asked bool
}

// Next takes a response, nil where there was none, and says what comes next.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil && !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case l.user == nil:
		user := string(response)
		l.user = &user
		return []byte("Password:"), false, nil
	}
	return nil, true, l.logIn(*l.user, string(response))
}
