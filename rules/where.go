package rules

import (
	"fmt"
	"strings"

	"gatepost/internal/mail"
)

// Where names a part of a message that a pattern searches: one of the constants,
// or a header field (see Header).
type Where string

// The parts of a message.
const (
	Subject  Where = "subject"
	Body     Where = "body"     // text as a reader sees it, of plain and HTML parts
	HTML     Where = "html"     // the source of HTML parts
	URL      Where = "url"      // each address that the text names or HTML points to
	Filename Where = "filename" // of each attachment
	Raw      Where = "raw"      // the content as it came, not decoded, its first MaxRaw octets
)

// MaxRaw bounds what is searched of the raw content.
const MaxRaw = 1 << 20

const headerPrefix = "header "

// Header returns the place of a header field's decoded values: "header list-id".
func Header(name string) Where { return Where(headerPrefix + strings.ToLower(name)) }

// ParseWhere reads the name of a part, "body" or "header NAME", in either case.
func ParseWhere(s string) (Where, error) {
	w := Where(strings.ToLower(strings.TrimSpace(s)))
	switch w {
	case Subject, Body, HTML, URL, Filename, Raw:
		return w, nil
	}
	name, ok := strings.CutPrefix(string(w), headerPrefix)
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, " \t:") {
		return "", fmt.Errorf("rules: no part of a message is called %q", s)
	}
	return Header(name), nil
}

// Parts gives the texts of a part, in UTF-8 as far as they are; none where the
// message has no such part. It is asked once for each place that a set searches.
type Parts func(Where) []string

// PartsOf returns the parts of a message.
func PartsOf(m *mail.Message) Parts {
	return func(w Where) []string {
		switch w {
		case Subject:
			return m.Header().Texts("Subject")
		case Body:
			return []string{m.Extract().Text, m.Extract().Visible}
		case HTML:
			return []string{m.Extract().HTML}
		case URL:
			return m.Extract().URLs()
		case Filename:
			return m.Extract().Filenames
		case Raw:
			return []string{raw(m)}
		}
		return m.Header().Texts(strings.TrimPrefix(string(w), headerPrefix))
	}
}

// raw returns the start of the content; what can't be read is left out.
func raw(m *mail.Message) string {
	b := make([]byte, min(m.Size(), MaxRaw))
	n, _ := m.ReadAt(b, 0)
	return string(b[:n])
}
