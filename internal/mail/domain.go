package mail

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ParseDomain returns a domain in lower-case A-labels without a trailing dot,
// or an address literal in its canonical spelling (RFC 5321 §4.1.3).
func ParseDomain(s string) (string, error) {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return parseLiteral(s[1 : len(s)-1])
	}
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 || !utf8.ValidString(s) { // idna would make U+FFFD of what is not
		return "", fmt.Errorf("%w: domain %q", ErrPath, s)
	}
	if !isASCII(s) {
		a, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", fmt.Errorf("%w: domain %q: %w", ErrPath, s, err)
		}
		if s = strings.TrimSuffix(a, "."); len(s) > 253 { // "。" is a dot too
			return "", fmt.Errorf("%w: domain %q is too long", ErrPath, s)
		}
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return "", fmt.Errorf("%w: domain %q", ErrPath, s)
		}
	}
	return strings.ToLower(s), nil
}

// isLabel takes letters, digits, hyphens and, as met in real mail, underscores.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '-' && c != '_' && (c >= 0x80 || !isAtext(c) || strings.IndexByte("!#$%&'*+/=?^`{|}~", c) >= 0) {
			return false
		}
	}
	return true
}

func parseLiteral(s string) (string, error) {
	text := s
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		text = s[5:]
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is6() != (len(text) != len(s)) {
		return "", fmt.Errorf("%w: address literal [%s]", ErrPath, s)
	}
	if a.Is6() {
		return "[IPv6:" + a.String() + "]", nil
	}
	return "[" + a.String() + "]", nil
}

// ShownDomain is a domain as people write it, in U-labels (RFC 5890 §2.3.2.1), where
// ParseDomain makes the same of that again; name itself elsewhere.
func ShownDomain(name string) string {
	if !strings.Contains(name, "xn--") {
		return name
	}
	u, err := idna.Display.ToUnicode(name)
	if err != nil {
		return name
	}
	if again, err := ParseDomain(u); err != nil || again != name {
		return name
	}
	return u
}
