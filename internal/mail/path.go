package mail

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// A Path is an SMTP address (RFC 5321 §4.1.2, Mailbox) in one canonical form:
// the local part as the client gave it (NFC, quoted only where it must be),
// "@", and the domain in lower-case A-labels or as an address literal. The
// empty Path is the null reverse-path "<>".
//
// ParsePath makes Paths; code that converts a string by hand promises that it
// is canonical already.
type Path string

// Null is the reverse-path of delivery reports (RFC 5321 §4.5.5).
const Null Path = ""

// MaxPath is the longest path accepted, in octets: RFC 5321 §4.5.3.1.3 allows
// 256 with the angle brackets. A local part may use all of it, since bounce
// addresses that encode their recipient pass the 64 octets of §4.5.3.1.1.
const MaxPath = 254

// ErrPath is the cause of every refusal by ParsePath.
var ErrPath = errors.New("not an address")

// ParsePath reads an address without angle brackets. The empty string is the
// null path. It refuses, with ErrPath as cause, whatever RFC 5321 §4.1.2 does
// not allow: control characters and bare CR or LF above all, since they would
// reach replies and header fields.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return Null, nil
	}
	if len(s) > MaxPath {
		return "", fmt.Errorf("%w: longer than %d octets", ErrPath, MaxPath)
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", fmt.Errorf("%w: no @ in %q", ErrPath, s)
	}
	local, err := parseLocal(s[:at])
	if err != nil {
		return "", err
	}
	domain, err := ParseDomain(s[at+1:])
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > MaxPath {
		return "", fmt.Errorf("%w: longer than %d octets", ErrPath, MaxPath)
	}
	return Path(local + "@" + domain), nil
}

// parseLocal returns the canonical form of a local part: unquoted where the
// content is a Dot-string, quoted with the fewest escapes elsewhere.
func parseLocal(s string) (string, error) {
	if s == "" {
		return "", fmt.Errorf("%w: empty local part", ErrPath)
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: local part %q is not UTF-8", ErrPath, s)
	}
	if strings.ContainsFunc(s, isHidden) {
		return "", fmt.Errorf("%w: local part %q has a character that nobody sees", ErrPath, s)
	}
	s = norm.NFC.String(s)
	if s[0] != '"' {
		if !isDotString(s) {
			return "", fmt.Errorf("%w: local part %q", ErrPath, s)
		}
		return s, nil
	}
	plain, ok := unquote(s)
	if !ok || plain == "" {
		return "", fmt.Errorf("%w: quoted local part %q", ErrPath, s)
	}
	return quoteLocal(plain), nil
}

// isHidden reports whether a character beyond ASCII is a control, a space or a mark of direction, or none
// at all. RFC 6531 §3.3 lets them into a local part, but two addresses that look alike would be two, and some
// programs end a line at U+0085 or U+2028. The joiners stay: words of Persian and of India need them.
func isHidden(r rune) bool {
	const zwnj, zwj = '\u200c', '\u200d'
	switch {
	case r < utf8.RuneSelf, r == zwnj, r == zwj:
		return false
	case r&0xfffe == 0xfffe, 0xfdd0 <= r && r <= 0xfdef: // noncharacters
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp)
}

// unquote undoes a Quoted-string (RFC 5321 §4.1.2): printable characters and
// space, each of which a backslash may precede.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", false
	}
	var b strings.Builder
	inner := s[1 : len(s)-1]
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\':
			i++
			if i == len(inner) || inner[i] < ' ' || inner[i] > '~' {
				return "", false
			}
			c = inner[i]
		case c == '"', c < ' ', c == 0x7f:
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func quoteLocal(s string) string {
	if isDotString(s) {
		return s
	}
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// isDotString reports whether s is atoms joined by single dots (RFC 5321
// §4.1.2, widened to UTF-8 by RFC 6531 §3.3).
func isDotString(s string) bool {
	dot := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if dot {
				return false
			}
			dot = true
			continue
		}
		if !isAtext(c) {
			return false
		}
		dot = false
	}
	return !dot
}

func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= 0x80:
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isASCII[T string | []byte](s T) bool {
	const high = 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if b := s[i : i+8]; (uint64(b[0])|uint64(b[1])<<8|uint64(b[2])<<16|uint64(b[3])<<24|uint64(b[4])<<32|uint64(b[5])<<40|uint64(b[6])<<48|uint64(b[7])<<56)&high != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// IsNull reports whether p is the null reverse-path.
func (p Path) IsNull() bool { return p == "" }

// Local returns the local part in its canonical, where needed quoted, form.
func (p Path) Local() string {
	if at := strings.LastIndexByte(string(p), '@'); at >= 0 {
		return string(p[:at])
	}
	return string(p)
}

// Domain returns what follows the last "@", or "" for the null path.
func (p Path) Domain() string {
	if at := strings.LastIndexByte(string(p), '@'); at >= 0 {
		return string(p[at+1:])
	}
	return ""
}

// Fold returns p with its local part in lower case: the form under which
// addresses of our own domains, and entries of lists, are kept and found. Beyond
// ASCII it is Unicode's full mapping, so that a sigma that ends a word does, and NFC
// again, since letters may compose in lower case that don't in upper.
func (p Path) Fold() Path {
	if isASCII(string(p)) {
		return Path(strings.ToLower(string(p)))
	}
	return Path(norm.NFC.String(cases.Lower(language.Und).String(string(p)))) // a Caser is nobody else's to use
}

// NeedsUTF8 reports whether a server must know SMTPUTF8 to be told p (RFC 6531): its
// local part is not ASCII. A domain never asks for that, being in A-labels.
func (p Path) NeedsUTF8() bool { return !isASCII(string(p)) }

// Shown is p as people write it, its domain in U-labels. It is not canonical, but ParsePath
// makes p of it again.
func (p Path) Shown() string {
	if at := strings.LastIndexByte(string(p), '@'); at >= 0 {
		return string(p[:at+1]) + ShownDomain(string(p[at+1:]))
	}
	return string(p)
}

// Base returns p without its sub-address ("user+tag@" is "user@", RFC 5233).
func (p Path) Base() Path {
	local, domain := p.Local(), p.Domain()
	if i := strings.IndexByte(local, '+'); i > 0 && local[0] != '"' {
		return Path(local[:i] + "@" + domain)
	}
	return p
}

// String returns the path without angle brackets.
func (p Path) String() string { return string(p) }
