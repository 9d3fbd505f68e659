package lookup

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"gatepost/internal/mail"
)

// A verifier is a source that can tell whether a password is right.
type verifier interface {
	verify(ctx context.Context, address mail.Path, password string) (verdict, error)
}

// A verdict tells what came of a question, without the source.
type verdict func(ctx context.Context) (right bool, err error)

// plain is a verdict that is known.
func plain(right bool) verdict {
	return func(context.Context) (bool, error) { return right, nil }
}

// ErrNoPasswords: the look-up can't tell whether a password is right.
var ErrNoPasswords = errors.New("lookup: it knows no passwords")

// A oneError is about one question: the source answers, and with others it may do well.
type oneError struct{ error }

func (e *oneError) Unwrap() error { return e.error }

// errSeveral: its entries don't say whose an address is.
var errSeveral = &oneError{errors.New("several entries, or one without a name, are found")}

// Verify asks the look-up of that name whether a password is that of an address. Nothing is kept of the answer. An error
// means that nobody could tell now; one to decide by is ErrUnknown, or ErrNoPasswords.
func (l *Lookups) Verify(ctx context.Context, name string, address mail.Path, password string) (right bool, err error) {
	s := l.sources[name]
	if s == nil {
		return false, fmt.Errorf("%w as %q", ErrUnknown, name)
	}
	v, ok := s.asker.(verifier)
	if !ok {
		return false, fmt.Errorf("%w: %s", ErrNoPasswords, name)
	}
	// Not the context of who may go away: the source would count as one that fails, and rest for all.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	var one error // of this address alone
	var tell verdict
	err = s.once(ctx, l.now, func() (err error) {
		if tell, err = v.verify(ctx, address.Fold(), password); errors.As(err, new(*oneError)) {
			one = err
			return nil
		}
		return err
	})
	if one != nil {
		err = one
	}
	if err == nil { // nobody else waits for the source meanwhile
		right, err = tell(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("lookup: %s: password of %s: %w", name, address, err)
	}
	return right, nil
}

// verify finds the one entry of an address and binds as it (RFC 4513 §5.1.3), on a connection of its own: who binds becomes
// whom the password belongs to. Several entries are an error, since nobody could say whose the mailbox is.
func (d *ldapDirectory) verify(ctx context.Context, address mail.Path, password string) (verdict, error) {
	if password == "" { // it would bind as nobody (RFC 4513 §5.1.2), and seem right
		return plain(false), nil
	}
	var entries []*ldap.Entry
	err := d.with(ctx, func(c *ldap.Conn) (err error) {
		entries, err = d.find(ctx, c, address, 2)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(entries) == 0:
		return plain(false), nil
	case len(entries) > 1 || entries[0].DN == "":
		return nil, fmt.Errorf("below %s: %w", d.source.Base, errSeveral)
	}
	c, err := d.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.url.Redacted(), err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	err = c.Bind(entries[0].DN, password)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultConstraintViolation,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultInsufficientAccessRights):
		return plain(false), nil // wrong, or an account that is locked, expired or without a password
	case err != nil:
		return nil, fmt.Errorf("bind as %s: %w", entries[0].DN, err)
	}
	return plain(true), nil
}
