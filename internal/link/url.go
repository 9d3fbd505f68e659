package link

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// MaxURL is how much of an address is read, in octets; what is longer is cut there, and so is
// what a redirector's address holds behind it.
const MaxURL = 4 << 10

// A URL is an address, read as browsers read it.
type URL struct {
	Scheme   string // lower case: "http", "mailto", "data"; of an address without one "http"
	User     string // what stands before the host and an "@", as written; of mailto the local part
	Host     string // in the DNS's form: lower case, "xn--" for other alphabets, no dot at its end; "" where the scheme has none
	Addr     netip.Addr
	Port     string // as written, "" where none
	Path     string // from its first slash on, backslashes as slashes; of a scheme without hosts all that follows it
	Query    string // without its "?"
	Fragment string // without its "#"
	Quirks   Quirks
}

// Quirks are the ways in which an address is written as no honest program would.
type Quirks uint16

// The quirks.
const (
	NoScheme   Quirks = 1 << iota // "//host/" or "www.host"
	Broken                        // tabs or line ends inside
	Backslash                     // before the host
	Password                      // something before the host and an "@"
	Escaped                       // the host has percent signs
	Invisible                     // the host has characters that show nothing
	OddDots                       // the host has dots that are none: U+3002, U+FF0E, U+FF61, U+2024
	Folded                        // the host has letters that stand for others: full width, in circles
	Numeric                       // an IPv4 address as one number, in octal or hexadecimal
	Foreign                       // a label of the host is in another alphabet, "xn--" or not
	Unreadable                    // the port is no number
)

// Has reports whether any of the quirks in r is among q.
func (q Quirks) Has(r Quirks) bool { return q&r != 0 }

// Names returns the quirks in words.
func (q Quirks) Names() (list []string) {
	for i, name := range []string{
		"no scheme", "line ends inside", "backslashes", "user-info", "percent signs", "invisible characters",
		"odd dots", "letters that stand for others", "an address as numbers", "other alphabet", "unreadable port",
	} {
		if q.Has(1 << i) {
			list = append(list, name)
		}
	}
	return list
}

// String returns the address in one plain form: the host as the DNS has it, without the
// quirks. Two addresses of one form lead to the same place.
func (u URL) String() string {
	var b strings.Builder
	b.WriteString(u.Scheme)
	b.WriteByte(':')
	if isWeb(u.Scheme) {
		b.WriteString("//")
	}
	if u.User != "" {
		b.WriteString(u.User + "@")
	}
	if u.Addr.Is6() {
		b.WriteString("[" + u.Host + "]")
	} else {
		b.WriteString(u.Host)
	}
	if u.Port != "" {
		b.WriteString(":" + u.Port)
	}
	b.WriteString(u.Path)
	if u.Query != "" {
		b.WriteString("?" + u.Query)
	}
	if u.Fragment != "" {
		b.WriteString("#" + u.Fragment)
	}
	return b.String()
}

// IsWeb reports whether a click would open the address in a browser, at a host.
func (u URL) IsWeb() bool { return isWeb(u.Scheme) && u.Host != "" }

func isWeb(scheme string) bool {
	switch scheme {
	case "http", "https", "ftp", "ws", "wss":
		return true
	}
	return false
}

// Parse reads an address as browsers do (WHATWG URL standard, "basic URL parser"), and one
// without a scheme as mail programs do that make a link of it. It is not ok where no
// click leads anywhere: relative addresses, a host that can't be one.
func Parse(s string) (u URL, ok bool) {
	ok = u.parse(s, nil)
	return u, ok
}

