package dmarc

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/mail"
)

// A Disposition is what a domain asks to be done with mail in its name that nothing
// proves.
type Disposition string

// The dispositions.
const (
	None       Disposition = "none"
	Quarantine Disposition = "quarantine"
	Reject     Disposition = "reject"
)

// below is the disposition that a domain in test mode expects (RFC 9989 §4.7, "t").
func (d Disposition) below() Disposition {
	if d == Reject {
		return Quarantine
	}
	return None
}

// A PSD says what a domain is to those below it.
type PSD byte

// The kinds.
const (
	Unsaid   PSD = 'u' // the walk tells
	Public   PSD = 'y' // a public suffix
	Organise PSD = 'n' // an organisation's
)

// A Record is a DMARC policy record (RFC 9989 §4.7). Tags that are unknown, or are not
// understood, count as absent, but for sp and np; see Void.
type Record struct {
	Policy      Disposition // p
	Subdomain   Disposition // sp; "": absent
	Nonexistent Disposition // np; "": absent
	StrictDKIM  bool        // adkim=s
	StrictSPF   bool        // aspf=s
	PSD         PSD
	Testing     bool   // t=y
	Failure     string // fo, as written; "": absent
	Reports     []URI  // rua, those of mailto:, maxURIs at most
	// Void: p is missing or not understood, or sp or np is not, and nobody asks for reports:
	// the record asks for nothing. With reports it counts as p=none.
	Void bool
}

// A URI is an address for reports.
type URI struct {
	Mail mail.Path
	Max  int64 // octets that a report may have as it travels, of RFC 7489; 0: it does not say
}

// Bounds of a record.
const (
	maxRecord = 8 << 10 // octets
	maxURIs   = 5
)

// Parse reads a TXT record. It reports false for what is no DMARC record: "v=DMARC1", in
// just these letters, has to be its first tag.
func Parse(text string) (Record, bool) {
	if len(text) > maxRecord {
		return Record{}, false
	}
	specs := strings.Split(text, ";")
	if name, value := tag(specs[0]); name != "v" || value != "DMARC1" {
		return Record{}, false
	}
	r := Record{PSD: Unsaid}
	valid := true
	seen := map[string]bool{}
	for _, spec := range specs[1:] {
		name, value := tag(spec)
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		if !r.set(name, value) {
			valid = false
		}
	}
	if r.Policy == "" || !valid {
		r.Policy, r.Subdomain, r.Nonexistent = None, "", ""
		r.Void = len(r.Reports) == 0
	}
	return r, true
}

// set takes a tag over; false says that it makes the policy invalid.
func (r *Record) set(name, value string) bool {
	word := strings.ToLower(value)
	switch name {
	case "p", "sp", "np":
		d := Disposition(word)
		ok := d == None || d == Quarantine || d == Reject
		if !ok {
			return false
		}
		*map[string]*Disposition{"p": &r.Policy, "sp": &r.Subdomain, "np": &r.Nonexistent}[name] = d
	case "adkim":
		r.StrictDKIM = word == "s"
	case "aspf":
		r.StrictSPF = word == "s"
	case "psd":
		if word == "y" || word == "n" {
			r.PSD = PSD(word[0])
		}
	case "t":
		r.Testing = word == "y"
	case "fo":
		r.Failure = failureOptions(word)
	case "rua":
		r.Reports = parseURIs(value)
	}
	return true
}

// tag is a tag's name, in lower case, and its value.
func tag(spec string) (name, value string) {
	name, value, ok := strings.Cut(spec, "=")
	if !ok {
		return "", ""
	}
	return strings.ToLower(strings.Trim(name, " \t")), strings.Trim(value, " \t")
}

// failureOptions are those that are known, which a report repeats.
func failureOptions(value string) string {
	var known []string
	for o := range strings.SplitSeq(value, ":") {
		if o = strings.Trim(o, " \t"); slices.Contains([]string{"0", "1", "d", "s"}, o) && !slices.Contains(known, o) {
			known = append(known, o)
		}
	}
	return strings.Join(known, ":")
}

func parseURIs(value string) (list []URI) {
	for text := range strings.SplitSeq(value, ",") {
		u, ok := parseURI(strings.Trim(text, " \t"))
		same := func(o URI) bool { return o.Mail == u.Mail }
		if ok && len(list) < maxURIs && !slices.ContainsFunc(list, same) {
			list = append(list, u)
		}
	}
	return list
}

// parseURI reads "mailto:dmarc@example.org!10m": behind the "!" is the size of RFC 7489
// §6.4.
func parseURI(text string) (URI, bool) {
	scheme, rest, _ := strings.Cut(text, ":")
	if !strings.EqualFold(scheme, "mailto") {
		return URI{}, false
	}
	address, size, _ := strings.Cut(rest, "!")
	address, _, _ = strings.Cut(address, "?")
	address, err := url.PathUnescape(address)
	if err != nil {
		return URI{}, false
	}
	p, err := mail.ParsePath(address)
	// To an address of a machine it would go past all that its network lets in.
	ok := err == nil && !p.IsNull() && p.Domain() != "" && !strings.HasPrefix(p.Domain(), "[")
	return URI{p, parseSize(size)}, ok
}

func parseSize(s string) int64 {
	if s == "" {
		return 0
	}
	shift := map[byte]int{'k': 10, 'm': 20, 'g': 30, 't': 40}[s[len(s)-1]|0x20]
	if shift > 0 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseInt(s, 10, 20)
	if err != nil || n <= 0 {
		return 0
	}
	return n << shift
}
