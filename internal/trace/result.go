package trace

import (
	"cmp"
	"strings"
)

// parseResults reads the unfolded value of an Authentication-Results field (RFC 8601 §2.2): who
// wrote it, and what was found; more reports whether some of it is left out.
func parseResults(value string) (host string, list []Result, more bool) {
	s := scanner{value}
	t := s.skip("=;")
	host = clean(t.text)
	for t.kind != end && !(t.kind == mark && t.text == ";") { // a version may follow
		t = s.skip("=;")
	}
	for t.kind != end {
		if len(list) == maxResults {
			return host, list, true
		}
		var r Result
		if t, more = s.result(&r, more); r.Value != "" {
			list = append(list, r)
		}
	}
	return host, list, more
}

// skip returns the next token that is no comment.
func (s *scanner) skip(stops string) token {
	t := s.next(stops)
	for t.kind == comment {
		t = s.next(stops)
	}
	return t
}

// result reads one result, up to the mark that ends it, which is returned: "spf=pass smtp.mailfrom=a@b".
func (s *scanner) result(r *Result, more bool) (token, bool) {
	name := ""
	for t := s.skip("=;"); ; t = s.skip("=;") {
		switch {
		case t.kind == end, t.kind == mark && t.text == ";":
			return t, more
		case t.kind == word:
			name = strings.ToLower(clean(t.text))
			continue
		}
		v := s.skip(";") // a value has "=" in it where it is a hash
		if v.kind != word {
			return v, more
		}
		switch value := clean(v.text); {
		case r.Value == "":
			r.Method, _, _ = strings.Cut(name, "/") // a version
			r.Value = strings.ToLower(value)
		case name == "reason":
			r.Reason = value
		case len(r.Props) == maxProps:
			more = true
		default:
			r.Props = append(r.Props, Prop{name, value})
		}
	}
}

// A Proof is whether a message comes from the domain that From names, by what a server of ours found out.
type Proof struct {
	Known bool     // anything was found out
	Given bool     // it does
	By    []string // the methods that say so, or, where DMARC says that it does not, "dmarc"
}

// proof follows from results of ours for the domain of the one author. DMARC's answer for it is the answer. Where there is
// none, a signature, SPF or a log-in of that domain shows the same.
func proof(list []Result, a Author) (p Proof) {
	p.Known = len(list) > 0
	author := ""
	if a.Known {
		author = a.Path.Domain()
	}
	for _, r := range list {
		switch {
		case r.Method == "dmarc" && r.Value == "fail":
			return Proof{true, false, []string{"dmarc"}}
		case r.Value != "pass" || author == "":
		case r.Method == "dmarc" && strings.EqualFold(author, cmp.Or(r.Prop("header.from"), author)):
			return Proof{true, true, []string{"dmarc"}}
		case r.Method == "auth" && within(author, domainOf(r.Prop("smtp.auth"))),
			r.Method == "dkim" && within(author, r.Prop("header.d")),
			r.Method == "spf" && within(author, domainOf(r.Prop("smtp.mailfrom"))):
			p.Given, p.By = true, append(p.By, r.Method)
		}
	}
	return p
}

// within reports whether a domain is that one, or below it: who has the one above may speak for it, and not the other way round.
func within(domain, above string) bool {
	domain, above = strings.ToLower(domain), strings.ToLower(above)
	return domain != "" && above != "" && (domain == above || strings.HasSuffix(domain, "."+above))
}

// domainOf is what follows the last "@"; all of it where there is none.
func domainOf(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }
