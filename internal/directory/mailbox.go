package directory

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Mailbox is a user: an address that stores mail, and a log-in.
type Mailbox struct {
	ID       int64     `json:"id"`      // never used again; everything stored for the user goes by it
	Address  mail.Path `json:"address"` // folded
	Password Verifier  `json:"-"`       // zero: nobody can log in
	Name     string    `json:"name"`    // of the person or group, for the address list; "": none was given
	Language string    `json:"language"`
	State    State     `json:"state"`
	Created  time.Time `json:"created"`
	// Apps are passwords of single mail programs: each logs in at the doors of mail, none on the pages.
	Apps []AppPassword `json:"-"`
	// Copies are where its mail goes, too (replication); what leads here is copied with it.
	Copies []mail.Path `json:"copies"`

	Disposition Disposition `json:"disposition"` // of its spam; "": the domain's. Counts only where the domain leaves it open
	Level       int         `json:"level"`       // 1 (strict) to 7; 0: the policy's own. Counts only where the domain leaves it open
	NoDigest    bool        `json:"no_digest"`   // its owner wants none

	Limits Limits `json:"limits"` // 0: as the domain says

	Locked    bool      `json:"locked"`     // what it has is closed to admins of its domain; see lock.go
	Unlisted  bool      `json:"unlisted"`   // it stands in no address list
	Shut      []Service `json:"shut"`       // that are not open to its owner, beside those of the domain
	ShutPages []Page    `json:"shut_pages"` // that are not open to its owner, beside those of the domain
	ClosedAt  time.Time `json:"closed_at"`  // since when it is Closed; zero: it is not, or was before that was noted
}

// A State says whether a mailbox is in use. In any but Active its user can't log
// in; what is Closed or Archive takes no mail, either.
type State string

// States.
const (
	Active    State = "active"
	Suspended State = "suspended" // for a while
	Closed    State = "closed"    // its address is kept, and what it stores, for some time
	Archive   State = "archive"   // it is its domain's archive, and nobody's mailbox
)

// Takes reports whether mail comes into a mailbox of that state.
func (s State) Takes() bool { return s != Closed && s != Archive }

// err is what somebody hears who wants to log in.
func (s State) err() error {
	switch s {
	case Active:
		return nil
	case Closed, Archive:
		return ErrClosed
	}
	return ErrSuspended
}

// language is the form of a language tag (RFC 5646 §2.1), not its meaning.
var language = regexp.MustCompile(`^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4})?$`)

func badLanguage(tag string) error {
	return fmt.Errorf("%w: language %q; write a tag such as en or fr-CA", ErrInvalid, tag)
}

// AddMailbox adds a mailbox in a domain that is here. An empty password makes one
// that nobody can log in to; ID and Password of m are not read.
func (d *Directory) AddMailbox(ctx context.Context, m Mailbox, password string) (Mailbox, error) {
	added, err := d.addMailbox(ctx, m, password)
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: add mailbox %s: %w", m.Address, err)
	}
	return added, nil
}

func (d *Directory) addMailbox(ctx context.Context, m Mailbox, password string) (Mailbox, error) {
	address, err := ownAddress(m.Address)
	if err != nil {
		return Mailbox{}, err
	}
	m.ID, m.Address, m.Created, m.Password, m.Apps = 0, address, d.now(), Verifier{}, nil
	m.ClosedAt = time.Time{}
	// Asked now too, since the password is dear.
	if err := d.Refresh(ctx); err != nil {
		return Mailbox{}, err
	}
	if err := d.Snapshot().freeBox(address); err != nil {
		return Mailbox{}, err
	}
	if password != "" {
		if m.Password, err = d.passwords.derive(ctx, password, d.salt(m)); err != nil {
			return Mailbox{}, err
		}
	}
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		if err := s.freeBox(address); err != nil {
			return nil, err
		}
		return s.checkedMailbox(m)
	})
	if err != nil {
		return Mailbox{}, err
	}
	m, _ = s.Mailbox(address)
	return m, nil
}

// ChangeMailbox lets change edit a mailbox's name, language, state, copies and services, whether it is listed, and what its
// owner wants; what else it does is not kept. change may run more than once.
func (d *Directory) ChangeMailbox(ctx context.Context, address mail.Path, change func(*Mailbox) error) (Mailbox, error) {
	address = address.Fold()
	s, err := d.updateMailbox(ctx, address, func(s *Snapshot, m Mailbox) ([]Change, error) {
		next := m
		if err := change(&next); err != nil {
			return nil, err
		}
		switch {
		case next.State != Closed:
			m.ClosedAt = time.Time{}
		case m.State != Closed:
			m.ClosedAt = d.now()
		}
		m.Language, m.State, m.Copies, m.Shut = next.Language, next.State, next.Copies, next.Shut
		m.Name, m.Unlisted = next.Name, next.Unlisted
		m.Disposition, m.Level, m.NoDigest, m.Limits = next.Disposition, next.Level, next.NoDigest, next.Limits
		return s.checkedMailbox(m)
	})
	if err != nil {
		return Mailbox{}, fmt.Errorf("directory: change mailbox %s: %w", address, err)
	}
	m, _ := s.Mailbox(address)
	return m, nil
}

