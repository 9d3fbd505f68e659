package directory

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"gatepost/internal/mail"
)

// An AddressList is whom the owners of a domain's mailboxes see of each other. None of them is ever shown one of another
// domain.
type AddressList string

// Whom they see.
const (
	ListNobody AddressList = ""       // nobody; also said "off"
	ListGroups AddressList = "groups" // who is in a group with them
	ListDomain AddressList = "domain" // all of the domain
)

func checkAddressList(dom *Domain) error {
	if dom.AddressList == "off" {
		dom.AddressList = ListNobody
	}
	if dom.AddressList == ListNobody {
		return nil
	}
	return oneOf("address list", dom.AddressList, "off", ListGroups, ListDomain)
}

// MaxPersonName bounds the name of a mailbox, in octets.
const MaxPersonName = 200

// checkPersonName makes a mailbox's name one line of what can be seen.
func checkPersonName(m *Mailbox) error {
	if !utf8.ValidString(m.Name) {
		return fmt.Errorf("%w: the name is not UTF-8", ErrInvalid)
	}
	m.Name = norm.NFC.String(strings.Join(strings.Fields(m.Name), " "))
	if len(m.Name) > MaxPersonName {
		return fmt.Errorf("%w: the name has %d octets; at most %d", ErrInvalid, len(m.Name), MaxPersonName)
	}
	if at := strings.IndexFunc(m.Name, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 {
		return fmt.Errorf("%w: the name %q has a character that can't be seen", ErrInvalid, m.Name)
	}
	return nil
}

// Listed reports whether a mailbox may stand in an address list: it is in use, not locked, and not hidden.
func (m Mailbox) Listed() bool { return m.State == Active && !m.Locked && !m.Unlisted }

// An AddressQuery asks for a part of a domain's address list.
type AddressQuery struct {
	Domain string
	Search string             // words, each of which stands in the name or the address; case and accents don't count
	In     func(Mailbox) bool // nil: all of the domain
	After  mail.Path          // the last address of the part before; null: from the beginning
	Limit  int
}

// Addresses returns the listed mailboxes that a query asks for, by address. It looks at each mailbox of the domain once and
// holds no more addresses than twice Limit, so that no index has to be kept for a page that few ask for.
func (s *Snapshot) Addresses(q AddressQuery) []Mailbox {
	words, found := strings.Fields(plain(q.Search)), firsts{most: q.Limit} // not the rows: to copy those costs more than to find the last ones again
	for m := range s.Mailboxes(q.Domain) {
		if m.Address > q.After && found.wants(m.Address) && m.Listed() && m.hasWords(words) && (q.In == nil || q.In(m)) {
			found.add(m.Address)
		}
	}
	addresses := found.done()
	list := make([]Mailbox, len(addresses))
	for i, address := range addresses {
		list[i], _ = s.Mailbox(address)
	}
	return list
}

func (m Mailbox) hasWords(words []string) bool {
	if len(words) == 0 {
		return true
	}
	name, address := plain(m.Name), plain(m.Address.Shown())
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) && !strings.Contains(address, w) })
}

// plain is a text without case and accents.
func plain(s string) string {
	s = strings.ToLower(s)
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
}
