package directory

import (
	"fmt"
	"net/netip"

	"gatepost/internal/mail"
)

// Precedence says in which order entries count, for people. It is that of FindClient,
// FindSender, FindFrom and FindAuthor.
const Precedence = "a mailbox's entries before its domain's, those before everybody's; in the same scope allow before block; in the same list the narrowest value"

// ClientEntries returns all entries that match a client for mail to rcpt, in the order in
// which they count: the first is FindClient's, and outranks the others.
func (s *Snapshot) ClientEntries(client netip.Addr, rcpt mail.Path) []Entry {
	client = mail.Unmap(client)
	if !client.IsValid() {
		return nil
	}
	return s.applying(rcpt, func(in Scope, sc scope, list listNumber) []Entry {
		return s.networks(in, sc, list, netip.PrefixFrom(client, client.BitLen()))
	})
}

// SenderEntries is ClientEntries for a reverse-path, with entries that name both the
// sender and the client's network, where that is valid.
func (s *Snapshot) SenderEntries(sender mail.Path, client netip.Addr, rcpt mail.Path) []Entry {
	if sender.IsNull() {
		return nil
	}
	values := spellings(sender.Fold())
	if v := FromValue(sender, client); v != "" {
		values = append([]string{v}, values...)
	}
	return s.applying(rcpt, func(in Scope, sc scope, list listNumber) []Entry {
		return s.namedAll(in, sc, list, false, values)
	})
}

// AuthorEntries is ClientEntries for an author of the header.
func (s *Snapshot) AuthorEntries(author, rcpt mail.Path) []Entry {
	if author.IsNull() {
		return nil
	}
	return s.applying(rcpt, func(in Scope, sc scope, list listNumber) []Entry {
		return s.namedAll(in, sc, list, true, spellings(author.Fold()))
	})
}

func (s *Snapshot) applying(rcpt mail.Path, ask func(Scope, scope, listNumber) []Entry) (all []Entry) {
	for _, in := range s.scopesOf(rcpt) {
		if sc, ok := s.lists.scopes.get(in); ok {
			all = append(append(all, ask(in, sc, allowed)...), ask(in, sc, blocked)...)
		}
	}
	return all
}

// networks returns the live entries of networks that p is within, the longest first.
func (s *Snapshot) networks(in Scope, sc scope, list listNumber, p netip.Prefix) (found []Entry) {
	var room [keyRoom]byte
	for _, l := range sc.lengths {
		if l.list != list || l.v6 != p.Addr().Is6() || int(l.bits) > p.Bits() {
			continue
		}
		network := netip.PrefixFrom(p.Addr(), int(l.bits)).Masked()
		if r, ok := s.lists.refs.get(netKey(room[:0], network, sc.number, list)); ok && s.live(r) {
			found = append(found, entry(r, list, Network, networkText(network), in))
		}
	}
	return found
}

// namedAll returns the live entries that some values have in a scope's list.
func (s *Snapshot) namedAll(in Scope, sc scope, list listNumber, author bool, values []string) (found []Entry) {
	for _, v := range values {
		if e, ok := s.named(in, sc, list, author, v); ok {
			found = append(found, e)
		}
	}
	return found
}

// Outranking returns an entry that allows all that e would block, in the same scope and
// for as long: e can never count then.
func (s *Snapshot) Outranking(e Entry) (Entry, bool) {
	sc, ok := s.lists.scopes.get(e.Scope)
	if !ok || e.List != Block {
		return Entry{}, false
	}
	var over []Entry
	if p, ok := parseNetwork(e.Value); ok && e.Kind == Network {
		over = s.networks(e.Scope, sc, allowed, p)
	} else {
		over = s.namedAll(e.Scope, sc, allowed, e.Kind == Author, covering(e))
	}
	for _, o := range over {
		if o.Expires.IsZero() || !e.Expires.IsZero() && !o.Expires.Before(e.Expires) {
			return o, true
		}
	}
	return Entry{}, false
}

// covering returns the values of entries that match whatever e matches, by name.
func covering(e Entry) []string {
	value := e.Value
	address, _, from := cutFrom(value)
	switch {
	case from:
		return append([]string{value}, spellings(mail.Path(address))...)
	case value[0] == '.': // that below it, too, but not the domain itself
		return spellings(mail.Path("@x" + value))[2:]
	case kindOf(false, value) == DomainName:
		return spellings(mail.Path("@" + value))[1:]
	}
	return spellings(mail.Path(value))
}

// counts refuses an entry that can never count.
func (s *Snapshot) counts(e Entry) error {
	if by, ok := s.Outranking(e); ok {
		return fmt.Errorf("%w: entry %d allows %s in the same scope (%s), and allow counts before block; remove that one, or block for a narrower scope",
			ErrOutranked, by.ID, by.Value, e.Scope)
	}
	return nil
}
