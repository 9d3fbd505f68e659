package directory

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// An Admin is somebody who looks after the node or some of its domains, and their
// log-in to the pages. He has no mailbox: whoever has one logs in to that with its
// address.
type Admin struct {
	ID       int64     `json:"id"`   // never used again; shared with no mailbox
	Name     string    `json:"name"` // the log-in, folded: see AdminName
	Password Verifier  `json:"-"`
	Role     AdminRole `json:"role"`
	Domains  []string  `json:"domains"`  // that he looks after, sorted; none of an operator, at least one of others
	Rights   []string  `json:"rights"`   // of what the role may, what he may: names that package access knows, sorted; none: all of it
	Language string    `json:"language"` // a tag such as "fr"; "": the node's
	State    State     `json:"state"`    // active or suspended
	Created  time.Time `json:"created"`
}

// An AdminRole says what an Admin may do; package access knows the particulars.
type AdminRole string

// Roles of admins.
const (
	Operator    AdminRole = "operator" // everything
	DomainAdmin AdminRole = "admin"    // of his domains
	Reader      AdminRole = "reader"   // of his domains: looks, changes nothing
	Helpdesk    AdminRole = "helpdesk" // of his domains: looks, releases and deletes, sets nothing
)

// Has reports whether the admin looks after a domain, named by its own name.
func (a Admin) Has(domain string) bool {
	return a.Role == Operator || slices.Contains(a.Domains, domain)
}

// standing reports whether the node has an operator in the admin.
func (a Admin) standing() bool { return a.Role == Operator && a.State == Active }

var adminName = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// AdminName returns the form in which the log-in name of an admin is kept: 1 to 64
// lower-case letters, digits, dots, underscores and hyphens; or an address, folded.
func AdminName(s string) (string, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "@") {
		a, err := ownAddress(mail.Path(s))
		return string(a), err
	}
	name := strings.ToLower(s)
	if !adminName.MatchString(name) {
		return "", fmt.Errorf("%w: name %q; use 1 to 64 letters, digits, dots, underscores and hyphens, or an address", ErrInvalid, s)
	}
	return name, nil
}

// AddAdmin adds an admin, who needs a password, and notes it as who's doing. ID and Password of a are not read.
func (d *Directory) AddAdmin(ctx context.Context, who string, a Admin, password string) (Admin, error) {
	added, err := d.addAdmin(ctx, who, a, password)
	if err != nil {
		return Admin{}, fmt.Errorf("directory: add admin %s: %w", a.Name, err)
	}
	return added, nil
}

func (d *Directory) addAdmin(ctx context.Context, who string, a Admin, password string) (Admin, error) {
	name, err := AdminName(a.Name)
	if err != nil {
		return Admin{}, err
	}
	a.ID, a.Name, a.Created, a.Password = 0, name, d.now(), Verifier{}
	plan := func(s *Snapshot) ([]Change, error) {
		if err := s.freeLogin(name); err != nil {
			return nil, err
		}
		changes, err := s.checkedAdmin(a)
		if err != nil {
			return nil, err
		}
		next := *changes[0].Admin
		changes = append(changes, d.noted(who, NoteAdded, next, next.may()))
		if len(next.Domains) > 0 {
			changes = append(changes, d.noted(who, NoteDomains, next, next.domainsText()))
		}
		return changes, nil
	}
	// Asked now too, since the password is dear.
	if err := d.Refresh(ctx); err != nil {
		return Admin{}, err
	}
	if _, err := plan(d.Snapshot()); err != nil {
		return Admin{}, err
	}
	if a.Password, err = d.passwords.derive(ctx, password, nil); err != nil {
		return Admin{}, err
	}
	s, err := d.update(ctx, plan)
	if err != nil {
		return Admin{}, err
	}
	a, _ = s.Admin(name)
	return a, nil
}

