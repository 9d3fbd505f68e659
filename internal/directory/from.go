package directory

import (
	"fmt"
	"net/netip"
	"strings"

	"gatepost/internal/mail"
)

// from stands in the value of an AddressFrom entry between the address and the network.
const from = " from "

// FromValue returns the value of the AddressFrom entry for a sender and the network
// of a client, or "" where there is no sender or no address. The network is the
// client's /24, or /64 of IPv6: what one provider gives to one site.
func FromValue(sender mail.Path, client netip.Addr) string {
	client = mail.Unmap(client)
	if sender.IsNull() || !client.IsValid() {
		return ""
	}
	network, err := client.Prefix(fromBits(client))
	if err != nil {
		return "" // never: the length fits the family
	}
	return string(sender.Fold()) + from + network.String()
}

func fromBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

// cutFrom parts a value of an AddressFrom entry, however it is spelled. An address may
// have " from " within quotes, but ends without a network.
func cutFrom(s string) (address, network string, ok bool) {
	at := strings.LastIndex(s, from)
	if at < 0 || strings.ContainsAny(s[at:], `"@`) {
		return "", "", false
	}
	return s[:at], strings.TrimSpace(s[at+len(from):]), true
}

// isFrom reports whether a canonical value is that of an AddressFrom entry.
func isFrom(value string) bool {
	_, _, ok := cutFrom(value)
	return ok
}

func canonicalFrom(address, network string) (string, error) {
	a, err := ownAddress(mail.Path(address))
	if err != nil {
		return "", err
	}
	p, err := netip.ParsePrefix(network)
	if err == nil {
		p = mail.UnmapPrefix(p)
	}
	if err != nil || p != p.Masked() || p.Bits() != fromBits(p.Addr()) {
		return "", fmt.Errorf("%w: %q is not a client network; write a /24 or, of IPv6, a /64, like 192.0.2.0/24 or 2001:db8::/64", ErrInvalid, network)
	}
	return string(a) + from + p.String(), nil
}

// FindFrom is FindSender where the client is known, too: entries that name both the
// sender and the client's network count beside those that name the sender alone.
//
// Of the latter only those that block are returned. Whom they allow has still to be
// authenticated, which is the caller's to find out with FindSender; here they only
// outrank what blocks in the same scope and in wider ones.
func (s *Snapshot) FindFrom(sender mail.Path, client netip.Addr, rcpt mail.Path) (Entry, bool) {
	return s.For(rcpt).FindFrom(sender, client)
}

// FindFrom is Snapshot.FindFrom.
func (f Scoped) FindFrom(sender mail.Path, client netip.Addr) (Entry, bool) {
	if len(f.scopes) == 0 {
		return Entry{}, false
	}
	s, value := f.s, FromValue(sender, client)
	if value == "" {
		return f.FindSender(sender)
	}
	values := spellings(sender.Fold())
	spared := false // an entry that allows the sender has outranked all further blocks
	return f.find(func(in Scope, sc scope, list listNumber) (Entry, bool) {
		if e, ok := s.named(in, sc, list, false, value); ok && (list == allowed || !spared) {
			return e, true
		}
		e, ok := s.named(in, sc, list, false, values...)
		spared = spared || ok && list == allowed
		return e, ok && list == blocked && !spared
	})
}
