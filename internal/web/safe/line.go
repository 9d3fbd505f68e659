package safe

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns foreign text as it may stand in a line of ours: control characters, and
// those that turn the direction of what follows (with which "exe.fdp" is made to look
// like "pdf.exe"), are made visible. It is not escaped.
func Line(s string) string { return visible(s, false) }

// visible makes visible what can't be seen but changes how a text looks; where it has
// lines, their ends and tabs stay.
func visible(s string, lines bool) string {
	if strings.IndexFunc(s, func(r rune) bool { return isUnseen(r, lines) }) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !isUnseen(r, lines):
			b.WriteRune(r)
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			b.WriteByte(' ')
		case r < 0x20:
			b.WriteRune('\u2400' + r) // control pictures
		case r == 0x7f:
			b.WriteRune('\u2421')
		default:
			fmt.Fprintf(&b, "‹U+%04X›", r)
		}
	}
	return b.String()
}

func isUnseen(r rune, lines bool) bool {
	switch {
	case lines && (r == '\n' || r == '\t'):
		return false
	case unicode.IsControl(r):
		return true
	case r == '\u2028' || r == '\u2029':
		return true
	case r == '\u202d' || r == '\u202e': // overrides
		return true
	}
	// Embeddings and isolates belong to honest text in Hebrew or Arabic, but not in a line.
	return !lines && (r >= '\u202a' && r <= '\u202c' || r >= '\u2066' && r <= '\u2069')
}

func escape(s string) string { return html.EscapeString(s) }

// clip returns at most n octets of s, and whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// Text is Line for text of several lines: their ends and tabs stay.
func Text(s string) string {
	return visible(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"), true)
}
