package config

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/language"

	"gatepost/internal/autoconfig"
)

// people checks what is about those who come to held mail: its owners and senders.
func (l *loader) people() {
	c := l.cfg
	between(l, "quarantine.junk_keep", c.Quarantine.JunkKeep, 0, 3650*24*time.Hour)
	l.oneOf("quota.over", c.Quota.Over, "defer", "refuse")
	l.folders()
	l.oneOf("sharing.show", c.Sharing.Show, ShowOffered, ShowAccepted)
	between(l, "passwords.length", c.Passwords.Length, 8, 64)
	between(l, "quota.warn", c.Quota.Warn, 0, 100)
	between(l, "collector.at_once", c.Collector.AtOnce, 1, 1000)
	between(l, "collector.run_time", c.Collector.RunTime, time.Minute, 24*time.Hour)
	between(l, "collector.tell_after", c.Collector.TellAfter, 0, 365*24*time.Hour)
	l.ownedAccounts()
	between(l, "keeping.trash", c.Keeping.Trash, 0, 3650*24*time.Hour)
	between(l, "keeping.deleted", c.Keeping.Deleted, 0, 3650*24*time.Hour)
	between(l, "keeping.closed", c.Keeping.Closed, 0, 3650*24*time.Hour)
	between(l, "keeping.deleted_most", c.Keeping.DeletedMost, 1<<30, 1<<50)
	if m := c.Quarantine.SubjectMark; len(m) > maxMark || strings.ContainsAny(m, "\r\n\x00") {
		l.wrong("quarantine.subject_mark", "%q is not one line of at most %d octets", m, maxMark)
	}
	between(l, "history.messages", c.History.Messages, 1, 1_000_000)
	between(l, "history.age", c.History.Age, time.Minute, 6*24*time.Hour)
	between(l, "challenge.per_hour", c.Challenge.PerHour, 0, 1_000_000)
	between(l, "challenge.again", c.Challenge.Again, time.Hour, 365*24*time.Hour)
	between(l, "challenge.allow_for", c.Challenge.AllowFor, 24*time.Hour, 3650*24*time.Hour)
	between(l, "challenge.same_within", c.Challenge.SameWithin, time.Hour, 30*24*time.Hour)
	l.oneOf("challenge.allow", c.Challenge.Allow, "domain", "mailbox", "none")
	for _, h := range c.Digest.Hours {
		if h < 0 || h > 23 {
			l.wrong("digest.hours", "%d is no hour of the day; 0 to 23", h)
		}
	}
	if _, err := time.LoadLocation(c.Digest.Zone); err != nil || c.Digest.Zone == "Local" {
		l.wrong("digest.zone", "%q is no time zone such as UTC or Europe/Paris", c.Digest.Zone)
	}
	if _, err := language.Parse(c.Digest.Language); err != nil {
		l.wrong("digest.language", "%q is no language such as en or fr", c.Digest.Language)
	}
	for _, s := range c.Clients.Services {
		if _, err := autoconfig.ParseService(s); err != nil {
			l.wrong("clients.services", "%v", err)
		}
	}
	l.webURL()
	l.bans()
}

// Bounds of what owners may have collected, and of where they and domains may have servers.
const (
	maxOwned    = 50
	maxReached  = 100 // networks
	maxOwnPorts = 20
)

// ownedAccounts checks what accounts elsewhere owners of mailboxes may set up.
func (l *loader) ownedAccounts() {
	c := l.cfg.Collector
	between(l, "collector.owned", c.Owned, 0, maxOwned)
	l.reached("collector.networks", c.Networks)
	if len(c.Ports) == 0 {
		l.wrong("collector.ports", "one to %d ports; collector.owned: 0 lets no owner set up an account", maxOwnPorts)
	}
	l.ports("collector.ports", c.Ports)
}

// reached checks networks that people may reach who don't run the node.
func (l *loader) reached(setting string, networks []netip.Prefix) {
	if len(networks) > maxReached {
		l.wrong(setting, "more than %d networks", maxReached)
	}
}

// ports checks the ports that those may reach.
func (l *loader) ports(setting string, ports []int) {
	if len(ports) > maxOwnPorts {
		l.wrong(setting, "%d ports; at most %d", len(ports), maxOwnPorts)
	}
	for _, p := range ports {
		if p < 1 || p > 65535 {
			l.wrong(setting, "%d is no port; 1 to 65535", p)
		}
	}
}

// maxRungs bounds the ladder of bans.
const maxRungs = 10

// bans checks who is kept out for how long. The contact goes into a reply of one line.
func (l *loader) bans() {
	c := l.cfg.Bans
	if n := len(c.Ladder); n == 0 || n > maxRungs {
		l.wrong("bans.ladder", "%d times; 1 to %d, such as 10m, 1h, 24h", n, maxRungs)
	}
	for i, d := range c.Ladder {
		if d < time.Minute || d > 365*24*time.Hour || i > 0 && d < c.Ladder[i-1] {
			l.wrong("bans.ladder", "%v: each time is at least the one before, and between a minute and a year", d)
		}
	}
	between(l, "bans.memory", c.Memory, 0, 365*24*time.Hour)
	between(l, "bans.most", c.Most, 100, 1_000_000)
	isLine := len(c.Contact) <= maxURL && !strings.ContainsFunc(c.Contact, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	isPlace := strings.Contains(c.Contact, "@") || strings.HasPrefix(c.Contact, "https://") || strings.HasPrefix(c.Contact, "http://")
	if c.Contact != "" && (!isLine || !isPlace) {
		l.wrong("bans.contact", "%q is neither an address nor a URL of ASCII, %d characters at most", c.Contact, maxURL)
	}
}

// maxMark bounds what stands before a subject, in octets.
const maxMark = 100

// webURL brings the base of links into the form that paths are put behind. It has no path
// itself: pages are at the root of their host.
func (l *loader) webURL() {
	s := l.cfg.Web.URL
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || len(s) > maxURL {
		l.wrong("web.url", "%q is not the base of links such as https://mail.example.org, without a path, %d characters at most", s, maxURL)
		return
	}
	l.cfg.Web.URL = strings.TrimRight(s, "/")
}

// maxURL leaves room for a link in the one line of an SMTP reply (RFC 5321 §4.5.3.1.5).
const maxURL = 200
