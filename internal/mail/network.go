package mail

import (
	"net/netip"
	"slices"
)

// inside are the networks that nobody reaches from elsewhere: this machine, private use (RFC 1918,
// RFC 4193), link-local.
var inside = [...]netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// IsInside reports whether all of a network is for private use, or this machine's.
func IsInside(p netip.Prefix) bool {
	return slices.ContainsFunc(inside[:], func(all netip.Prefix) bool { return all.Bits() <= p.Bits() && all.Contains(p.Addr()) })
}

// WidestNetwork is the length of the widest network of an address's family that one party may
// have: registries give out no more than an IPv4 /8 or an IPv6 /32 as a rule.
func WidestNetwork(a netip.Addr) int {
	if a.Is4() {
		return 8
	}
	return 32
}

// IsEverybodys reports whether a network is so wide that strangers are in it, whoever wrote it: it
// names nobody. Where no stranger's connection comes from (see IsInside) any width is fine.
func IsEverybodys(p netip.Prefix) bool {
	return !IsInside(p) && p.Bits() < WidestNetwork(p.Addr())
}