// SetPassword gives a mailbox a new password: from one setting come the argon2id
// hash and the SCRAM keys. The old one is worth nothing from then on; passwords of
// programs stay. It is noted who did it, and how.
func (d *Directory) SetPassword(ctx context.Context, address mail.Path, password, who, how string) error {
	address = address.Fold()
	m, _ := d.Snapshot().Mailbox(address)
	m.Address = address
	if source := d.Snapshot().LoginSource(m); source != "" {
		return fmt.Errorf("directory: set password of %s: %w (look-up %s)", address, ErrElsewhere, source)
	}
	v, err := d.passwords.derive(ctx, password, d.salt(m))
	if err == nil {
		_, err = d.updateMailbox(ctx, address, func(s *Snapshot, m Mailbox) ([]Change, error) {
			m.Password = v
			changes, err := s.checkedMailbox(m)
			return append(changes, Change{Note: &Note{Time: d.now(), Who: who, What: NotePassword, Whom: string(m.Address), About: how}}), err
		})
	}
	if err != nil {
		return fmt.Errorf("directory: set password of %s: %w", address, err)
	}
	return nil
}

// RemoveMailbox removes a mailbox that nothing leads to, and its list entries
// with it. What is stored under its ID is not touched.
func (d *Directory) RemoveMailbox(ctx context.Context, address mail.Path) error {
	return d.RemoveMailboxIf(ctx, address, func(Mailbox) error { return nil })
}

// RemoveMailboxIf is RemoveMailbox unless may, which is asked of the mailbox as it is then, fails. may may run
// more than once.
func (d *Directory) RemoveMailboxIf(ctx context.Context, address mail.Path, may func(Mailbox) error) error {
	address = address.Fold()
	_, err := d.updateMailbox(ctx, address, func(s *Snapshot, m Mailbox) ([]Change, error) {
		if err := may(m); err != nil {
			return nil, err
		}
		if err := s.unused(address); err != nil {
			return nil, err
		}
		gone, err := d.scopeGone(ctx, Scope{MailboxScope, string(address)})
		return append(gone, Change{Mailbox: &m, Gone: true}), err
	})
	if err != nil {
		return fmt.Errorf("directory: remove mailbox %s: %w", address, err)
	}
	return nil
}

func (d *Directory) updateMailbox(ctx context.Context, address mail.Path, plan func(*Snapshot, Mailbox) ([]Change, error)) (*Snapshot, error) {
	return d.update(ctx, func(s *Snapshot) ([]Change, error) {
		m, ok := s.Mailbox(address)
		if !ok {
			return nil, ErrNoMailbox
		}
		if m.State == Archive {
			return nil, errArchive(m.Address.Domain())
		}
		return plan(s, m)
	})
}

// MaxCopies bounds where one mailbox is copied to.
const MaxCopies = 100

func (s *Snapshot) checkedMailbox(m Mailbox) ([]Change, error) {
	if m.State == "" {
		m.State = Active
	}
	if !language.MatchString(m.Language) {
		return nil, badLanguage(m.Language)
	}
	if err := oneOf("state", m.State, Active, Suspended, Closed); err != nil {
		return nil, err
	}
	if err := checkPersonName(&m); err != nil {
		return nil, err
	}
	if err := m.checkChoices(); err != nil {
		return nil, err
	}
	if err := m.Limits.check(); err != nil {
		return nil, err
	}
	shut, err := checkedServices(m.Shut)
	if err != nil {
		return nil, err
	}
	if m.Shut = shut; len(m.Copies) > 0 {
		copies, err := s.targets(m.Address, "copy", m.Copies, MaxCopies)
		if err != nil {
			return nil, err
		}
		m.Copies = copies
	}
	return []Change{{Mailbox: &m}}, nil
}

// ownAddress returns the canonical form of an address that is to be ours.
func ownAddress(a mail.Path) (mail.Path, error) {
	address, err := mail.ParsePath(strings.TrimSpace(string(a)))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if address.IsNull() {
		return "", fmt.Errorf("%w: an address is missing", ErrInvalid)
	}
	return address.Fold(), nil
}

// freeBox says why a new mailbox can't have the address.
func (s *Snapshot) freeBox(a mail.Path) error {
	if _, ok := s.Admin(string(a)); ok {
		return fmt.Errorf("%w, as the log-in of an admin; give that one another name", ErrExists)
	}
	if err := s.freeOfSenders(a); err != nil {
		return err
	}
	return s.free(a)
}

// free says why a new mailbox or alias can't have the address.
func (s *Snapshot) free(a mail.Path) error {
	switch dom, ok := s.Domain(a.Domain()); {
	case !ok:
		return fmt.Errorf("%w: %s; add the domain first", ErrNoDomain, a.Domain())
	case dom.Name != a.Domain():
		return fmt.Errorf("%w: %s is another name of %s; give the address there, it holds for both", ErrInvalid, a.Domain(), dom.Name)
	}
	if _, ok := s.Mailbox(a); ok {
		return fmt.Errorf("%w, as a mailbox", ErrExists)
	}
	if other, ok := s.Alias(a); ok {
		return fmt.Errorf("%w: %s", ErrExists, other.title())
	}
	return nil
}
