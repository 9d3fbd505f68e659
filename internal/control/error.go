package control

import (
	"errors"
	"fmt"
)

// A Kind says what an error means to the person who gave the command.
type Kind string

// Kinds of errors.
const (
	Failed   Kind = "failed"    // it could not be done
	Missing  Kind = "not found" // what it was to be done to does not exist
	Misuse   Kind = "misused"   // it makes no sense: a bad argument, an unknown operation
	Internal Kind = "internal"  // the handler failed inside
)

// An Error is what a command is told, the same through the socket and without.
type Error struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Misused returns an Error for a request that makes no sense.
func Misused(format string, args ...any) error {
	return &Error{Misuse, fmt.Sprintf(format, args...)}
}

// NotFound returns an Error for a request about something that does not exist.
func NotFound(format string, args ...any) error {
	return &Error{Missing, fmt.Sprintf(format, args...)}
}

// KindOf returns the Kind of err: Failed for one that is no Error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}

// asError makes what crosses the socket of any error: the whole text, and the
// kind of the Error inside it.
func asError(err error) *Error { return &Error{KindOf(err), err.Error()} }
