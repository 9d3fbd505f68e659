package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// notFound is the error for ErrNoName and ErrNoData.
func notFound(q question, cause error) error {
	return &net.DNSError{UnwrapErr: cause, Err: cause.Error(), Name: undot(q.name), IsNotFound: true}
}

// temporary is the error for ErrTemporary with a cause, in which server is empty
// where none is to blame.
func temporary(q question, server string, cause error) error {
	text := cause.Error()
	var socket *net.OpError
	switch {
	case isTimeout(cause):
		text = "no answer in time"
	case errors.As(cause, &socket): // whose text would tell our own port
		text = socket.Err.Error()
	}
	return &net.DNSError{
		UnwrapErr: fmt.Errorf("%w: %w", ErrTemporary, cause),
		Err:       text, Name: undot(q.name), Server: server,
		IsTemporary: true, IsTimeout: isTimeout(cause),
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
