package imap

import (
	"strings"

	"gatepost/mailbox"
)

// Bounds of the patterns for folder names.
const (
	maxPattern  = 2 * mailbox.MaxName // octets of one
	maxPatterns = 200                 // of one command
)

// A pattern is a name with wildcards (RFC 9051 §6.3.9): "*" stands for anything,
// "%" for anything within one level.
type pattern string

func newPattern(s string) pattern {
	if top, _, _ := strings.Cut(s, mailbox.Separator); strings.EqualFold(top, mailbox.Inbox) {
		s = mailbox.Inbox + s[len(top):]
	}
	for strings.Contains(s, "**") {
		s = strings.ReplaceAll(s, "**", "*")
	}
	return pattern(s)
}

// match goes through name once, with the set of places in the pattern where the
// match may stand: no pattern makes it slow.
func (p pattern) match(name string) bool {
	at := make([]bool, len(p)+1)
	at[0] = true
	p.skipWild(at)
	next := make([]bool, len(p)+1)
	for i := 0; i < len(name); i++ {
		clear(next)
		for j := range len(p) {
			switch {
			case !at[j]:
			case p[j] == '*', p[j] == '%' && name[i] != mailbox.Separator[0]:
				next[j] = true
			case p[j] == name[i] && p[j] != '%':
				next[j+1] = true
			}
		}
		at, next = next, at
		p.skipWild(at)
	}
	return at[len(p)]
}

// skipWild: a wildcard may stand for nothing.
func (p pattern) skipWild(at []bool) {
	for j := range len(p) {
		if at[j] && (p[j] == '*' || p[j] == '%') {
			at[j+1] = true
		}
	}
}