// ChangeAdmin lets change edit an admin's role, domains, rights, language and state; what
// else it does is not kept. The last operator who can log in stays one (ErrLast). That the
// role, the rights, the domains or the state are others is noted, as who's doing. change may
// run more than once.
func (d *Directory) ChangeAdmin(ctx context.Context, name, who string, change func(*Admin) error) (Admin, error) {
	s, err := d.updateAdmin(ctx, name, func(s *Snapshot, a Admin) ([]Change, error) {
		next := a
		next.Domains, next.Rights = slices.Clone(a.Domains), slices.Clone(a.Rights)
		if err := change(&next); err != nil {
			return nil, err
		}
		next.ID, next.Name, next.Created, next.Password = a.ID, a.Name, a.Created, a.Password
		changes, err := s.checkedAdmin(next)
		if err != nil {
			return nil, err
		}
		next = *changes[0].Admin
		if a.standing() && !next.standing() {
			if err := s.notLast(a); err != nil {
				return nil, err
			}
		}
		return append(changes, d.notesOf(who, a, next)...), nil
	})
	if err != nil {
		return Admin{}, fmt.Errorf("directory: change admin %s: %w", name, err)
	}
	a, _ := s.Admin(name)
	return a, nil
}

// notesOf are of what is another about an admin, as who's doing.
func (d *Directory) notesOf(who string, was, is Admin) (changes []Change) {
	if is.Role != was.Role || !slices.Equal(is.Rights, was.Rights) {
		changes = append(changes, d.noted(who, NoteRights, is, is.may()))
	}
	if is.Role != Operator && !slices.Equal(is.Domains, was.Domains) { // an operator has all
		changes = append(changes, d.noted(who, NoteDomains, is, is.domainsText()))
	}
	switch {
	case is.State == was.State:
	case is.State == Suspended:
		changes = append(changes, d.noted(who, NoteSuspended, is, ""))
	default:
		changes = append(changes, d.noted(who, NoteActive, is, ""))
	}
	return changes
}

func (d *Directory) noted(who, what string, whom Admin, about string) Change {
	return Change{Note: &Note{Time: d.now(), Who: who, What: what, Whom: whom.Name, About: about}}
}

// SetAdminPassword gives an admin a new password. The old one is worth nothing from
// then on. That it was somebody else who did is noted.
func (d *Directory) SetAdminPassword(ctx context.Context, name, who, password string) error {
	v, err := d.passwords.derive(ctx, password, nil)
	if err == nil {
		_, err = d.updateAdmin(ctx, name, func(_ *Snapshot, a Admin) ([]Change, error) {
			a.Password = v
			changes := []Change{{Admin: &a}}
			if who != a.Name {
				changes = append(changes, d.noted(who, NotePassword, a, ""))
			}
			return changes, nil
		})
	}
	if err != nil {
		return fmt.Errorf("directory: set password of admin %s: %w", name, err)
	}
	return nil
}

// RemoveAdmin removes an admin, but for the last operator who can log in (ErrLast), and notes
// it as who's doing.
func (d *Directory) RemoveAdmin(ctx context.Context, name, who string) error {
	_, err := d.updateAdmin(ctx, name, func(s *Snapshot, a Admin) ([]Change, error) {
		if a.standing() {
			if err := s.notLast(a); err != nil {
				return nil, err
			}
		}
		return []Change{{Admin: &a, Gone: true}, d.noted(who, NoteRemoved, a, a.may())}, nil
	})
	if err != nil {
		return fmt.Errorf("directory: remove admin %s: %w", name, err)
	}
	return nil
}

func (d *Directory) updateAdmin(ctx context.Context, name string, plan func(*Snapshot, Admin) ([]Change, error)) (*Snapshot, error) {
	return d.update(ctx, func(s *Snapshot) ([]Change, error) {
		a, ok := s.Admin(name)
		if !ok {
			return nil, ErrNoAdmin
		}
		return plan(s, a)
	})
}

// notLast fails where an admin is the only operator who can log in.
func (s *Snapshot) notLast(a Admin) error {
	for _, other := range s.Admins() {
		if other.ID != a.ID && other.standing() {
			return nil
		}
	}
	return ErrLast
}

