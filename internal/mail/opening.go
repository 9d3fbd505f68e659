package mail

// Opening returns the start of what a reader sees of the message, in UTF-8 and with lines ended by LF:
// of its first part of plain text, or of its first part of HTML where that one is missing or
// blank. At most limit octets of a part's decoded body are read. It is "" where there is
// nothing to read.
func (m *Message) Opening(limit int64) string {
	var html *Part
	for p := range m.Root().All() {
		switch {
		case !p.isText() || p.Filename != "":
		case p.isHTML():
			if html == nil {
				html = p
			}
		default:
			text, _ := m.Text(p, limit)
			if text, _ = shown(text); !isBlank(text) {
				return text
			}
		}
	}
	if html == nil {
		return ""
	}
	text, _ := m.Text(html, limit)
	var seen page
	readHTML(text, &seen)
	return seen.visible.String()
}

func isBlank(s string) bool {
	for _, r := range s {
		if isInk(r) {
			return false
		}
	}
	return true
}
