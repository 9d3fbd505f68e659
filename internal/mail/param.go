package mail

import "strings"

// maxParams bounds the parameters read of one field.
const maxParams = 100

// parseParams reads the parameters after a value (RFC 2045 §5.1): "; a=b; c=d".
// Names come out in lower case; of doubles the first counts. The pieces and the
// charset of RFC 2231 are put together, and the encoded words that many mailers
// write instead are decoded. Missing semicolons and quotes, comments and 8-bit
// text are taken as they are meant. It returns nil if there are none.
func parseParams(s string) map[string]string {
	var params map[string]string
	var extended []parameter
	for n := 0; n < maxParams; n++ {
		var p parameter
		var ok bool
		if p, s, ok = nextParam(s); !ok {
			break
		}
		if strings.IndexByte(p.name, '*') > 0 {
			extended = append(extended, p)
			continue
		}
		if _, double := params[p.name]; !double {
			params = with(params, p.name, decodeWords(p.value))
		}
	}
	for name, value := range joinExtended(extended) {
		params = with(params, name, value) // RFC 6266 §4.3: before the plain one
	}
	return params
}

func with(params map[string]string, name, value string) map[string]string {
	if params == nil {
		params = make(map[string]string, 2)
	}
	params[name] = value
	return params
}

// A parameter is one "name=value", the name in lower case with its RFC 2231
// stars, the value without quotes.
type parameter struct{ name, value string }

// nextParam skips to the next parameter in s and returns it and what follows.
func nextParam(s string) (p parameter, rest string, ok bool) {
	for {
		s = skipSeparators(s)
		if s == "" {
			return p, "", false
		}
		name, after := cutToken(s)
		after = skipSpace(after)
		if name != "" && strings.HasPrefix(after, "=") {
			p.name = strings.ToLower(name)
			p.value, rest = cutValue(skipSpace(after[1:]))
			return p, rest, true
		}
		if after == s {
			after = s[1:]
		}
		s = after
	}
}

// skipSeparators skips semicolons, white space and comments.
func skipSeparators(s string) string {
	for {
		t := skipSpace(strings.TrimLeft(s, "; \t"))
		if t == s {
			return s
		}
		s = t
	}
}

// cutValue takes a token or quoted string from the front of s. A value without
// quotes goes on to the next semicolon or space, whatever is in it.
func cutValue(s string) (value, rest string) {
	if strings.HasPrefix(s, `"`) {
		value, rest, _ = cutQuoted(s)
		return value, rest
	}
	if end := encodedWordEnd(s); end > 0 {
		return s[:end], s[end:]
	}
	end := strings.IndexAny(s, "; \t")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// cutQuoted takes the quoted string at the front of s and undoes its escapes. One
// that is not closed goes on to the end and is reported as not ok.
func cutQuoted(s string) (value, rest string, ok bool) {
	i := strings.IndexAny(s[1:], `"\`)
	if i >= 0 && s[1+i] == '"' {
		return s[1 : 1+i], s[2+i:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", false
}

// cutToken takes a token (RFC 2045 §5.1) from the front of s.
func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && s[i] > ' ' && s[i] != 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) < 0 {
		i++
	}
	return s[:i], s[i:]
}

// skipSpace skips white space and comments (RFC 5322 §3.2.2); a comment that is
// not closed goes on to the end.
func skipSpace(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if !strings.HasPrefix(s, "(") {
			return s
		}
		_, s, _ = cutComment(s)
	}
}

// cutComment takes the comment at the front of s, which may hold others, and
// returns what stands in it. One that is not closed is reported as not ok.
func cutComment(s string) (text, rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[1:i], s[i+1:], true
			}
		}
	}
	return s[1:], "", false
}
