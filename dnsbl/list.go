package dnsbl

import (
	"fmt"
	"strings"

	"gatepost/internal/mail"
)

// A Kind is what a list is about.
type Kind string

// The kinds.
const (
	Deny   Kind = "deny"   // addresses of bad repute
	Allow  Kind = "allow"  // addresses of good repute
	Domain Kind = "domain" // domains of bad repute
)

// A List is one DNS list with what its answers mean.
type List struct {
	Zone   string // "zen.example.net"
	Kind   Kind
	Weight float64 // its voice among the others, more than 0
	Enough bool    // a hit of this list alone decides
	Codes  Codes   // the answers that are hits
	// Ceiling is the share of hits among those it is asked about above which it is probed at
	// once, 0 to 1; 0: 0.95, of kind Allow 0.8; 1: never.
	Ceiling float64
	// Addresses: a list of kind Domain that knows addresses, too, such as those in links;
	// they are asked reversed.
	Addresses bool
	// Test is the name by which a list of kind Domain shows that it works; "": TEST, as RFC 5782
	// §5 has it. Some that are older than it have others.
	Test string
}

// NewList returns a list, or says what is wrong with it. An empty kind is Deny, no
// weight is 1, no codes are DefaultCodes.
func NewList(zone, kind string, weight float64, enough bool, codes []string) (List, error) {
	l := List{Kind: Kind(kind), Weight: weight, Enough: enough}
	var err error
	if l.Zone, err = mail.ParseDomain(zone); err != nil || strings.HasPrefix(zone, "[") {
		return l, fmt.Errorf("zone %q is not a domain", zone)
	}
	switch l.Kind {
	case "":
		l.Kind = Deny
	case Deny, Allow, Domain:
	default:
		return l, fmt.Errorf("list %s: kind %q is not deny, allow or domain", l.Zone, kind)
	}
	switch {
	case weight == 0:
		l.Weight = 1
	case weight < 0 || weight != weight || weight > 1000:
		return l, fmt.Errorf("list %s: weight %v is not between 0 and 1000", l.Zone, weight)
	}
	if l.Codes, err = ParseCodes(codes); err != nil {
		return l, fmt.Errorf("list %s: %w", l.Zone, err)
	}
	return l, nil
}
