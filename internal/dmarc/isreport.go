package dmarc

import (
	"strings"

	"gatepost/internal/mail"
)

// IsReport reports whether a message looks like an aggregate report: of those no reports
// are made, or two receivers would report on each other's reports for ever.
func IsReport(m *mail.Message) bool {
	if !strings.Contains(strings.ToLower(m.Header().Text("Subject")), "report domain:") {
		return false
	}
	for p := range m.Root().All() {
		if isPacked(p) {
			return true
		}
	}
	return false
}

// isPacked reports whether a part may hold a report: by its type, or by its name.
func isPacked(p *mail.Part) bool {
	name := strings.ToLower(p.Filename)
	switch {
	case p.IsMultipart() || p.IsMessage():
		return false
	case strings.HasSuffix(name, ".xml"), strings.HasSuffix(name, ".xml.gz"), strings.HasSuffix(name, ".zip"), strings.HasSuffix(name, ".gz"):
		return true
	}
	for _, kind := range []string{"application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed", "text/xml", "application/xml"} {
		if p.Is(kind) {
			return true
		}
	}
	return false
}
