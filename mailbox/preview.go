package mailbox

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
)

const (
	maxPreview  = 200      // characters (RFC 8970 §3.3)
	previewFrom = 16 << 10 // octets of a part that are read for them
)

// Preview returns the first words of a message as a list of messages shows them beside the
// subject: 200 characters at most, all white space one space, what is quoted from others left out.
// "" says that there are none (RFC 8970 §3.2).
func Preview(m *mail.Message) string {
	text := m.Opening(previewFrom)
	var b strings.Builder
	n, space := 0, false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, ">") {
			continue
		}
		for _, r := range line {
			switch {
			case unicode.IsSpace(r):
				space = n > 0
				continue
			case unicode.IsControl(r) || r == utf8.RuneError:
				continue
			case n+2 > maxPreview:
				return b.String()
			case space:
				b.WriteByte(' ')
				n++
			}
			b.WriteRune(r)
			n, space = n+1, false
		}
	}
	return b.String()
}
