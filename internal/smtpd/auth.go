package smtpd

import (
	"context"
	"errors"

	"github.com/emersion/go-sasl"
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

// Auth begins a SASL exchange (smtp.AuthSession, RFC 4954). It is never called
// in a transaction: there is none without a log-in, and the library takes one only.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch {
	case !s.cfg.Submission:
		return nil, s.say(noMechanism)
	case !s.mayLogIn():
		return nil, s.say(tlsNeeded)
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(s.plain), nil
	case "LOGIN":
		return &loginServer{logIn: s.logIn}, nil
	}
	return nil, s.say(noMechanism)
}

// plain is RFC 4616. Nobody may act for somebody else here.
func (s *session) plain(identity, user, password string) error {
	if identity != "" && identity != user {
		return s.say(loginWrong)
	}
	return s.logIn(user, password)
}

func (s *session) logIn(user, password string) error {
	ctx, cancel := s.answerTime()
	defer cancel()
	login, err := s.auth.Login(ctx, user, password, s.client.Addr)
	switch {
	case err != nil && isTemporary(err):
		return s.say(loginUnsure)
	case err != nil || login.IsNull():
		return s.say(loginWrong)
	}
	s.client.Login = login
	return s.say(loggedIn)
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary() ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// A loginServer is the server's side of LOGIN, which old clients use
// (draft-murchison-sasl-login).
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
