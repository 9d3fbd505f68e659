package config

import (
	"time"

	"gatepost/internal/mail"
)

// complaints checks which complaints are taken, and brings addresses and domains into the
// form in which they are compared.
func (l *loader) complaints() {
	c := &l.cfg.Complaints
	l.addresses("complaints.addresses", c.Addresses, "fbl@example.org")
	l.domains("complaints.reporters", c.Reporters)
	l.domains("complaints.shared", c.Shared)
	between(l, "complaints.threshold", c.Threshold, 0.1, 1000)
	between(l, "complaints.half_life", c.HalfLife, time.Hour, 365*24*time.Hour)
	between(l, "complaints.people", c.People, 1, 1000)
	between(l, "complaints.share", c.Share, 0, 1)
	between(l, "complaints.keep", c.Keep, 24*time.Hour, 3650*24*time.Hour)
}

// addresses brings addresses into the form in which they are compared; they have no tag.
func (l *loader) addresses(path string, list []string, like string) {
	for i, s := range list {
		p, err := mail.ParsePath(s)
		if err != nil || p.IsNull() || p.Base() != p {
			l.wrong(path, "%q is not an address such as %s", s, like)
			continue
		}
		list[i] = string(p.Fold())
	}
}

func (l *loader) domains(path string, names []string) {
	for i, s := range names {
		name, err := mail.ParseDomain(s)
		if err != nil || name[0] == '[' {
			l.wrong(path, "%q is not a domain such as example.net", s)
			continue
		}
		names[i] = name
	}
}
