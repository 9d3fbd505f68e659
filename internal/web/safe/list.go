package safe

import "gatepost/internal/mail"

// A Part is one part of a message that is not shown but listed.
type Part struct {
	Name string // as its sender named it, through Line; "" where it has no name
	Type string // "application/pdf"
	Size int64  // octets, decoded; reckoned from the encoded length, so a few more or less
}

// List returns the attachments of a message, MaxListed at most, and whether these are all:
// what Render does not show.
func List(m *mail.Message) (parts []Part, all bool) {
	for p := range m.Root().All() {
		if isShown(p) || p.IsMultipart() || p.IsMessage() && len(p.Parts) > 0 && p.Filename == "" {
			continue
		}
		if len(parts) == MaxListed {
			return parts, false
		}
		parts = append(parts, Part{Name: Line(clip(p.Filename, 255)), Type: Line(clip(p.Type+"/"+p.Subtype, 100)), Size: decodedSize(p)})
	}
	return parts, true
}

// decodedSize reckons the octets of a part's body without decoding it.
func decodedSize(p *mail.Part) int64 {
	size := p.End - p.Body
	switch p.Encoding {
	case "base64":
		return max(0, size-2*int64(p.Lines)) * 3 / 4
	default:
		return size
	}
}
