package directory

import (
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// FindClient returns the entry that decides about a client for mail to rcpt, or
// to nobody in particular where rcpt is null: then only global entries count.
//
// The narrower scope outranks the wider: mailbox, domain, global. In one scope
// allow outranks block, whichever network is longer; in one list the longest
// network is named. Expired entries don't count. A mailbox's entries hold for all
// addresses that lead to it alone.
func (s *Snapshot) FindClient(client netip.Addr, rcpt mail.Path) (Entry, bool) {
	return s.For(rcpt).FindClient(client)
}

// FindSender is FindClient for a reverse-path: by address, by domain, by a domain
// above it, in this order. Nothing is found for the null path.
func (s *Snapshot) FindSender(sender, rcpt mail.Path) (Entry, bool) {
	return s.For(rcpt).FindSender(sender)
}

// FindAuthor is FindSender for the header's author, among entries of kind Author.
func (s *Snapshot) FindAuthor(author, rcpt mail.Path) (Entry, bool) {
	return s.For(rcpt).FindAuthor(author)
}

// HasAuthors reports whether the list has an entry of kind Author, or, in the list
// Fraud, any, for mail to rcpt, expired ones included: whether it is worth waiting for the header.
func (s *Snapshot) HasAuthors(rcpt mail.Path, list List) bool { return s.For(rcpt).HasAuthors(list) }

// A Scoped is the part of a snapshot's lists that mail to one recipient meets. Who asks
// several times about one recipient asks it, which spares finding out each time whose
// mailbox that is.
type Scoped struct {
	s      *Snapshot
	scopes []scoped
}

// scoped is a scope that has entries.
type scoped struct {
	in Scope
	sc scope
}

// For returns the lists as mail to rcpt meets them; those that are global where it is null.
func (s *Snapshot) For(rcpt mail.Path) Scoped {
	found := Scoped{s: s}
	if s.lists.empty() {
		return found
	}
	for _, in := range s.scopesOf(rcpt) {
		if sc, ok := s.lists.scopes.get(in); ok {
			found.scopes = append(found.scopes, scoped{in, sc})
		}
	}
	return found
}

// FindClient is Snapshot.FindClient.
func (f Scoped) FindClient(client netip.Addr) (Entry, bool) {
	client = mail.Unmap(client)
	if !client.IsValid() {
		return Entry{}, false
	}
	s := f.s
	var room [keyRoom]byte
	return f.find(func(in Scope, sc scope, list listNumber) (Entry, bool) {
		for _, l := range sc.lengths {
			if l.list != list || l.v6 != client.Is6() {
				continue
			}
			network, err := client.Prefix(int(l.bits))
			if err != nil {
				continue // never: the length fits the family
			}
			if r, ok := s.lists.refs.get(netKey(room[:0], network, sc.number, list)); ok && s.live(r) {
				return entry(r, list, Network, networkText(network), in), true
			}
		}
		return Entry{}, false
	})
}

// FindSender is Snapshot.FindSender.
func (f Scoped) FindSender(sender mail.Path) (Entry, bool) { return f.findName(sender, false) }

// FindAuthor is Snapshot.FindAuthor.
func (f Scoped) FindAuthor(author mail.Path) (Entry, bool) { return f.findName(author, true) }

// HasAuthors is Snapshot.HasAuthors.
func (f Scoped) HasAuthors(list List) bool {
	for _, g := range f.scopes {
		if g.sc.authors[list.number()] > 0 {
			return true
		}
	}
	return false
}

func (f Scoped) findName(who mail.Path, author bool) (Entry, bool) {
	if who.IsNull() || len(f.scopes) == 0 {
		return Entry{}, false
	}
	values := spellings(who.Fold())
	return f.find(func(in Scope, sc scope, list listNumber) (Entry, bool) {
		return f.s.named(in, sc, list, author, values...)
	})
}

// named returns the entry of the first of some values that has one in a scope's list.
func (s *Snapshot) named(in Scope, sc scope, list listNumber, author bool, values ...string) (Entry, bool) {
	if sc.names == 0 {
		return Entry{}, false
	}
	var room [keyRoom]byte
	for _, v := range values {
		if r, ok := s.lists.refs.get(nameKey(room[:0], v, sc.number, list, author)); ok && s.live(r) {
			return entry(r, list, kindOf(author, v), v, in), true
		}
	}
	return Entry{}, false
}

// spellings returns the values that match an address, the narrowest first.
func spellings(a mail.Path) []string {
	domain := a.Domain()
	all := make([]string, 0, 2+strings.Count(domain, "."))
	all = append(all, string(a), domain)
	for dot := strings.IndexByte(domain, '.'); dot >= 0; dot = strings.IndexByte(domain, '.') {
		all = append(all, domain[dot:])
		domain = domain[dot+1:]
	}
	return all
}

// find asks each scope, the narrowest first, for an allow and then for a block entry.
func (f Scoped) find(ask func(Scope, scope, listNumber) (Entry, bool)) (Entry, bool) {
	for _, g := range f.scopes {
		for _, list := range [...]listNumber{allowed, blocked} {
			if e, ok := ask(g.in, g.sc, list); ok {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// scopesOf returns the scopes whose entries count for mail to rcpt, the narrowest
// first.
func (s *Snapshot) scopesOf(rcpt mail.Path) []Scope {
	if rcpt.IsNull() {
		return []Scope{Global}
	}
	rcpt = s.canonical(rcpt)
	scopes := []Scope{{DomainScope, rcpt.Domain()}, Global}
	if s.lists.boxes == 0 { // spares finding out whose mailbox it is
		return scopes
	}
	box, alias := s.holder(rcpt.Fold())
	switch {
	case box != nil: // whoever gets copies
		return append([]Scope{{MailboxScope, string(box.Address)}}, scopes...)
	case alias != nil && alias.Kind == Distribution: // is nobody's own, and may be long
		return scopes
	}
	if r, err := s.resolved(rcpt.Fold()); err == nil && len(r.Boxes) == 1 {
		scopes = append([]Scope{{MailboxScope, string(r.Boxes[0].Address)}}, scopes...)
	}
	return scopes
}

func (s *Snapshot) live(r ref) bool { return r.expires == 0 || s.now().UnixMicro() < r.expires }

func entry(r ref, list listNumber, kind Kind, value string, in Scope) Entry {
	e := Entry{ID: r.id, List: list.list(), Kind: kind, Value: value, Scope: in}
	if r.expires != 0 {
		e.Expires = time.UnixMicro(r.expires).UTC()
	}
	return e
}
