package config

import (
	"strings"
	"time"

	"gatepost/internal/mail"
)

// maxNS and maxText are the bounds of package dnsbl/zone.
const (
	maxNS   = 4
	maxText = 200
)

// dnsblZone checks how the blacklist is published.
func (l *loader) dnsblZone() {
	z := &l.cfg.DNSBLZone
	between(l, "dnsbl_zone.ttl", z.TTL, 0, 24*time.Hour)
	between(l, "dnsbl_zone.negative_ttl", z.NegativeTTL, 0, 24*time.Hour)
	between(l, "dnsbl_zone.per_second", z.PerSecond, 0, 10_000_000)
	if strings.ContainsAny(z.URL, "\r\n\x00") || len(z.URL) > maxText {
		l.wrong("dnsbl_zone.url", "is not one line of at most %d octets", maxText)
	}
	for _, p := range z.Publish {
		l.oneOf("dnsbl_zone.publish", p, "entries", "bans", "complaints")
	}
	if len(l.cfg.Listen.DNS) == 0 && z.Origin == "" {
		return
	}
	l.origin()
	l.nameServers()
	local, host, _ := strings.Cut(z.Contact, "@")
	if _, err := mail.ParseDomain(host); z.Contact != "" && (err != nil || local == "" || len(local) > 63 || strings.ContainsAny(local, "\" \\")) {
		l.wrong("dnsbl_zone.contact", "%q is not an address such as hostmaster@example.org", z.Contact)
	}
}

// origin checks the zone's name.
func (l *loader) origin() {
	z := &l.cfg.DNSBLZone
	name, err := mail.ParseDomain(z.Origin)
	switch {
	case z.Origin == "":
		l.wrong(l.chosen("dnsbl_zone.origin", "listen.dns"), "listen.dns serves the zone dnsbl_zone.origin, which is not set")
	case err != nil || strings.HasPrefix(z.Origin, "["):
		l.wrong("dnsbl_zone.origin", "%q is not a domain such as bl.example.org", z.Origin)
	default:
		z.Origin = name
	}
}

// nameServers checks the zone's name servers; without any it is this node alone.
func (l *loader) nameServers() {
	z := &l.cfg.DNSBLZone
	if len(z.NS) > maxNS {
		l.wrong("dnsbl_zone.ns", "%d name servers, and %d at most", len(z.NS), maxNS)
	}
	inside := func(name string) bool { return name == z.Origin || strings.HasSuffix(name, "."+z.Origin) }
	for i, s := range z.NS {
		name, err := mail.ParseDomain(s)
		switch {
		case err != nil || strings.HasPrefix(s, "["):
			l.wrong("dnsbl_zone.ns", "%q is not a host name", s)
		case inside(name):
			l.wrong("dnsbl_zone.ns", "%s is inside of the zone, which has no addresses of hosts", s)
		default:
			z.NS[i] = name
		}
	}
	if len(z.NS) == 0 && inside(l.cfg.Hostname) {
		l.wrong("dnsbl_zone.origin", "hostname, %s, is inside of the zone, which has no addresses of hosts: name other servers in dnsbl_zone.ns", l.cfg.Hostname)
	}
}
