package link

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"gatepost/internal/mail"
)

// hosts maps names as browsers do (UTS #46, not transitional), and lets names pass that the
// DNS carries though they break a rule, such as those with an underscore.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))

// MaxHost is the length of the longest host, in octets (RFC 1035 §2.3.4).
const (
	MaxHost  = 253
	maxLabel = 63
)

// setHost brings a host into the DNS's form (WHATWG URL standard, "host parser"), notes what
// was odd about it, and reports whether it can be one.
func (u *URL) setHost(s string) bool {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		a, err := netip.ParseAddr(s[1 : len(s)-1])
		if err != nil || a.Is4() || a.Zone() != "" {
			return false
		}
		u.setAddr(mail.Unmap(a))
		return true
	}
	if strings.Contains(s, "%") {
		text, whole := unescape(s)
		if s = text; !whole {
			return false
		}
		u.Quirks |= Escaped
	}
	if len(s) > 4*MaxHost {
		return false
	}
	host, quirks := ascii(s)
	u.Quirks |= quirks
	if host = strings.Trim(host, "."); !isHost(host) {
		return false
	}
	if endsInNumber(host) {
		a, plain, ok := parseIPv4(host)
		if !plain {
			u.Quirks |= Numeric
		}
		if ok {
			u.setAddr(a)
		}
		return ok
	}
	u.Host = host
	return true
}

func (u *URL) setAddr(a netip.Addr) { u.Addr, u.Host = a, a.String() }

// ascii returns a host in the DNS's form, as far as it can be brought there.
func ascii(s string) (host string, quirks Quirks) {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < utf8.RuneSelf
	}
	if plain && !hasPunycode(s) {
		return strings.ToLower(s), 0
	}
	s, quirks = unfold(s)
	host, _ = hosts.ToASCII(s) // with an error it returns what it could do; isHost judges that
	if hasPunycode(host) {
		quirks |= Foreign
	}
	return host, quirks
}

// unfold makes dots of what is taken for one, leaves out what shows nothing, and notes
// that, and what UTS #46 will fold.
func unfold(s string) (string, Quirks) {
	var quirks Quirks
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 0x3002 || r == 0xff0e || r == 0xff61 || r == 0x2024:
			quirks |= OddDots
			return '.'
		case r >= utf8.RuneSelf && isInvisible(r):
			quirks |= Invisible
			return -1
		}
		return r
	}, s)
	if !norm.NFKC.IsNormalString(s) && !norm.NFKC.IsNormalString(norm.NFC.String(s)) {
		quirks |= Folded
	}
	return s, quirks
}

// isInvisible reports whether a character shows nothing.
func isInvisible(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return false
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800: // joiner and fillers
		return true
	case 0x180b <= r && r <= 0x180f, 0xfe00 <= r && r <= 0xfe0f, 0xe0100 <= r && r <= 0xe01ef: // variation selectors
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// hasPunycode reports whether a label begins with "xn--", in either case.
func hasPunycode(s string) bool {
	for i := 0; i+4 <= len(s); i++ {
		if s[i+2] == '-' && (i == 0 || s[i-1] == '.') && strings.EqualFold(s[i:i+4], "xn--") {
			return true
		}
	}
	return false
}

// isHost reports whether a name in the DNS's form can be a host: labels of legal length, no
// character that ends or splits a host elsewhere ("forbidden domain code points").
func isHost(s string) bool {
	if s == "" || len(s) > MaxHost {
		return false
	}
	label := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && label == 0:
			return false
		case c == '.':
			label = 0
			continue
		case isLetter(c), isDigit(c), c == '-':
		case c <= ' ' || c >= 0x7f || strings.IndexByte(`"#%/:<>?@[\]^|`+"`{}", c) >= 0:
			return false
		}
		if label++; label > maxLabel {
			return false
		}
	}
	return label > 0
}

// endsInNumber reports whether a host's last label is a number, so that browsers take all of
// it for an IPv4 address or refuse it.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last != "" && !isDigit(last[0]) {
		return false
	}
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	_, _, ok := number(last)
	return ok
}

// parseIPv4 reads an IPv4 address of one to four numbers, decimal, octal ("0177") or
// hexadecimal ("0x7f"), the last of which fills the rest. plain: it is written as four
// decimal ones.
func parseIPv4(host string) (a netip.Addr, plain, ok bool) {
	labels := strings.Split(host, ".")
	if len(labels) > 4 {
		return a, false, false
	}
	plain = len(labels) == 4
	var all uint64
	for i, label := range labels {
		n, decimal, ok := number(label)
		room := uint64(1) << 8
		if i == len(labels)-1 {
			room = 1 << (8 * (5 - len(labels)))
		}
		if !ok || n >= room {
			return a, false, false
		}
		all = all*room + n
		plain = plain && decimal
	}
	return netip.AddrFrom4([4]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), plain, true
}

// number reads one number of an IPv4 address.
func number(s string) (n uint64, decimal, ok bool) {
	base := 10
	switch {
	case len(s) >= 2 && s[0] == '0' && s[1]|0x20 == 'x':
		s, base = s[2:], 16
	case len(s) >= 2 && s[0] == '0':
		s, base = s[1:], 8
	}
	if s == "" {
		return 0, false, base == 16
	}
	n, err := strconv.ParseUint(s, base, 33)
	return n, base == 10, err == nil && s[0] != '+'
}
