package relay

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// A pin is one TLSA record (RFC 6698 §2.1): what a certificate, or its key, has to be.
type pin struct {
	usage, selector, matching byte
	data                      string
}

// The fields of a TLSA record that mail has a use for (RFC 7672 §3.1). Usages 0 and
// 1, which want an authority besides, are not among them (§3.1.3).
const (
	daneTA = 2 // a certificate that the server's is signed by
	daneEE = 3 // the server's own

	wholeCert = 0
	publicKey = 1

	exact     = 0
	sha256Sum = 1
	sha512Sum = 2
)

// Bounds of the records of one name: how many are looked at, and how large a key in one
// may be, as for keys that servers show (package crypto/tls).
const (
	maxPins = 20
	maxBits = 8192
)

// parsePin reads a record as it is on the wire; ok is false for one that can't be used
// (RFC 7671 §10.1: then it is as if it were not there).
func parsePin(raw []byte) (p pin, ok bool) {
	if len(raw) < 4 {
		return pin{}, false
	}
	p = pin{raw[0], raw[1], raw[2], string(raw[3:])}
	switch {
	case p.usage != daneTA && p.usage != daneEE, p.selector > publicKey:
		return p, false
	case p.matching == sha256Sum:
		return p, len(p.data) == sha256.Size
	case p.matching == sha512Sum:
		return p, len(p.data) == sha512.Size
	case p.matching != exact:
		return p, false
	case p.selector == wholeCert:
		c, err := x509.ParseCertificate([]byte(p.data))
		return p, err == nil && modest(c.PublicKey)
	}
	key, err := x509.ParsePKIXPublicKey([]byte(p.data))
	return p, err == nil && modest(key)
}

// modest reports whether checking a signature with a key takes no more than a moment.
func modest(key any) bool {
	k, is := key.(*rsa.PublicKey)
	return !is || k.N.BitLen() <= maxBits
}

// parsePins returns the records that can be used. Of those that have the same in
// different digests the strongest digest counts (RFC 7671 §9).
func parsePins(raw [][]byte) (pins []pin) {
	for _, r := range raw[:min(len(raw), maxPins)] {
		if p, ok := parsePin(r); ok && !slices.Contains(pins, p) {
			pins = append(pins, p)
		}
	}
	strong := func(p pin) bool {
		return slices.ContainsFunc(pins, func(o pin) bool {
			return o.usage == p.usage && o.selector == p.selector && o.matching == sha512Sum
		})
	}
	var kept []pin
	for _, p := range pins {
		if p.matching != sha256Sum || !strong(p) {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(a, b pin) int { return strings.Compare(a.String(), b.String()) })
	return kept
}

// String is the record as zone files have it.
func (p pin) String() string {
	return fmt.Sprintf("%d %d %d %x", p.usage, p.selector, p.matching, p.data)
}

// short is String for people, who compare the first digits.
func (p pin) short() string {
	s := p.String()
	if len(s) > 24 {
		s = s[:22] + "…"
	}
	return s
}

// matches reports whether a certificate is the one that the record means.
func (p pin) matches(c *x509.Certificate) bool {
	is := c.Raw
	if p.selector == publicKey {
		is = c.RawSubjectPublicKeyInfo
	}
	switch p.matching {
	case sha256Sum:
		sum := sha256.Sum256(is)
		return string(sum[:]) == p.data
	case sha512Sum:
		sum := sha512.Sum512(is)
		return string(sum[:]) == p.data
	}
	return string(is) == p.data
}
