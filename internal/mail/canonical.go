package mail

import (
	"slices"
	"strings"
)

// maxWraps bounds how often an address is unwrapped: each forwarder may add a layer.
const maxWraps = 8

// Canonical returns the sender behind a reverse-path, folded, without what changes from
// one attempt to the next: the tag of BATV (draft-levine-smtp-batv, and the forms of
// Barracuda and IronPort), the address of a forwarder that rewrote it (SRS, of anybody),
// the recipient and numbers of a bounce address (VERP), the sub-address (RFC 5233). It is
// for comparing; mail must not be sent to it. The null path stays null. Where it is not
// clear that an address is made by a program it stays whole: two who are taken for one
// lose mail, one who is taken for two is held twice.
func (p Path) Canonical() Path {
	p = p.Fold()
	for range maxWraps {
		next := p.Unsigned()
		if inner, ok := next.Unforwarded(); ok {
			next = inner
		}
		if next == p {
			break
		}
		p = next
	}
	local, domain := p.Local(), p.Domain()
	if p.IsNull() || strings.HasPrefix(local, `"`) {
		return p
	}
	return Path(steady(local) + "@" + domain)
}

// Unsigned returns p, folded, without the tag of BATV that the sender's server put in front
// of the address: anybody's, in any of the forms of Canonical. It is for comparing, and
// verifies nothing.
func (p Path) Unsigned() Path {
	p = p.Fold()
	local, domain := p.Local(), p.Domain()
	if rest, ok := strings.CutPrefix(local, "btv1=="); ok { // Barracuda: btv1==0811ddd==user
		if _, user, ok := strings.Cut(rest, "=="); ok && user != "" {
			return Path(user + "@" + domain)
		}
		return p
	}
	rest, ok := strings.CutPrefix(local, "prvs=")
	if !ok {
		rest, ok = strings.CutPrefix(local, "msprvs1=")
	}
	if !ok {
		return p
	}
	if user, tag, ok := strings.Cut(rest, "/"); ok && isTag(tag) && user != "" { // an early draft: prvs=user/tag
		return Path(user + "@" + domain)
	}
	switch first, user, ok := strings.Cut(rest, "="); {
	case !ok || user == "":
		return p
	case !isTag(first) && isTag(user): // seen in the wild: prvs=user=tag
		return Path(first + "@" + domain)
	default:
		return Path(user + "@" + domain)
	}
}

// isTag reports whether a text looks like BATV's K, DDD and six hexadecimal digits.
func isTag(s string) bool { return len(s) == 10 && isHex(s) && s[0] <= '9' }

// Unforwarded returns the sender whose mail a forwarder sent on under an address of its
// own by the Sender Rewriting Scheme, and whether it is such an address:
// SRS0=HASH=TT=domain=user, SRS1=HASH=forwarder==HASH=TT=domain=user, with the separators
// "=", "+" and "-" behind the first word. Whoever proves the forwarder's domain proves
// nothing of the sender's.
func (p Path) Unforwarded() (Path, bool) {
	local := p.Fold().Local()
	if len(local) < 6 || !strings.HasPrefix(local, "srs") || !strings.ContainsRune("=+-", rune(local[4])) {
		return p, false
	}
	rest := local[5:]
	switch local[3] {
	case '0':
	case '1': // behind the first forwarder's name is what followed its SRS0
		_, after, ok := strings.Cut(rest, "=")
		if !ok {
			return p, false
		}
		if _, rest, ok = strings.Cut(after, "="); !ok || rest == "" || !strings.ContainsRune("=+-", rune(rest[0])) {
			return p, false
		}
		rest = rest[1:]
	default:
		return p, false
	}
	fields := strings.SplitN(rest, "=", 4)
	if len(fields) != 4 {
		return p, false
	}
	inner, err := ParsePath(fields[3] + "@" + fields[2])
	if err != nil {
		return p, false
	}
	return inner, true
}

// steady is a local part without recipient, numbers and sub-address. What a bounce
// address has of them differs by the program that made it:
//
//	list-bounces+ann=example.org     Mailman; bounces+12-ab-ann=example.org: SendGrid
//	list-return-1234-ann=example.org ezmlm, qmail
//	bounce-mc.us1_123.45-ann=example.org
//
// All of them have a word that says so. Without one, numbers are a person's: his telephone
// (33-612345678), his number (1234.5678) or his year (b.1985).
func steady(local string) string {
	if isSES(local) {
		return ""
	}
	if i := strings.IndexByte(local, '+'); i > 0 && strings.ContainsFunc(local[:i], isLetter) {
		local = local[:i]
	}
	if !slices.ContainsFunc(tokens(withoutRecipient(local)), IsBounceWord) {
		return local
	}
	local = withoutRecipient(local)
	left := slices.DeleteFunc(tokens(local), IsMade)
	if len(left) == len(tokens(local)) {
		return local
	}
	return strings.Join(left, "-")
}

// tokens are the parts of a local part.
func tokens(local string) []string {
	return strings.FieldsFunc(local, func(c rune) bool { return strings.ContainsRune("-._=", c) })
}

// isSES reports whether a local part is one that Amazon SES makes for bounces: in them is
// nothing but numbers, of these lengths.
//
//	0102018f2a3b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000
func isSES(local string) bool {
	parts := strings.Split(local, "-")
	return slices.EqualFunc(parts, []int{16, 8, 4, 4, 4, 12, 6}, func(p string, n int) bool { return len(p) == n && isHex(p) })
}

// withoutRecipient cuts "-user=domain" off the end.
func withoutRecipient(local string) string {
	i := strings.LastIndexByte(local, '=')
	if i < 0 || !strings.Contains(local[i:], ".") {
		return local
	}
	if _, err := ParseDomain(local[i+1:]); err != nil {
		return local
	}
	if j := strings.LastIndexByte(local[:i], '-'); j > 0 {
		return local[:j]
	}
	return local
}

// IsMade reports whether a word of a local part, in lower case, is a program's number:
// digits, or four and more of hexadecimal with a digit among them.
func IsMade(s string) bool {
	digits := strings.ContainsAny(s, "0123456789")
	return digits && isHex(s) && (len(s) >= 4 || strings.Trim(s, "0123456789") == "")
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c > '~' }

// IsBounceWord reports whether a word of a local part, in lower case, says that the
// address is for bounces.
func IsBounceWord(s string) bool {
	switch s {
	case "bounce", "bounces", "bnc", "return", "returns", "verp", "errors", "error":
		return true
	}
	return false
}
