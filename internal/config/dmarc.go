package config

import (
	"time"

	"gatepost/internal/mail"
)

// dmarc checks who reports, and puts in what is not set.
func (l *loader) dmarc() {
	c := &l.cfg.DMARC
	l.addresses("dmarc.addresses", c.Addresses, "dmarc@example.org")
	between(l, "dmarc.keep", c.Keep, 24*time.Hour, 3650*24*time.Hour)
	if c.Organization == "" {
		c.Organization = l.cfg.Hostname
	}
	if c.Contact == "" {
		c.Contact = "postmaster@" + l.cfg.Hostname
		return
	}
	if p, err := mail.ParsePath(c.Contact); err != nil || p.IsNull() {
		l.wrong("dmarc.contact", "%q is not an address such as postmaster@example.org", c.Contact)
	}
}
