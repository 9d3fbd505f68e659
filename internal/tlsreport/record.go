package tlsreport

import (
	"net/url"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// maxPlaces is how many addresses of one domain get a report.
const maxPlaces = 4

// A Place is where a domain wants to be told: exactly one of the two is set.
type Place struct {
	Mail mail.Path // "mailto:"
	URL  string    // "https:"
}

// String is the place in words.
func (p Place) String() string {
	if p.URL != "" {
		return p.URL
	}
	return string(p.Mail)
}

// ParseRecord returns the places that the TXT records at _smtp._tls.<domain> name (RFC
// 8460 §3), those that can be used and not more than four. Where there is more than one
// record of this kind there is none.
func ParseRecord(texts []string) (places []Place) {
	found := 0
	for _, text := range texts {
		fields := strings.Split(text, ";")
		if strings.Trim(fields[0], " \t") != "v=TLSRPTv1" {
			continue
		}
		if found++; found > 1 {
			return nil
		}
		for _, f := range fields[1:] {
			name, value, _ := strings.Cut(f, "=")
			if strings.Trim(name, " \t") != "rua" {
				continue
			}
			for uri := range strings.SplitSeq(value, ",") {
				if p, ok := parsePlace(strings.Trim(uri, " \t")); ok && len(places) < maxPlaces && !slices.Contains(places, p) {
					places = append(places, p)
				}
			}
		}
	}
	return places
}

func parsePlace(uri string) (Place, bool) {
	u, err := url.Parse(uri)
	if err != nil || len(uri) > 2000 {
		return Place{}, false
	}
	switch u.Scheme {
	case "mailto":
		address, err := url.PathUnescape(u.Opaque)
		if err != nil {
			return Place{}, false
		}
		p, err := mail.ParsePath(address)
		// To an address of a machine it would go past all that its network lets in.
		return Place{Mail: p}, err == nil && !p.IsNull() && !strings.HasPrefix(p.Domain(), "[")
	case "https":
		ok := u.Hostname() != "" && u.User == nil
		u.Fragment = ""
		return Place{URL: u.String()}, ok
	}
	return Place{}, false
}
