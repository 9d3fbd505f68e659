package certificate

import (
	"crypto/tls"
	"slices"
	"strings"
	"time"
)

// A shown is a certificate that clients may get.
type shown struct {
	cert *tls.Certificate
	from string // the file that it is in, or one of the words below
	rank int    // files before what was issued before what we signed
	late bool   // it was not in its time when the choice was made
}

// Where certificates are from that are in no file an admin names.
const (
	FromACME = "acme"
	FromSelf = "self-signed"
)

// inTime reports whether a certificate counts at a time.
func (s shown) inTime(now time.Time) bool {
	return !now.Before(s.cert.Leaf.NotBefore) && !now.After(s.cert.Leaf.NotAfter)
}

// A choice is all that is shown, by name. It is not changed.
type choice struct {
	byName map[string][]shown // wildcards under "*.example.org"
	own    shown              // of who asks for nothing that there is
	all    []shown
}

// newChoice orders certificates; own is the one of the node's name. Those that are in their time come first.
func newChoice(all []shown, own shown, now time.Time) *choice {
	c := &choice{byName: map[string][]shown{}, own: own, all: all}
	ordered := slices.Clone(all)
	slices.SortStableFunc(ordered, func(a, b shown) int { return a.rank - b.rank })
	for _, s := range ordered {
		s.late = !s.inTime(now)
		for _, name := range s.cert.Leaf.DNSNames {
			name = canonical(name)
			c.byName[name] = append(c.byName[name], s)
		}
	}
	return c
}

// canonical is a name as it is compared: SNI has no dot at the end, but some clients send one.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// covers returns those that are for a name, exactly or by a star, those that are in their time first.
func (c *choice) covers(name string) []shown {
	name = canonical(name)
	list := slices.Clone(c.byName[name])
	if _, above, ok := strings.Cut(name, "."); ok { // RFC 9525 §6.3: the star is one whole label, the leftmost
		list = append(list, c.byName["*."+above]...)
	}
	slices.SortStableFunc(list, func(a, b shown) int {
		switch {
		case a.late == b.late:
			return 0
		case a.late:
			return 1
		}
		return -1
	})
	return list
}

// choose returns the certificate that a client gets, who is taken to ask for another name where there is none for his.
func (c *choice) choose(hello *tls.ClientHelloInfo, other string) *tls.Certificate {
	list := c.covers(hello.ServerName)
	if len(list) == 0 && other != "" {
		list = c.covers(other)
	}
	for _, s := range list {
		if hello.SupportsCertificate(s.cert) == nil {
			return s.cert
		}
	}
	if len(list) > 0 {
		return list[0].cert
	}
	return c.own.cert
}
