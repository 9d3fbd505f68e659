package filters

import "gatepost/internal/mail"

// maxAuthors bounds how many authors are looked at.
const maxAuthors = 20

// authors returns every mailbox in every From field: a filter that looks for bad
// ones must not be misled by a second.
func authors(m *mail.Message) (paths []mail.Path) {
	for _, a := range m.From() {
		if p, ok := a.Path(); ok && len(paths) < maxAuthors {
			paths = append(paths, p)
		}
	}
	return paths
}

func authorDomains(m *mail.Message) (domains []string) {
	for _, p := range authors(m) {
		domains = append(domains, p.Domain())
	}
	return domains
}
