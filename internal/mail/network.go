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

// hollow are further networks in which no server of the Internet is: this network (RFC 1122 §3.2.1.3), carriers' NAT (RFC 6598), protocols'
// own (RFC 6890), benchmarks (RFC 2544), multicast and what is reserved; and what carries an IPv4 address
// that may be any of these: IPv4-compatible, the local NAT64 prefix (RFC 8215), Teredo, 6to4.
var hollow = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("ff00::/8"),
}

// IsPublic reports whether an address is one of the Internet's, in whichever spelling.
func IsPublic(a netip.Addr) bool {
	if a = Unmap(a); !a.IsValid() || IsInside(netip.PrefixFrom(a, a.BitLen())) {
		return false
	}
	return !slices.ContainsFunc(hollow[:], func(p netip.Prefix) bool { return p.Contains(a) })
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
