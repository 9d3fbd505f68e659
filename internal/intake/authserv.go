package intake

import (
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// hosts are the names of our nodes, lower case, of now and of before: what one of them finds is to be believed by all who
// read it, so what claims to be from any of them is ours, whichever it comes to.
func (in *Intake) hosts() []string {
	if in.Hosts == nil {
		return []string{strings.ToLower(in.config().Hostname)}
	}
	return in.Hosts()
}

// namesHost reports whether one of hosts stands in a text.
func namesHost(text string, hosts []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(hosts, func(h string) bool { return strings.Contains(text, h) })
}

// ownResults reports whether an Authentication-Results field claims to be from one of the hosts
// of these names (RFC 8601 §5). Readers differ in what they make of a name that is spelled in an
// odd way, so it need not be exact: case, a final dot, a version, U-labels. Where the field is
// broken in front, so that nobody can say which name it has, it is enough that one of them
// stands in it.
func ownResults(value string, hosts []string) bool {
	id, sound := authservID(value)
	if !sound || strings.Contains(id, "=?") {
		return namesHost(value, hosts)
	}
	id, _, _ = strings.Cut(id, "/")
	if name, err := mail.ParseDomain(id); err == nil {
		id = name
	}
	return slices.Contains(hosts, strings.ToLower(strings.TrimSuffix(id, ".")))
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
