package smtpd

import (
	"strings"

	"gatepost/internal/mail"
)

// parsePath reads the argument of MAIL or RCPT up to its parameters: "FROM:" or
// "TO:", and a path. A source route is dropped (RFC 5321 appendix C), blanks
// and missing angle brackets are forgiven, since many clients send them; the
// address itself is held to mail.ParsePath. A bare Postmaster gets our domain
// (RFC 5321 §4.5.1). The path may leave ASCII where MAIL has the parameter SMTPUTF8,
// which is taken off as REQUIRETLS is, and RCPT where utf8 says that its MAIL had it (RFC 6531 §3.4).
// The reply is nil if all is well.
func parsePath(verb, arg, postmaster string, utf8 bool) (a argument, refusal *reply) {
	prefix, bad := "FROM:", &badSender
	if verb == "RCPT" {
		prefix, bad = "TO:", &badRecipient
	}
	if len(arg) < len(prefix) || !strings.EqualFold(arg[:len(prefix)], prefix) {
		return a, &badSyntax
	}
	text, params, ok := cutPath(strings.TrimLeft(arg[len(prefix):], " "))
	if !ok {
		return a, bad
	}
	if verb == "MAIL" {
		params, utf8 = cutWord(params, "SMTPUTF8")
		params, a.tls = cutWord(params, "REQUIRETLS")
		params = boundedSize(params)
	} else {
		params = typedOriginal(params)
	}
	if verb == "RCPT" && strings.EqualFold(text, "postmaster") {
		text += "@" + postmaster
	}
	switch {
	case hasControl(params), hasHighBit(params) && (verb == "MAIL" || !utf8): // ORCPT= may be UTF-8 (RFC 6533 §3)
		return a, &badArgument
	case hasHighBit(text) && !utf8:
		return a, &notASCII
	}
	path, err := mail.ParsePath(text)
	if err != nil || path.IsNull() && verb == "RCPT" {
		return a, bad
	}
	return argument{path, params, utf8, a.tls}, nil
}

// An argument is what follows MAIL or RCPT.
type argument struct {
	path   mail.Path
	params string // but for SMTPUTF8 and REQUIRETLS
	utf8   bool   // the message may leave ASCII
	tls    bool   // it is to go by TLS that is proven, or not at all (RFC 8689)
}

// cutWord takes a parameter that has no value from those of MAIL.
func cutWord(params, word string) (rest string, asked bool) {
	words := strings.Fields(params)
	kept := words[:0]
	for _, w := range words {
		if strings.EqualFold(w, word) {
			asked = true
			continue
		}
		kept = append(kept, w)
	}
	return strings.Join(kept, " "), asked
}

// cutPath splits a path from what follows it, and takes off its brackets and
// its source route.
func cutPath(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, "<") {
		text, rest, _ = strings.Cut(s, " ")
		return text, strings.TrimSpace(rest), text != ""
	}
	end := indexOutside(s, '>', '"', '"')
	if end < 0 {
		return "", "", false
	}
	text, rest = s[1:end], strings.TrimSpace(s[end+1:])
	if strings.HasPrefix(text, "@") {
		colon := indexOutside(text, ':', '[', ']')
		if colon < 0 {
			return "", "", false
		}
		text = text[colon+1:]
		if text == "" {
			return "", "", false
		}
	}
	return text, rest, true
}

// indexOutside finds c outside of what stands between open and shut, where a
// backslash takes the meaning from the octet behind it.
func indexOutside(s string, c, open, shut byte) int {
	inside := false
	for i := 0; i < len(s); i++ {
		switch {
		case inside && s[i] == '\\':
			i++
		case inside && s[i] == shut:
			inside = false
		case !inside && s[i] == open:
			inside = true
		case !inside && s[i] == c:
			return i
		}
	}
	return -1
}

func hasHighBit(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return true
		}
	}
	return false
}

// hasControl reports whether s has a control character; octets beyond ASCII are
// none.
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}
