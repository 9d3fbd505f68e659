package arc

import "strings"

// A Claim is one result that a server wrote down (RFC 8601 §2.2): "dmarc=pass
// header.from=example.org".
type Claim struct {
	Method     string            // lower case: "dmarc"
	Result     string            // lower case: "pass"
	Properties map[string]string // names in lower case, "header.from"
}

// Bounds of what is read of one field.
const (
	maxClaims     = 50
	maxProperties = 20
)

// ParseClaims reads what follows the field name of Authentication-Results: the server's name,
// then claims. Comments are left out, quoted values are read; what can't be read is passed
// over.
func ParseClaims(value string) (claims []Claim) {
	parts := clauses(value)
	for i, words := range parts {
		if i == 0 || len(claims) == maxClaims { // the first is the server's name
			continue
		}
		if c, ok := parseClaim(words); ok {
			claims = append(claims, c)
		}
	}
	return claims
}

// clauses takes a value apart at semicolons, and each part into pairs of names and values.
// What is between is told apart by one pass: white space, comments that may be nested,
// quoted strings.
func clauses(value string) (parts [][]string) {
	var words []string
	var word strings.Builder
	depth, quoted, escaped := 0, false, false
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case escaped:
			escaped = false
			if depth == 0 {
				word.WriteByte(c)
			}
		case c == '\\' && (quoted || depth > 0):
			escaped = true
		case depth == 0 && c == '"':
			quoted = !quoted
		case quoted:
			word.WriteByte(c)
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			end()
		case c == ';':
			end()
			parts, words = append(parts, words), nil
		case c == '=':
			end()
			words = append(words, "=")
		default:
			word.WriteByte(c)
		}
	}
	end()
	return append(parts, words)
}

// parseClaim reads "method = result property = value …"; a method may have a version.
func parseClaim(words []string) (c Claim, ok bool) {
	for i := 1; i+1 < len(words); i++ {
		if words[i] != "=" || words[i-1] == "=" {
			continue
		}
		name, value := strings.ToLower(words[i-1]), words[i+1]
		if value == "=" {
			return Claim{}, false
		}
		switch {
		case c.Method == "":
			c.Method, _, _ = strings.Cut(name, "/")
			c.Result = strings.ToLower(value)
		case c.Properties == nil:
			c.Properties = map[string]string{name: value}
		case c.Properties[name] == "" && len(c.Properties) < maxProperties:
			c.Properties[name] = value
		}
	}
	return c, c.Method != ""
}
