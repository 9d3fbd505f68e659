package safe

import "strings"

// maxQuote is how deep quotation marks are told apart.
const maxQuote = 4

// plain returns plain text as HTML: escaped, with its line ends and blanks, lines that
// quote marked by how deep they do. Addresses in it stay text.
func plain(text string) string {
	var b strings.Builder
	b.WriteString(`<div class="text">`)
	depth := 0
	for line := range strings.Lines(visible(strings.ReplaceAll(text, "\r", "\n"), true)) {
		if d := quoted(line); d != depth {
			if depth > 0 {
				b.WriteString(`</span>`)
			}
			if depth = d; depth > 0 {
				b.WriteString(`<span class="q` + string(rune('0'+depth)) + `">`)
			}
		}
		b.WriteString(escape(line))
	}
	if depth > 0 {
		b.WriteString(`</span>`)
	}
	b.WriteString(`</div>`)
	return b.String()
}

// quoted returns how many marks of quotation a line begins with (RFC 3676 §4.5).
func quoted(line string) (depth int) {
	for _, r := range line {
		switch r {
		case '>':
			depth++
		case ' ':
		default:
			return min(depth, maxQuote)
		}
	}
	return min(depth, maxQuote)
}
