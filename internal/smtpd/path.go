package smtpd

import (
	"strings"

	"gatepost/internal/mail"
)

// parsePath reads the argument of MAIL or RCPT up to its parameters: "FROM:" or
// "TO:", and a path. A source route is dropped (RFC 5321 appendix C), blanks
// and missing angle brackets are forgiven, since many clients send them; the
// address itself is held to mail.ParsePath. A bare Postmaster gets our domain
// (RFC 5321 §4.5.1). The reply is nil if all is well.
func parsePath(verb, arg, postmaster string) (path mail.Path, params string, refusal *reply) {
	prefix, bad := "FROM:", &badSender
	if verb == "RCPT" {
		prefix, bad = "TO:", &badRecipient
	}
	if len(arg) < len(prefix) || !strings.EqualFold(arg[:len(prefix)], prefix) {
		return "", "", &badSyntax
	}
	text, params, ok := cutPath(strings.TrimLeft(arg[len(prefix):], " "))
	if !ok {
		return "", "", bad
	}
	if verb == "RCPT" && strings.EqualFold(text, "postmaster") {
		text += "@" + postmaster
	}
	switch {
	case !isPlain(params):
		return "", "", &badArgument
	case hasHighBit(text):
		return "", "", &notASCII
	}
	path, err := mail.ParsePath(text)
	if err != nil || path.IsNull() && verb == "RCPT" {
		return "", "", bad
	}
	return path, params, nil
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

// isPlain reports whether s is printable ASCII and blanks.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
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
