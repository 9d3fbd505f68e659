package intake

import (
	"strings"

	"gatepost/internal/mail"
)

// ownResults reports whether an Authentication-Results field claims to be from the host of
// that name (RFC 8601 §5). Readers differ in what they make of a name that is spelled in an
// odd way, so it need not be exact: case, a final dot, a version, U-labels. Where the field is
// broken in front, so that nobody can say which name it has, it is enough that ours
// stands in it.
func ownResults(value, hostname string) bool {
	id, sound := authservID(value)
	if !sound || strings.Contains(id, "=?") {
		return strings.Contains(strings.ToLower(value), strings.ToLower(hostname))
	}
	id, _, _ = strings.Cut(id, "/")
	if name, err := mail.ParseDomain(id); err == nil {
		id = name
	}
	return strings.EqualFold(strings.TrimSuffix(id, "."), hostname)
}

// authservID is the first word of an Authentication-Results field (RFC 8601 §2.2):
// comments and blanks around it don't count, and it may be quoted. It is not sound where a
// comment or a quoted string does not end.
func authservID(value string) (name string, sound bool) {
	var id strings.Builder
	depth, escaped, quoted := 0, false, false
	for _, c := range value {
		blank := c <= ' ' || c == 0x7f
		switch {
		case !escaped && c == '\\':
			escaped = true
			continue
		case !escaped && depth == 0 && c == '"':
			quoted = !quoted
		case !escaped && !quoted && c == '(':
			depth++
		case !escaped && c == ')' && depth > 0:
			depth--
		case depth > 0, blank && id.Len() == 0:
		case c == ';' && !quoted, blank && !quoted: // a version may follow
			return id.String(), true
		case !blank:
			id.WriteRune(c)
		}
		escaped = false
	}
	return id.String(), depth == 0 && !quoted
}
