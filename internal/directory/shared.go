package directory

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// Traps and frauds are what the node knows of everybody's mail: their entries are
// global, and name addresses and domains only.

// FindTrap returns the entry of the list Trap for a forward-path: for the address, with
// and without its tag, its domain, or one above. Of a domain of ours all names count.
//
// What somebody has is no trap, whatever the list says: an address of a mailbox, an
// alias or a list, and postmaster@ and abuse@ (RFC 5321 §4.5.1, RFC 2142) unless they are
// listed themselves.
func (s *Snapshot) FindTrap(rcpt mail.Path) (Entry, bool) {
	if rcpt.IsNull() {
		return Entry{}, false
	}
	as := rcpt.Fold()
	for _, a := range []mail.Path{as, s.canonical(as)} {
		e, ok := s.shared(trapped, addressed(a))
		if !ok {
			continue
		}
		if box, alias := s.holder(s.canonical(as)); box != nil || alias != nil {
			return Entry{}, false
		}
		return e, e.Kind == Address || !isRole(as)
	}
	return Entry{}, false
}

// FindFraud returns the entry of the list Fraud for a reverse-path or an author: for the
// address, its domain, or one above, in this order.
func (s *Snapshot) FindFraud(sender mail.Path) (Entry, bool) {
	if sender.IsNull() {
		return Entry{}, false
	}
	return s.shared(frauds, spellings(sender.Fold()))
}

// shared returns the entry of the first of some values in a global list.
func (s *Snapshot) shared(list listNumber, values []string) (Entry, bool) {
	sc, ok := s.lists.scopes.get(Global)
	if !ok {
		return Entry{}, false
	}
	return s.named(Global, sc, list, false, values...)
}

// addressed is spellings, with the address without its tag behind the address.
func addressed(a mail.Path) []string {
	values := spellings(a)
	if base := a.Base(); base != a {
		values = append([]string{values[0], string(base)}, values[1:]...)
	}
	return values
}

// checkedShared refuses what the lists of traps and frauds have no place for.
func checkedShared(e Entry) error {
	if e.List != Trap && e.List != Fraud {
		return nil
	}
	if e.Scope != Global {
		return fmt.Errorf("%w: the list %s holds for all mail; an entry has no scope", ErrInvalid, e.List)
	}
	switch e.Kind {
	case Address, DomainName, Subdomain:
		return nil
	}
	return fmt.Errorf("%w: the list %s takes addresses and domains; %s is of kind %s", ErrInvalid, e.List, e.Value, e.Kind)
}

// domainsOf returns our domains that an entry of kind DomainName or Subdomain is about.
func (s *Snapshot) domainsOf(e Entry) []Domain {
	if e.Kind == Subdomain {
		return slices.DeleteFunc(s.Domains(), func(d Domain) bool { return !strings.HasSuffix(d.Name, e.Value) })
	}
	if d, ok := s.Domain(e.Value); ok {
		return []Domain{d}
	}
	return nil
}

// admits refuses a new entry that the directory has no place for: one for a scope that is
// not there, a network that is too wide, or a trap that somebody uses or that mail never
// comes to.
func (s *Snapshot) admits(e Entry) error {
	if err := s.scopeExists(e.Scope); err != nil {
		return err
	}
	if err := notTooWide(e); err != nil || e.List != Trap {
		return err
	}
	if e.Kind == Address {
		domain := mail.Path(e.Value).Domain()
		if _, ok := s.Domain(domain); !ok {
			return fmt.Errorf("%w: %s is no domain of ours, so nobody can write to %s here", ErrInvalid, domain, e.Value)
		}
		if box, alias := s.holder(s.canonical(mail.Path(e.Value))); box != nil || alias != nil {
			return fmt.Errorf("%w: %s is somebody's address; who writes to it is no spammer for that", ErrInUse, e.Value)
		}
		return nil
	}
	ours := s.domainsOf(e)
	if len(ours) == 0 {
		return fmt.Errorf("%w: %s is no domain of ours, nor has one below it, so nobody can write to it here", ErrInvalid, e.Value)
	}
	for _, d := range ours {
		for m := range s.Mailboxes(d.Name) {
			return fmt.Errorf("%w: %s has mailboxes, such as %s; list addresses of it", ErrInUse, d.Name, m.Address)
		}
	}
	return nil
}
