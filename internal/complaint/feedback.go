package complaint

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Feedback is the machine-readable part of an ARF report (RFC 5965 §3), as far as it is
// used. Fields that are unknown, absent or can't be read are left empty: report programs
// in use differ in much.
type Feedback struct {
	Type      string     `json:"type,omitempty"`      // lower case: "abuse", "fraud", "virus", "not-spam", "auth-failure"
	Agent     string     `json:"agent,omitempty"`     // User-Agent
	SourceIP  netip.Addr `json:"source_ip,omitzero"`  // the client that sent the original; unmapped
	MailFrom  mail.Path  `json:"mail_from,omitempty"` // the original's reverse-path, folded
	Recipient mail.Path  `json:"recipient,omitempty"` // the first Original-Rcpt-To, folded; mostly it is hidden
	Arrival   time.Time  `json:"arrival,omitzero"`    // of the original at who reports
	Incidents int        `json:"incidents,omitempty"` // how many such messages; 0: it does not say
	SPF       string     `json:"spf,omitempty"`       // the result for MailFrom in Authentication-Results, "" where there is none
	Domains   []string   `json:"domains,omitempty"`   // Reported-Domain, maxDomains at most
	URIs      int        `json:"uris,omitempty"`      // how many Reported-URI there are
	Reporting string     `json:"reporting,omitempty"` // Reporting-MTA
	Envelope  string     `json:"envelope,omitempty"`  // Original-Envelope-Id
}

// Bounds of the machine-readable part, in octets and domains.
const (
	maxFeedback = 32 << 10
	maxField    = 1000
	maxDomains  = 10
)

// parseFeedback reads the fields. Blanks before a field's name, empty lines between fields
// and angle brackets or none around addresses are all met.
func parseFeedback(b []byte) Feedback {
	h := header(b)
	f := Feedback{
		Type:      word(h.Get("Feedback-Type")),
		Agent:     clip(h.Get("User-Agent"), maxSubject),
		SourceIP:  parseIP(h.Get("Source-IP")),
		MailFrom:  parsePath(h.Get("Original-Mail-From")),
		Recipient: parsePath(h.Get("Original-Rcpt-To")),
		Reporting: clip(h.Get("Reporting-MTA"), maxSubject),
		Envelope:  clip(h.Get("Original-Envelope-Id"), maxSubject),
		URIs:      h.Count("Reported-URI"),
	}
	for _, name := range []string{"Arrival-Date", "Received-Date"} { // the latter of drafts before RFC 5965
		if t, ok := mail.ParseDate(clip(h.Get(name), maxField)); ok && f.Arrival.IsZero() {
			f.Arrival = t.UTC()
		}
	}
	if n, err := strconv.Atoi(h.Get("Incidents")); err == nil && n > 0 {
		f.Incidents = n
	}
	for _, d := range h.All("Reported-Domain") {
		if name, err := mail.ParseDomain(strings.TrimSpace(d)); err == nil && len(f.Domains) < maxDomains {
			f.Domains = append(f.Domains, name)
		}
	}
	for _, a := range h.All("Authentication-Results") {
		if f.SPF == "" {
			f.SPF = spfOf(clip(a, maxField))
		}
	}
	return f
}

// header reads fields with empty lines among them.
func header(b []byte) *mail.Header {
	var kept []byte
	for line := range bytes.Lines(b) {
		if len(bytes.TrimSpace(line)) > 0 {
			kept = append(kept, line...)
		}
	}
	return mail.NewMessage(bytes.TrimLeft(kept, " \t\r\n")).Header()
}

// word is a field's first word, in lower case.
func word(value string) string {
	words := strings.FieldsFunc(clip(value, maxField), func(r rune) bool { return r == ' ' || r == '\t' || r == ';' || r == '(' })
	if len(words) == 0 {
		return ""
	}
	return clip(strings.ToLower(words[0]), 40)
}

// parseIP reads an address, also as a literal of RFC 5321 §4.1.3; what is none is the zero
// Addr.
func parseIP(value string) netip.Addr {
	s := strings.Trim(word(value), "[]<>")
	s = strings.TrimPrefix(s, "ipv6:")
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return mail.Unmap(a)
}

// parsePath reads a path, whose type "rfc822;" some write before it. What is none, and the
// null path, are both null.
func parsePath(value string) mail.Path {
	s := strings.TrimSpace(clip(value, maxField))
	if kind, rest, ok := strings.Cut(s, ";"); ok && strings.EqualFold(strings.TrimSpace(kind), "rfc822") {
		s = strings.TrimSpace(rest)
	}
	if from, to := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>'); from >= 0 && to > from {
		s = s[from+1 : to]
	}
	p, err := mail.ParsePath(strings.TrimSpace(s))
	if err != nil {
		return mail.Null
	}
	return p.Fold()
}

// spfOf finds the word behind "spf=" in an Authentication-Results field (RFC 8601 §2.7.2).
func spfOf(value string) string {
	for part := range strings.SplitSeq(strings.ToLower(value), ";") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(part), "spf="); ok {
			return word(rest)
		}
	}
	return ""
}
