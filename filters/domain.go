package filters

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"gatepost/internal/mail"
)

// organisation returns the organisational domain of a name: the public suffix and
// one label more ("example.co.uk" of "mail.example.co.uk"). A name that is a public
// suffix itself stands for itself.
func organisation(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if d, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return d
	}
	return name
}

// aligned reports whether two names belong to one organisation (RFC 7489 §3.1,
// relaxed).
func aligned(a, b string) bool {
	return a != "" && organisation(a) == organisation(b)
}

// isName reports whether s is a name that the DNS could know as somebody's domain:
// more than one label, each of legal length, and no address literal (RFC 7208 §4.3).
func isName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 || s[0] == '[' || !strings.Contains(s, ".") {
		return false
	}
	if last := s[len(s)-1]; '0' <= last && last <= '9' || strings.IndexByte(s, ':') >= 0 { // else it is no address, and an error is made for nothing
		if _, err := netip.ParseAddr(s); err == nil {
			return false
		}
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}

// isLocal reports whether an address means something only here, so that nobody
// outside can know it: loopback, private, link-local, shared (RFC 6598).
func isLocal(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
	return !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || shared.Contains(a)
}

// literalAddr reads an address literal, "[192.0.2.7]" or "[IPv6:2001:db8::7]" (RFC 5321
// §4.1.3). IPv4 that is written as IPv6 is IPv4.
func literalAddr(s string) (netip.Addr, bool) {
	if len(s) < 2 || s[0] != '[' {
		return netip.Addr{}, false
	}
	canonical, err := mail.ParseDomain(s)
	if err != nil {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(strings.TrimPrefix(canonical[1:len(canonical)-1], "IPv6:"))
	return mail.Unmap(a), err == nil
}
