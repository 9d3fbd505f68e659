package directory

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// An Entry is one line of a list.
//
// What a Snapshot finds has ID, List, Kind, Value, Scope and Expires; the rest is
// for people and comes from Directory.Entries.
type Entry struct {
	ID      int64     `json:"id"`
	List    List      `json:"list"`
	Kind    Kind      `json:"kind"`
	Value   string    `json:"value"` // canonical, see ParseValue
	Scope   Scope     `json:"scope"`
	Origin  string    `json:"origin"` // "admin", "owner", "challenge" …
	Note    string    `json:"note"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Hits    int64     `json:"hits"`
	LastHit time.Time `json:"last_hit,omitzero"`
}

// A List is one of four.
type List string

// Lists.
const (
	Allow List = "allow"
	Block List = "block"
	Trap  List = "trap"  // addresses of ours that nobody uses: a forward-path; see FindTrap
	Fraud List = "fraud" // senders who were reported for fraud; see FindFraud
)

// Lists returns all lists.
func Lists() []List { return []List{Allow, Block, Trap, Fraud} }

// A Kind is what an entry's value is compared with.
type Kind string

// Kinds.
const (
	Network    Kind = "ip"        // the client: an address or network, "192.0.2.0/24"
	Address    Kind = "address"   // the reverse-path, exactly, whatever its case
	DomainName Kind = "domain"    // the reverse-path's domain, exactly
	Subdomain  Kind = "subdomain" // any domain below: ".example.net", which example.net itself is not
	Author     Kind = "author"    // the header's author, by any of the three forms above
	// AddressFrom is an address and the network from which its mail comes, of those whom
	// nothing authenticates: "ann@example.net from 192.0.2.0/24"; see FromValue.
	AddressFrom Kind = "address-from"
)

// A Scope says for whose mail an entry counts.
type Scope struct {
	Kind ScopeKind `json:"kind"`
	Name string    `json:"name"` // the domain's, or the mailbox's address; "" for all
}

// A ScopeKind is how wide a scope is.
type ScopeKind string

// Scope kinds, from the widest to the narrowest.
const (
	GlobalScope  ScopeKind = "global"
	DomainScope  ScopeKind = "domain"
	MailboxScope ScopeKind = "mailbox"
)

// Global is the scope of all mail.
var Global = Scope{Kind: GlobalScope}

// ParseScope reads "" or "global", a domain's name or a mailbox's address.
func ParseScope(s string) (Scope, error) {
	switch {
	case s == "" || s == string(GlobalScope):
		return Global, nil
	case strings.Contains(s, "@"):
		a, err := ownAddress(mail.Path(s))
		return Scope{MailboxScope, string(a)}, err
	}
	name, err := domainName(s)
	return Scope{DomainScope, name}, err
}

// Domain returns the name of the domain that a scope is within, "" for all.
func (s Scope) Domain() string {
	if s.Kind == MailboxScope {
		return mail.Path(s.Name).Domain()
	}
	return s.Name
}

// String returns what ParseScope reads.
func (s Scope) String() string {
	if s.Kind == GlobalScope {
		return string(GlobalScope)
	}
	return s.Name
}

// A Key is what makes an entry unique.
type Key struct {
	List   List
	Author bool
	Value  string
	Scope  Scope
}

// Key returns the entry's key.
func (e Entry) Key() Key {
	return Key{List: e.List, Author: e.Kind == Author, Value: e.Value, Scope: e.Scope}
}

// kindOf returns the kind that a canonical value has by its form.
func kindOf(author bool, value string) Kind {
	switch {
	case author:
		return Author
	case isFrom(value):
		return AddressFrom
	case strings.Contains(value, "@"):
		return Address
	case value[0] == '.':
		return Subdomain
	}
	if _, ok := parseNetwork(value); ok {
		return Network
	}
	return DomainName
}

// ParseValue returns a value in the form in which entries are kept and its kind.
// kind may be "" for what the form says: a network, an address, an address from a
// network, a domain or, with a dot before it, what is below one. Author must be asked
// for.
func ParseValue(kind Kind, s string) (string, Kind, error) {
	s = strings.TrimSpace(s)
	if err := oneOf("kind", kind, "", Network, Address, DomainName, Subdomain, Author, AddressFrom); err != nil {
		return "", "", err
	}
	if s == "" {
		return "", "", fmt.Errorf("%w: the value is missing", ErrInvalid)
	}
	value, err := canonicalValue(s, kind)
	if err != nil {
		return "", "", err
	}
	found := kindOf(kind == Author, value)
	switch {
	case kind != "" && kind != found:
		return "", "", fmt.Errorf("%w: %s is of kind %s, not %s", ErrInvalid, value, found, kind)
	case kind == Author && kindOf(false, value) == Network:
		return "", "", fmt.Errorf("%w: %s is a network; an author is an address or a domain", ErrInvalid, value)
	case kind == Author && isFrom(value):
		return "", "", fmt.Errorf("%w: %s names a network; an author is an address or a domain", ErrInvalid, value)
	}
	return value, found, nil
}

func canonicalValue(s string, kind Kind) (string, error) {
	if address, network, ok := cutFrom(s); ok {
		return canonicalFrom(address, network)
	}
	looksLikeNetwork := strings.ContainsAny(s, ":/")
	if _, err := netip.ParseAddr(s); err == nil {
		looksLikeNetwork = true
	}
	switch {
	case kind == Network, looksLikeNetwork && !strings.Contains(s, "@"):
		return canonicalNetwork(s)
	case strings.Contains(s, "@"):
		a, err := ownAddress(mail.Path(s))
		return string(a), err
	case s[0] == '.':
		name, err := domainName(s[1:])
		return "." + name, err
	}
	return domainName(s)
}

// canonicalNetwork returns an address, or a network with its length. IPv4 that is
// written as IPv6 is IPv4, as it is in mail.Client.
func canonicalNetwork(s string) (string, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return "", fmt.Errorf("%w: %q is not an IP address", ErrInvalid, s)
		}
		return mail.Unmap(a).String(), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", fmt.Errorf("%w: %q is not a network; write it like 192.0.2.0/24 or 2001:db8::/32", ErrInvalid, s)
	}
	if p != p.Masked() {
		return "", fmt.Errorf("%w: %s is an address inside a network; write %s for the network, or %s for the address",
			ErrInvalid, s, p.Masked(), p.Addr())
	}
	return networkText(mail.UnmapPrefix(p)), nil
}

// The widest networks that an entry may have, in bits: a slip of the hand must neither
// refuse nor allow the mail of half the world. A /8 of IPv4 and a /16 of IPv6 are more
// than any one provider has.
const (
	widest4 = 8
	widest6 = 16
)

// notTooWide refuses an entry of a network that is wider than these, in any scope.
func notTooWide(e Entry) error {
	if e.Kind != Network {
		return nil
	}
	p, ok := parseNetwork(e.Value)
	if !ok {
		return nil // never: the value is canonical
	}
	widest := widest4
	if p.Addr().Is6() {
		widest = widest6
	}
	if p.Bits() < widest {
		return fmt.Errorf("%w: %s is too wide; /%d is the widest network that a list takes", ErrInvalid, e.Value, widest)
	}
	return nil
}

// noPattern refuses a value with an asterisk, which would count as itself and never
// match. It is for what people write: an address may have one (RFC 5321 §4.1.2, atext),
// and who means it puts the local part into quotes.
func noPattern(s string) error {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "*") || strings.HasPrefix(s, `"`) {
		return nil
	}
	name := strings.TrimLeft(s[strings.LastIndexByte(s, '@')+1:], "*.")
	if domain, err := domainName(name); err == nil {
		return fmt.Errorf("%w: %q: no * stands for anything; write %s for the domain, or .%s for what is below it", ErrInvalid, s, domain, domain)
	}
	return fmt.Errorf("%w: %q: no * stands for anything; write example.net for a domain, .example.net for what is below it, or 192.0.2.0/24 for a network",
		ErrInvalid, s)
}

// networkText writes a network of one address as that address.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// parseNetwork reads a canonical network.
func parseNetwork(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}
