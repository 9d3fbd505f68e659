package dkim

import (
	"errors"
	"fmt"
	"strings"
)

// A Tag is one "name=value" of a tag list. Value has no white space around it; inside it
// stands as written, line ends of folding too.
type Tag struct{ Name, Value string }

// Tags are a tag list (RFC 6376 §3.2), in its order. No name is there twice.
type Tags []Tag

// maxTags bounds a list.
const maxTags = 100

var errTags = errors.New("malformed tag list")

// ParseTags reads a tag list as a signature has it. The final ";" may be there or not.
func ParseTags(s string) (Tags, error) { return parseTags(s, false) }

// parseTags reads a tag list; a lenient reader passes over what is empty, which some key
// records have.
func parseTags(s string, lenient bool) (tags Tags, err error) {
	specs := strings.Split(s, ";")
	if len(specs) > maxTags {
		return nil, fmt.Errorf("%w: more than %d tags", errTags, maxTags)
	}
	for i, spec := range specs {
		if trim(spec) == "" && (lenient || i > 0 && i == len(specs)-1) {
			continue
		}
		name, value, ok := strings.Cut(spec, "=")
		name = trim(name)
		if !ok || !isTagName(name) {
			return tags, fmt.Errorf("%w: %q", errTags, shorten(trim(spec)))
		}
		if _, twice := tags.find(name); twice {
			return tags, fmt.Errorf("%w: %s= twice", errTags, name)
		}
		if !isTagValue(value) {
			return tags, fmt.Errorf("%w: value of %s=", errTags, name)
		}
		tags = append(tags, Tag{name, trim(value)})
	}
	return tags, nil
}

// Get returns a tag's value, "" where it is absent. Names are case-sensitive.
func (t Tags) Get(name string) string {
	v, _ := t.find(name)
	return v
}

// Has reports whether a tag is there, be it empty.
func (t Tags) Has(name string) bool {
	_, ok := t.find(name)
	return ok
}

func (t Tags) find(name string) (string, bool) {
	for _, tag := range t {
		if tag.Name == name {
			return tag.Value, true
		}
	}
	return "", false
}

// List returns the parts of a tag's value that colons separate, without white space around
// them.
func (t Tags) List(name string) []string {
	parts := strings.Split(t.Get(name), ":")
	for i := range parts {
		parts[i] = trim(parts[i])
	}
	return parts
}

func isTagName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// isTagValue takes what RFC 6376 §3.2 does, and UTF-8 (RFC 8616).
func isTagValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && !isSpace(c) || c == 0x7f {
			return false
		}
	}
	return true
}

// isSpace reports whether an octet is white space in a folded value.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// compact drops all white space.
func compact(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isSpace(byte(r)) {
			return -1
		}
		return r
	}, s)
}

// shorten bounds a text that is only told.
func shorten(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
