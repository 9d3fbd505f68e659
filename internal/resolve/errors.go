package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// What an answer without records means. Every error of a Resolver wraps exactly
// one of them.
var (
	// ErrNoName says that the name does not exist (RFC 8020: nor does any below it).
	ErrNoName = errors.New("no such name")
	// ErrNoData says that the name exists, but has no record of this type.
	ErrNoData = errors.New("no such record")
	// ErrTemporary says that nobody could tell: a time-out, SERVFAIL, a refusal.
	// It holds for now, and says nothing about the name.
	ErrTemporary = errors.New("temporary failure")
)

// A StaleError is in the chain of an error, ErrTemporary too, beside which there are
// records all the same: no server answers, and these are what they said before (RFC
// 8767). Who can live with old news uses them and says so; for everybody else it is the
// failure that it is.
type StaleError struct {
	Age   time.Duration // since a server said so
	cause error
}

// Error says what is given, and why not better.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%s; stale: known from %s ago", reason(e.cause), e.Age.Round(time.Second))
}

// Unwrap returns why no server answered.
func (e *StaleError) Unwrap() error { return e.cause }

// Stale is true. By it packages that do not know this one tell the error:
// errors.As(err, &interface{ Stale() bool }).
func (e *StaleError) Stale() bool { return true }

func isStale(err error) bool { return errors.As(err, new(*StaleError)) }

// notFound is the error for ErrNoName and ErrNoData.
func notFound(q question, cause error) error {
	return &net.DNSError{UnwrapErr: cause, Err: cause.Error(), Name: q.name, IsNotFound: true}
}

// temporary is the error for ErrTemporary with a cause, in which server is empty
// where none is to blame.
func temporary(q question, server string, cause error) error {
	return &net.DNSError{
		UnwrapErr: fmt.Errorf("%w: %w", ErrTemporary, cause),
		Err:       reason(cause), Name: q.name, Server: server,
		IsTemporary: true, IsTimeout: isTimeout(cause),
	}
}

// reason says in short why a server did not answer.
func reason(err error) string {
	var socket *net.OpError
	var known *net.DNSError
	switch {
	case errors.As(err, new(*StaleError)):
	case errors.As(err, &known):
		return known.Err
	case isTimeout(err):
		return "no answer in time"
	case errors.As(err, &socket): // whose text would tell our own port
		return socket.Err.Error()
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
