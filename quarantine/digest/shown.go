package digest

import (
	"regexp"
	"strings"
	"unicode"

	"gatepost/internal/mail"
)

// Bounds of what a stranger wrote, in characters.
const (
	maxSubject = 160
	maxSender  = 120
	maxMarks   = 3 // combining characters on one
)

// shown makes a stranger's words safe to show in a mail, in one line of at most most
// characters. What can't be seen goes: control characters, and those that turn the
// direction of writing or join nothing to nothing. Links are broken up, since mail
// programs make links of whatever looks like one.
func shown(s string, most int) string { return unlinked(line(s, most)) }

// line is shown, with links.
func line(s string, most int) string {
	var b strings.Builder
	n, marks, blank := 0, 0, false
	for _, c := range s {
		switch {
		case unicode.IsSpace(c) || unicode.IsControl(c) || unicode.In(c, unicode.Zl, unicode.Zp):
			blank, marks = true, 0
			continue
		case unicode.In(c, unicode.Cf, unicode.Co, unicode.Cs) || unicode.Is(unicode.Variation_Selector, c) || c == '\u3164' || c == '\u115f':
			continue
		case unicode.In(c, unicode.M):
			if marks++; marks > maxMarks || n == 0 {
				continue
			}
		default:
			marks = 0
		}
		if blank && n > 0 {
			b.WriteByte(' ')
			n++
		}
		if n >= most {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		blank = false
		b.WriteRune(c)
		n++
	}
	return b.String()
}

var scheme = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*):(//|\\\\)`)

// unlinked breaks up what a mail program could take for a link: what has a scheme, and
// what has dots within it like a host's name.
func unlinked(s string) string {
	all := []rune(scheme.ReplaceAllString(s, "$1[:]$2"))
	var b strings.Builder
	for i, c := range all {
		inside := i > 0 && i+1 < len(all) && named(all[i-1]) && named(all[i+1]) && !(unicode.IsNumber(all[i-1]) && unicode.IsNumber(all[i+1]))
		if inside && strings.ContainsRune(".。．｡", c) {
			b.WriteString("[.]")
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// named reports whether a character may be part of a host's name.
func named(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsNumber(c) || c == '-' || c == '_' || unicode.In(c, unicode.M, unicode.So)
}

// sender shows who a message says that it is from: the name without links, and the
// address as it is, if it is one.
func sender(author string) string {
	author = line(author, maxSender)
	name, address := "", author
	if i := strings.LastIndexByte(author, '<'); i >= 0 && strings.HasSuffix(author, ">") {
		name, address = strings.TrimSpace(author[:i]), author[i+1:len(author)-1]
	}
	p, err := mail.ParsePath(address)
	if err != nil || p.IsNull() || strings.ContainsAny(address, `"/\: `) {
		return unlinked(author)
	}
	if name == "" {
		return address
	}
	return unlinked(name) + " <" + address + ">"
}

// addressOf is the address in an author, "" where there is none.
func addressOf(author string) mail.Path {
	if i := strings.LastIndexByte(author, '<'); i >= 0 {
		author = strings.TrimSuffix(author[i+1:], ">")
	}
	p, err := mail.ParsePath(strings.TrimSpace(author))
	if err != nil {
		return ""
	}
	return p
}
