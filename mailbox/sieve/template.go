package sieve

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A template is a string that may name variables (RFC 5229 §3): texts, and variables between
// them.
type template []piece

// A piece is a text, or the variable or match that stands in its place.
type piece struct {
	text     string
	variable string // in lower case
	match    int    // of ${1}; -1: none
}

// literal returns the text of a template that names no variable.
func (t template) literal() (string, bool) {
	switch {
	case len(t) == 0:
		return "", true
	case len(t) == 1 && t[0].variable == "" && t[0].match < 0:
		return t[0].text, true
	}
	return "", false
}

// source returns the string with its variables named, not expanded.
func (t template) source() string {
	var b strings.Builder
	for _, p := range t {
		switch {
		case p.match >= 0:
			b.WriteString("${" + strconv.Itoa(p.match) + "}")
		case p.variable != "":
			b.WriteString("${" + p.variable + "}")
		default:
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// expand returns the string as it is now.
func (t template) expand(r *run) (string, error) {
	if s, ok := t.literal(); ok {
		return s, nil
	}
	var b strings.Builder
	for _, p := range t {
		switch {
		case p.match >= 0:
			if p.match < len(r.matched) {
				b.WriteString(r.matched[p.match])
			}
		case p.variable != "":
			b.WriteString(r.variable(p.variable))
		default:
			b.WriteString(p.text)
		}
	}
	return b.String(), r.spend(b.Len())
}

func expandAll(r *run, list []template) ([]string, error) {
	out := make([]string, 0, len(list))
	for _, t := range list {
		s, err := t.expand(r)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

var (
	reference = regexp.MustCompile(`\$\{(?:(\d+)|((?:[A-Za-z_][A-Za-z0-9_]*\.)*[A-Za-z_][A-Za-z0-9_]*))\}`)
	encoded   = regexp.MustCompile(`(?i)\$\{(hex|unicode):([0-9a-f \t\r\n]+)\}`)
)

// maxMatch is the highest number of a match variable: a matcher keeps no more.
const maxMatch = 31

// template reads a string of a script, which may name variables if the script requires them.
func (c *compiler) template(s string, where place) template {
	if c.has("encoded-character") {
		s = c.decode(s, where)
	}
	if !c.has("variables") || !strings.Contains(s, "${") {
		return template{{text: s, match: -1}}
	}
	var t template
	for {
		at := reference.FindStringSubmatchIndex(s)
		if at == nil {
			break
		}
		if at[0] > 0 {
			t = append(t, piece{text: s[:at[0]], match: -1})
		}
		p := piece{match: -1}
		if at[2] >= 0 {
			n, err := strconv.Atoi(s[at[2]:at[3]])
			if err != nil || n > maxMatch {
				c.fail(where, "%s: there are match variables up to ${%d}", s[at[0]:at[1]], maxMatch)
			}
			p.match = n
		} else {
			p.variable = c.variableName(s[at[4]:at[5]], where)
		}
		t = append(t, p)
		s = s[at[1]:]
	}
	if s != "" || len(t) == 0 {
		t = append(t, piece{text: s, match: -1})
	}
	return t
}

// variableName checks the name of a variable: of this script, or "global.x" (RFC 6609 §3.4).
func (c *compiler) variableName(name string, where place) string {
	name = strings.ToLower(name)
	if space, rest, ok := strings.Cut(name, "."); ok && (space != "global" || !c.has("include") || strings.Contains(rest, ".")) {
		c.fail(where, "there is no variable %s: the namespace %s is not known", name, space)
	}
	return name
}

// decode replaces encoded characters (RFC 5228 §2.4.2.4).
func (c *compiler) decode(s string, where place) string {
	s = encoded.ReplaceAllStringFunc(s, func(all string) string {
		m := encoded.FindStringSubmatch(all)
		var b strings.Builder
		for _, word := range strings.Fields(m[2]) {
			n, err := strconv.ParseUint(word, 16, 32)
			switch {
			case strings.EqualFold(m[1], "hex") && (err != nil || len(word) > 2):
				return all // no encoded character
			case strings.EqualFold(m[1], "hex"):
				b.WriteByte(byte(n))
			case err != nil || n > utf8.MaxRune || 0xd800 <= n && n < 0xe000:
				c.fail(where, "%s is no character", all)
				return all
			default:
				b.WriteRune(rune(n))
			}
		}
		return b.String()
	})
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		c.fail(where, "the encoded octets of %s are no UTF-8 text", quote(s))
	}
	return s
}
