package link

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Domain returns the registrable domain of a host: the public suffix and one label more,
// "example.co.uk" of "www.example.co.uk". It is not ok where nobody can have registered it:
// one label, a suffix that no registry has ("printer.local"), a suffix itself ("co.uk").
//
// The private section of the public suffix list counts as well, so that "ann.github.io" is a
// domain of its own: DNS lists know it so, since the whole hoster is never listed, and of two
// customers of one hoster neither may show the other's name. A hoster's own name
// ("github.io") stands for itself.
func Domain(host string) (domain string, ok bool) {
	if host == "" || endsInNumber(host) {
		return "", false
	}
	suffix, icann := publicsuffix.PublicSuffix(host)
	switch {
	case !icann && !strings.Contains(suffix, "."), icann && len(suffix) == len(host):
		return "", false
	case len(suffix) == len(host):
		return host, true
	}
	front := host[:len(host)-len(suffix)-1]
	return host[strings.LastIndexByte(front, '.')+1:], true
}

// Domains are the registrable domains of hosts, as Domain has them, remembered: a message names
// its hosts again and again. It is for one goroutine; a nil one remembers nothing.
type Domains struct{ known map[string]string }

// maxRemembered bounds the hosts of Domains.
const maxRemembered = 1000

// Of returns the registrable domain of a host, see Domain.
func (d *Domains) Of(host string) (domain string, ok bool) {
	if d == nil {
		return Domain(host)
	}
	domain, known := d.known[host]
	if !known {
		domain, _ = Domain(host)
		if d.known == nil {
			d.known = map[string]string{}
		}
		if len(d.known) < maxRemembered {
			d.known[host] = domain
		}
	}
	return domain, domain != ""
}

// Same reports whether who sees one host is where he expects to be at the other: they have
// one registrable domain, or one is below the other.
func Same(shown, host string) bool {
	if shown == host || below(host, shown) || below(shown, host) {
		return true
	}
	a, ok := Domain(shown)
	b, also := Domain(host)
	return ok && also && a == b
}

func below(host, parent string) bool {
	return len(host) > len(parent) && host[len(host)-len(parent)-1] == '.' && strings.HasSuffix(host, parent)
}

// hasSuffix reports whether the host of an address without a scheme is likely one: an IPv4
// address, or a name below a suffix that some registry has.
func hasSuffix(u *URL, d *Domains) bool {
	if u.Addr.IsValid() {
		return !u.Quirks.Has(Numeric)
	}
	_, ok := d.Of(u.Host)
	return ok
}
