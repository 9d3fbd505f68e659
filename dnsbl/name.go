package dnsbl

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"gatepost/internal/mail"
)

// AddrName returns the name by which a list is asked about an address: the octets
// of an IPv4 address, or the nibbles of an IPv6 one, in reverse order before the
// zone (RFC 5782 §2.1, §2.4).
func AddrName(a netip.Addr, zone string) string {
	if a = mail.Unmap(a); a.Is4() {
		b := a.As4()
		return fmt.Sprintf("%d.%d.%d.%d.%s", b[3], b[2], b[1], b[0], zone)
	}
	b := a.As16()
	digits := hex.EncodeToString(b[:])
	var name strings.Builder
	for i := len(digits) - 1; i >= 0; i-- {
		name.WriteByte(digits[i])
		name.WriteByte('.')
	}
	return name.String() + zone
}

// DomainName returns the name by which a list is asked about a domain (RFC 5782
// §2.3).
func DomainName(domain, zone string) string {
	return strings.ToLower(strings.TrimSuffix(domain, ".")) + "." + zone
}
