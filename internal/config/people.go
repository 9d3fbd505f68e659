package config

import (
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// people checks what is about those who come to held mail: its owners and senders.
func (l *loader) people() {
	c := l.cfg
	between(l, "quarantine.junk_keep", c.Quarantine.JunkKeep, 0, 3650*24*time.Hour)
	if m := c.Quarantine.SubjectMark; len(m) > maxMark || strings.ContainsAny(m, "\r\n\x00") {
		l.wrong("quarantine.subject_mark", "%q is not one line of at most %d octets", m, maxMark)
	}
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
	l.webURL()
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