// parse is Parse, with the domains of hosts that are known.
func (u *URL) parse(s string, d *Domains) bool {
	s = u.clean(s)
	scheme, rest := cutScheme(s)
	u.Scheme = scheme
	switch {
	case scheme == "":
		u.Scheme, u.Quirks = "http", u.Quirks|NoScheme
		if strings.HasPrefix(s, "//") || strings.HasPrefix(s, `\\`) {
			break
		}
		return s != "" && isHostByte(s[0]) && u.authority(s) && hasSuffix(u, d)
	case scheme == "mailto":
		return u.mailto(rest)
	case !isWeb(scheme) && !strings.HasPrefix(rest, "//"):
		u.Path = rest
		return true
	}
	trimmed := strings.TrimLeft(rest, `/\`)
	if strings.Contains(rest[:len(rest)-len(trimmed)], `\`) {
		u.Quirks |= Backslash
	}
	return u.authority(trimmed)
}

// clean leaves out what browsers ignore: white space and control characters around the
// address, tabs and line ends in it.
func (u *URL) clean(s string) string {
	if n := len(s); n == 0 || !isInk(s[0]) || !isInk(s[n-1]) {
		s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' || r == 0xa0 || isInvisible(r) })
	}
	if len(s) > MaxURL {
		s = strings.ToValidUTF8(s[:MaxURL], "")
	}
	if strings.IndexByte(s, '\t') < 0 && strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, '\n') < 0 {
		return s
	}
	u.Quirks |= Broken
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s)
}

// isInk reports whether an octet is a character of ASCII that shows something.
func isInk(c byte) bool { return ' ' < c && c < utf8.RuneSelf }

// cutScheme splits off a scheme, in lower case; "" where there is none. What has a dot
// in it, or a port behind it, is a host: nobody registered such a scheme.
func cutScheme(s string) (scheme, rest string) {
	for i := 0; i < len(s) && i <= maxScheme; i++ {
		switch c := s[i]; {
		case isLetter(c), i > 0 && (isDigit(c) || c == '+' || c == '-'):
		case c == ':' && i > 0 && !startsPort(s[i+1:]):
			return strings.ToLower(s[:i]), s[i+1:]
		default:
			return "", s
		}
	}
	return "", s
}

const maxScheme = 40

// startsPort reports whether a port stands at the front of s, and then the end or a path.
func startsPort(s string) bool {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n > 0 && n <= 5 && (n == len(s) || strings.IndexByte("/?#", s[n]) >= 0)
}

// mailto takes the first address of a mailto: URL (RFC 6068): its domain is the host.
func (u *URL) mailto(s string) bool {
	u.Path = s
	to, query, _ := strings.Cut(s, "?")
	u.Query = query
	to, _, _ = strings.Cut(to, ",")
	to, whole := unescape(to)
	i := strings.LastIndexByte(to, '@')
	if !whole || i < 0 {
		return false
	}
	u.User, u.Path, u.Query = to[:i], "", ""
	return u.setHost(strings.Trim(to[i+1:], " >"))
}

// authority reads host, user-info, port, path, query and fragment.
func (u *URL) authority(s string) bool {
	end := 0
	for end < len(s) && s[end] != '/' && s[end] != '\\' && s[end] != '?' && s[end] != '#' {
		end++
	}
	host, rest := s[:end], s[end:]
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		if u.User, host = host[:i], host[i+1:]; u.User != "" {
			u.Quirks |= Password
		}
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.Contains(host[i:], "]") {
		host, u.Port = host[:i], host[i+1:]
		if strings.Trim(u.Port, "0123456789") != "" {
			u.Port, u.Quirks = "", u.Quirks|Unreadable
		}
	}
	rest, u.Fragment, _ = strings.Cut(rest, "#")
	u.Path, u.Query, _ = strings.Cut(rest, "?")
	u.Path = strings.ReplaceAll(u.Path, `\`, "/")
	return u.setHost(host)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isHostByte reports whether an address without a scheme can begin so.
func isHostByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '[' || c == '%' || c >= 0x80 }

// unescape decodes percent signs; whole is false where one has no two digits behind it, and
// is then left as it stands.
func unescape(s string) (text string, whole bool) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, true
	}
	whole = true
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
			whole = false
			b = append(b, '%')
			continue
		}
		b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
		i += 2
	}
	return string(b), whole
}

func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
