package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"gatepost/internal/mail"
)

// ErrUnknown: the connection broke while a commit was under way, and nobody can say
// whether it was done. The caller must take it for undone where doing it twice is
// better than losing it: mail then stays with the client, who sends it again.
var ErrUnknown = errors.New("store: the connection broke during a commit, whose outcome is unknown")

// States of PostgreSQL (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	stateReadOnly      = "25006"
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateDiskFull      = "53100"
	stateShutdown      = "57P01"
	stateCrash         = "57P02"
	stateStarting      = "57P03"
)

// state returns the SQLSTATE of what the server said, or "".
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// conflict tells that the server gave a transaction up for another's sake.
func conflict(err error) bool {
	s := state(err)
	return s == stateSerialization || s == stateDeadlock
}

// unreachable tells that no server was there to refuse a connection, or one that
// starts.
func unreachable(err error) bool {
	if s := state(err); s != "" {
		return s == stateStarting
	}
	var network net.Error // of names, too
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// An outage is an error of a server that can't be reached, or that goes. It reads as its cause does.
type outage struct{ error }

// Is reports that it is mail.ErrAway, too.
func (outage) Is(target error) bool { return target == mail.ErrAway }

// Unwrap returns the cause.
func (o outage) Unwrap() error { return o.error }

// told marks an error that the server's absence explains. ctx is the caller's: what ended with it says
// nothing of the server.
func told(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if s := state(err); unreachable(err) || s == stateShutdown || s == stateCrash {
		return outage{err}
	}
	return err
}

// gone tells that a connection is of no use any more.
func gone(c *sql.Conn) (closed bool) {
	err := c.Raw(func(driver any) error {
		closed = driver.(*stdlib.Conn).Conn().IsClosed()
		return nil
	})
	return err != nil || closed
}

// discard ends a connection that another is to take the place of: the server that it
// leads to takes no writes any more.
func discard(c *sql.Conn) {
	c.Raw(func(any) error { return driver.ErrBadConn })
}

// uncommitted says what a failed COMMIT means. What the server refused with an
// error's severity was rolled back; all else may have been committed.
func uncommitted(err error) (again bool, _ error) {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.SeverityUnlocalized == "ERROR" {
		return conflict(err), full(fmt.Errorf("store: commit: %w", err))
	}
	return false, fmt.Errorf("%w: %w", ErrUnknown, err)
}
