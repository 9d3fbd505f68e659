package trace

import (
	"net/netip"
	"strings"

	"gatepost/internal/mail"
)

// parseHop reads the unfolded value of a Received field: what RFC 5321 §4.4 says, and what servers make of it.
func parseHop(value string) Hop {
	var h Hop
	s := scanner{value}
	clause, first := "", true // first: the clause's first comment is to come
	for t := s.next(";"); t.kind != end; t = s.next(";") {
		switch {
		case t.kind == mark:
			h.Time, _ = mail.ParseDate(s.rest)
			s.rest = ""
		case t.kind == comment:
			if clause == "from" && first {
				h.client(t.text)
			} else if saysTLS(t.text) {
				h.Wire = Encrypted
			}
			first = false
		case isClause(t.text):
			clause, first = strings.ToLower(t.text), true
		default:
			h.word(clause, clean(t.text))
		}
	}
	if h.Wire == Untold {
		h.Wire = wireOf(h.With)
	}
	return h
}

// isClause reports whether a word begins what is told of a hop.
func isClause(s string) bool {
	switch strings.ToLower(s) {
	case "from", "by", "via", "with", "id", "for":
		return true
	}
	return false
}

// word takes what a clause says, the first time that it does.
func (h *Hop) word(clause, text string) {
	switch {
	case clause == "from" && h.Helo == "" && !h.Addr.IsValid():
		if a, ok := literal(text); ok {
			h.Addr = a
		} else {
			h.Helo = text
		}
	case clause == "by" && h.By == "":
		h.By = text
	case clause == "with" && h.With == "":
		h.With = text
	}
}

// client reads the comment behind the client's name: what the DNS calls it, and its address, as
// "name [192.0.2.1]", "[192.0.2.1]", "192.0.2.1" or "HELO name".
func (h *Hop) client(text string) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == '(' || r == ')' })
	for n, w := range words[:min(len(words), 20)] {
		a, ok := literal(w)
		switch {
		case ok && !h.Addr.IsValid():
			h.Addr = a
		case n == 0 && !ok && strings.Contains(w, ".") && !strings.Contains(w, "="):
			h.Name = clean(strings.TrimSuffix(w, "."))
		}
	}
}

// literal reads an IP address, with or without brackets, and the port that some servers write.
func literal(s string) (netip.Addr, bool) {
	if strings.HasPrefix(s, "[") {
		s, _, _ = strings.Cut(s[1:], "]")
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	return a.WithZone(""), err == nil
}

// saysTLS reports whether a comment is what servers write of TLS: "using TLSv1.3 with cipher …" (Postfix),
// "version=TLS1_3 cipher=…" (Google, Exchange), "TLS1.3 …", "TLS_…" (OpenSMTPD, ours).
func saysTLS(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, beginning := range []string{"using tls", "version=tls", "tls1", "tlsv1", "tls_"} {
		if strings.HasPrefix(text, beginning) {
			return true
		}
	}
	return false
}

// wireOf is what a protocol's name says (RFC 3848, RFC 6531 §4.3); of others nothing.
func wireOf(with string) Wire {
	switch strings.ToUpper(with) {
	case "ESMTPS", "ESMTPSA", "UTF8SMTPS", "UTF8SMTPSA", "LMTPS", "LMTPSA", "UTF8LMTPS", "UTF8LMTPSA", "SMTPS", "HTTPS", "POP3S", "IMAPS":
		return Encrypted
	case "SMTP", "ESMTP", "ESMTPA", "UTF8SMTP", "UTF8SMTPA":
		return Plain
	}
	return Untold
}