// freeLogin says why an admin can't have a name: at one log-in form, a name is one
// person's.
func (s *Snapshot) freeLogin(name string) error {
	if _, ok := s.Admin(name); ok {
		return ErrExists
	}
	if !strings.Contains(name, "@") {
		return nil
	}
	if _, ok := s.Mailbox(s.canonical(mail.Path(name))); ok {
		return fmt.Errorf("%w, as a mailbox, whose owner logs in with it; take a name without @", ErrExists)
	}
	return nil
}

func (s *Snapshot) checkedAdmin(a Admin) ([]Change, error) {
	if a.State == "" {
		a.State = Active
	}
	if err := oneOf("role", a.Role, Operator, DomainAdmin, Helpdesk, Reader); err != nil {
		return nil, err
	}
	if err := oneOf("state", a.State, Active, Suspended); err != nil {
		return nil, err
	}
	if !language.MatchString(a.Language) {
		return nil, badLanguage(a.Language)
	}
	if err := s.checkAdminDomains(&a); err != nil {
		return nil, err
	}
	if err := checkAdminRights(&a); err != nil {
		return nil, err
	}
	return []Change{{Admin: &a}}, nil
}

// checkAdminDomains makes an admin's domains canonical: each once, by its own name.
func (s *Snapshot) checkAdminDomains(a *Admin) error {
	var names []string
	for _, given := range a.Domains {
		name, err := domainName(given)
		if err != nil {
			return err
		}
		dom, ok := s.Domain(name)
		if !ok {
			return fmt.Errorf("%w: %s; add the domain first", ErrNoDomain, name)
		}
		names = append(names, dom.Name)
	}
	slices.Sort(names)
	a.Domains = slices.Compact(names)
	switch n := len(a.Domains); {
	case a.Role == Operator && n > 0:
		return fmt.Errorf("%w: an operator looks after all domains; name none", ErrInvalid)
	case a.Role != Operator && (n == 0 || n > maxNames):
		return fmt.Errorf("%w: the role %s is for 1 to %d domains, not %d", ErrInvalid, a.Role, maxNames, n)
	}
	return nil
}

// maxRights bounds how many rights are chosen.
const maxRights = 64

var adminRight = regexp.MustCompile(`^[a-z]{1,20}(\.[a-z]{1,20})?$`)

// checkAdminRights puts an admin's rights in order, each once. Which there are is not known
// here; one that nobody knows gives nothing.
func checkAdminRights(a *Admin) error {
	a.Rights = slices.Compact(slices.Sorted(slices.Values(a.Rights))) // not in place: it may run again
	if a.Role == Operator && len(a.Rights) > 0 {
		return fmt.Errorf("%w: an operator may do everything; choose no rights", ErrInvalid)
	}
	if len(a.Rights) > maxRights {
		return fmt.Errorf("%w: %d rights; at most %d", ErrInvalid, len(a.Rights), maxRights)
	}
	for _, r := range a.Rights {
		if !adminRight.MatchString(r) {
			return fmt.Errorf("%w: right %q", ErrInvalid, r)
		}
	}
	return nil
}

// may says in few words what an admin may, for a Note.
func (a Admin) may() string {
	if len(a.Rights) == 0 {
		return string(a.Role)
	}
	return AboutText(string(a.Role) + ": " + strings.Join(a.Rights, ", "))
}

// domainsText names an admin's domains, for a Note.
func (a Admin) domainsText() string { return AboutText(strings.Join(a.Domains, ", ")) }

// adminsWithout takes a domain that is about to go from the admins who have it.
// Whoever has no other is in the way: without a domain he would be nothing, and
// he may not go unnoticed.
func (s *Snapshot) adminsWithout(domain string) ([]Change, error) {
	var changes []Change
	for a := range rows[Admin](s, admins, byDomain, named(domain)) {
		if len(a.Domains) == 1 {
			return nil, fmt.Errorf("%w: it is the only domain of admin %s; change or remove that one first", ErrInUse, a.Name)
		}
		a.Domains = slices.DeleteFunc(slices.Clone(a.Domains), func(d string) bool { return d == domain })
		changes = append(changes, Change{Admin: &a})
	}
	return changes, nil
}
