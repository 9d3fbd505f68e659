package trace

import (
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// Read tells what a header says. Hosts are the names of servers of ours, in lower case.
func Read(h *mail.Header, hosts []string) Report {
	r := reader{hosts: hosts}
	r.Cut = h.Cut
	first, end := r.ownBlock(h)
	for n, f := range h.Fields {
		r.field(f, n > first && n < end, n == first+1 && n < end)
	}
	if end > 0 {
		r.Hops[0].Ours = true
	}
	slices.Reverse(r.Hops) // they were read from the newest on
	r.wait()
	r.Author = author(h)
	r.Report.Proof = proof(r.Results, r.Author)
	r.Date, _ = mail.ParseDate(h.Get("Date"))
	return r.Report
}

// A reader gathers a Report.
type reader struct {
	Report
	hosts []string
}

// ownBlock returns where what a server of ours wrote begins, with the topmost Received field, and where it
// ends: with the first field of another kind. Both are 0 where that field is another's.
func (r *reader) ownBlock(h *mail.Header) (first, end int) {
	for n, f := range h.Fields {
		if !strings.EqualFold(f.Name, "Received") {
			continue
		}
		if !r.isOurs(parseHop(f.Value()).By) {
			return 0, 0
		}
		for end = n + 1; end < len(h.Fields) && writtenByUs(h.Fields[end].Name); end++ {
		}
		return n, end
	}
	return 0, 0
}

// writtenByUs reports whether a server of ours writes fields of that name below its Received field.
func writtenByUs(name string) bool {
	name = strings.ToLower(name)
	return name == "authentication-results" || name == "received-spf" || strings.HasPrefix(name, "x-gatepost-") || strings.HasPrefix(name, "x-spam-")
}

func (r *reader) isOurs(name string) bool { return slices.Contains(r.hosts, host(name)) }

// field takes what one field tells; own: it stands among what a server of ours wrote, and next: right below its
// Received field.
func (r *reader) field(f mail.Field, own, next bool) {
	name := strings.ToLower(f.Name)
	switch name {
	case "received":
		if len(r.Hops) == maxHops {
			r.Cut = true
			return
		}
		r.Hops = append(r.Hops, parseHop(f.Value()))
	case "authentication-results":
		r.results(f.Value(), next)
	case "auto-submitted":
		if t := (&scanner{f.Value()}).skip(";"); r.Automatic == "" && !strings.EqualFold(t.text, "no") {
			r.Automatic = strings.ToLower(clean(t.text))
		}
	case "precedence":
		switch strings.ToLower(f.Value()) {
		case "bulk", "list", "junk":
			r.List.Bulk = true
		}
	case "list-id":
		if r.List.ID == "" {
			r.List.ID = clean(f.Value())
		}
	case "list-unsubscribe":
		r.unsubscribe(f.Value())
	case "list-unsubscribe-post":
		r.List.OneClick = r.List.OneClick || strings.EqualFold(strings.ReplaceAll(f.Value(), " ", ""), "List-Unsubscribe=One-Click")
	}
	if own {
		r.Verdict.field(name, f.Value())
	}
}

// results takes an Authentication-Results field; own: it stands where a server of ours puts its own.
func (r *reader) results(value string, own bool) {
	host, list, more := parseResults(value)
	r.Cut = r.Cut || more
	switch ours := r.isOurs(host); {
	case ours && own:
		r.Results = list
	case len(r.Claims) == maxClaims:
		r.Cut = true
	default:
		r.Claims = append(r.Claims, Claim{host, list, ours})
	}
}

// unsubscribe takes the ways out that programs follow (RFC 2369 §2: each in angle brackets).
func (r *reader) unsubscribe(value string) {
	for range maxNames {
		_, rest, ok := strings.Cut(value, "<")
		uri, after, closed := strings.Cut(rest, ">")
		if !ok || !closed {
			return
		}
		value = after
		scheme, _, _ := strings.Cut(uri, ":")
		switch strings.ToLower(strings.TrimSpace(scheme)) {
		case "https", "http", "mailto":
			r.List.Unsubscribe = append(r.List.Unsubscribe, clean(strings.TrimSpace(uri)))
		}
	}
}

// wait measures the time from each hop to the next that tells one.
func (r *reader) wait() {
	last := -1
	for i := range r.Hops {
		if r.Hops[i].Time.IsZero() {
			continue
		}
		if last >= 0 {
			r.Hops[i].Wait, r.Hops[i].Timed = r.Hops[i].Time.Sub(r.Hops[last].Time), true
		}
		last = i
	}
}

// field takes what a filter of ours wrote.
func (v *Verdict) field(name, value string) {
	into := map[string]*string{
		"x-spam-score": &v.Score, "x-gatepost-bayes": &v.Bayes, "x-gatepost-allowed": &v.Allowed, "x-gatepost-released": &v.Released, "x-gatepost-id": &v.ID,
	}[name]
	switch {
	case into != nil && *into == "":
		*into = clean(value)
	case name == "x-spam-flag":
		v.Spam = v.Spam || strings.EqualFold(value, "YES")
	case name == "x-spam-status" && v.Tests == nil:
		v.status(value)
	default:
		return
	}
	v.There = true
}

// status reads "Yes, score=9.5 required=7.5 tests=a: 2, b: spam".
func (v *Verdict) status(value string) {
	head, tests, _ := strings.Cut(value, " tests=")
	for w := range strings.FieldsSeq(head) {
		if required, ok := strings.CutPrefix(w, "required="); ok {
			v.Required = clean(required)
		}
	}
	for t := range strings.SplitSeq(tests, ", ") {
		if at := strings.LastIndex(t, ": "); at >= 0 && len(v.Tests) < maxTests {
			v.Tests = append(v.Tests, Test{clean(t[:at]), clean(t[at+2:])})
		}
	}
}

// author reads who a message is from.
func author(h *mail.Header) Author {
	a := Author{Fields: h.Count("From"), Sender: clean(h.Text("Sender"))}
	a.ReturnPath = clean(strings.Trim(strings.TrimSpace(h.Get("Return-Path")), "<>"))
	var from, reply []mail.Address
	for _, value := range h.All("From") {
		from = append(from, mail.ParseAddressList(value)...)
	}
	for _, value := range h.All("Reply-To") {
		reply = append(reply, mail.ParseAddressList(value)...)
	}
	boxes := mailboxes(from)
	if len(boxes) == 1 && a.Fields == 1 {
		a.Path, a.Known = boxes[0].Path()
	}
	a.From, a.ReplyTo = boxes[:min(len(boxes), maxNames)], mailboxes(reply)
	a.ReplyTo = a.ReplyTo[:min(len(a.ReplyTo), maxNames)]
	return a
}

func mailboxes(list []mail.Address) []mail.Address {
	return slices.DeleteFunc(list, func(a mail.Address) bool { return a.Mark != mail.Mailbox })
}
