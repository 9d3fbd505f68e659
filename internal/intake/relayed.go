package intake

import (
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// maxTrace bounds how many Received fields are looked through for the client.
const maxTrace = 30

// trusts reports whether a client is a backup MX or a forwarder of ours: what it
// brings was somebody else's to bring.
func (in *Intake) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(in.config().TrustedRelays, func(n netip.Prefix) bool { return n.Contains(a) })
}

// trueClient finds the client for whom a relay of ours, or the provider of an account elsewhere,
// brought a message.
func (t *Transaction) trueClient(m *mail.Message) (mail.Client, bool) {
	if t.collected == nil {
		return t.in.trueClient(m)
	}
	return t.collected.client(m)
}

// trueClient finds the client that handed a message to our relays: the first one,
// from the newest Received field on, that is neither trusted nor this machine. It
// reports false where the fields tell of none; the relay answers for itself then.
func (in *Intake) trueClient(m *mail.Message) (c mail.Client, found bool) {
	fields := m.Header().All("Received")
	for _, f := range fields[:min(len(fields), maxTrace)] {
		addr, helo := receivedFrom(f)
		if !addr.IsValid() {
			return mail.Client{}, false
		}
		if addr = mail.Unmap(addr); !addr.IsLoopback() && !in.trusts(addr) {
			return mail.Client{Addr: addr, Helo: helo, ESMTP: true}, true
		}
	}
	return mail.Client{}, false
}

// receivedFrom reads who brought a message from a Received field: the address in the
// form of the servers that are met (RFC 5321 §4.4; Postfix "from HELO (NAME [IP])", Exim
// "from NAME ([IP] helo=HELO)", Sendmail, qmail "from NAME (HELO HELO) (IP)"), and the
// name that it gave. What the client itself said is never taken for its address where
// the server tells it.
func receivedFrom(value string) (addr netip.Addr, helo string) {
	rest, ok := cutWord(strings.TrimSpace(value), "from")
	if !ok {
		return netip.Addr{}, ""
	}
	first, comments := fromPart(rest)
	helo = strings.Trim(first, "[]")
	for _, comment := range comments {
		words := strings.FieldsFunc(comment, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' || c == '\r' || c == '\n' })
		for i, w := range words {
			if said, ok := cutFold(w, "helo="); ok {
				helo = strings.Trim(said, "[]")
				continue
			}
			if i > 0 && (strings.EqualFold(words[i-1], "helo") || strings.EqualFold(words[i-1], "ehlo")) {
				helo = strings.Trim(w, "[]")
				continue
			}
			if a, ok := literal(w); ok && !addr.IsValid() {
				addr = a
			}
		}
	}
	if !addr.IsValid() {
		addr, _ = literal(first)
	}
	return addr, helo
}

// fromPart splits what stands before "by" into its first word and its comments.
func fromPart(s string) (first string, comments []string) {
	var word strings.Builder
	depth, start := 0, 0
	for i := 0; i < len(s) && i < 2000; i++ {
		switch c := s[i]; {
		case c == '(':
			if depth++; depth == 1 {
				start = i + 1
			}
		case c == ')' && depth > 0:
			if depth--; depth == 0 {
				comments = append(comments, s[start:i])
			}
		case depth > 0:
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if first == "" {
				first = word.String()
			}
			if _, by := cutWord(s[i+1:], "by"); by {
				return first, comments
			}
		case first == "":
			word.WriteByte(c)
		}
	}
	if first == "" {
		first = word.String()
	}
	return first, comments
}

// cutWord takes a word and the blank behind it off the front.
func cutWord(s, word string) (string, bool) {
	if len(s) > len(word) && strings.EqualFold(s[:len(word)], word) && (s[len(word)] == ' ' || s[len(word)] == '\t') {
		return strings.TrimSpace(s[len(word):]), true
	}
	return "", false
}

func trimBrackets(s string) string { return strings.Trim(strings.TrimSpace(s), "<>") }

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return "", false
}

// literal reads an address, in brackets (RFC 5321 §4.1.3) or not, with or without a
// port behind it.
func literal(s string) (netip.Addr, bool) {
	if open := strings.IndexByte(s, '['); open >= 0 { // "name[IP]", "[IP]:port"
		s, _, _ = strings.Cut(s[open+1:], "]")
	}
	if six, ok := cutFold(s, "IPv6:"); ok {
		s = six
	}
	a, err := netip.ParseAddr(s)
	return a.WithZone(""), err == nil
}
