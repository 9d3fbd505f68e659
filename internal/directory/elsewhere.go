package directory

import (
	"context"
	"fmt"
	"slices"

	"gatepost/internal/mail"
)

// Elsewhere knows passwords that are not kept here.
type Elsewhere interface {
	// Verify reports whether a password is that of an address, which the source of that name knows. An error means that
	// it could not tell.
	Verify(ctx context.Context, source string, address mail.Path, password string) (bool, error)
}

// LoginSource is the name of the look-up that knows the password of a mailbox's owner; "": it is kept here.
func (s *Snapshot) LoginSource(m Mailbox) string {
	d, _ := s.Domain(m.Address.Domain())
	return d.Login
}

// LoginsElsewhere reports whether there are people whose passwords are not kept here: they can only say them, and prove
// nothing by SCRAM.
func (d *Directory) LoginsElsewhere() bool {
	s := d.Snapshot()
	if kept := d.away.Load(); kept != nil && kept.revision == s.Revision() {
		return kept.some
	}
	some := slices.ContainsFunc(s.Domains(), func(d Domain) bool { return d.Login != "" })
	d.away.Store(&loginsAway{s.Revision(), some})
	return some
}

// loginsAway is what LoginsElsewhere says of a revision.
type loginsAway struct {
	revision int64
	some     bool
}

// ErrElsewhere: the password is kept by another directory, and is changed there.
var ErrElsewhere = fmt.Errorf("%w: it is kept by another directory, and is changed there", ErrPassword)

// authenticateElsewhere is authenticate for a mailbox whose password another directory knows. What it called right is known
// again for some minutes; meanwhile it is not asked, so a password that is changed or taken away there opens the
// mailbox for that long.
func (d *Directory) authenticateElsewhere(ctx context.Context, source string, box Mailbox, password string) error {
	ok, err := d.verifyElsewhere(ctx, source, box, password)
	if err == nil && !ok {
		err = ErrLogin
	}
	if err == nil {
		err = box.State.err()
	}
	if err != nil {
		return fmt.Errorf("directory: log-in: %w", err)
	}
	return nil
}

func (d *Directory) verifyElsewhere(ctx context.Context, source string, box Mailbox, password string) (bool, error) {
	if _, err := prepare(password); err != nil { // an empty one would bind as nobody
		return false, nil
	}
	t := d.passwords.tag(box.ID, "elsewhere\x00"+source, password)
	if d.passwords.knows(t) {
		return true, nil
	}
	if d.elsewhere == nil {
		return false, fmt.Errorf("look-up %s, which knows the password of %s, is not there", source, box.Address)
	}
	// It takes at least what it takes with those who are unknown.
	computed := make(chan error, 1)
	go func() {
		_, err := d.passwords.check(ctx, 0, "", password)
		computed <- err
	}()
	ok, err := d.elsewhere.Verify(ctx, source, box.Address, password)
	if waited := <-computed; err == nil {
		err = waited
	}
	if ok && err == nil {
		d.passwords.remember(t)
	}
	return ok && err == nil, err
}
