package relay

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gatepost/internal/tlsreport"
)

// A target is one address of a server to try.
type target struct {
	name     string // of the server; "" where only its address is known
	host     string // the mail host by whose health it goes, "" for one found by MX
	addr     netip.AddrPort
	lmtp     bool
	tls      security
	level    string // what a connection is counted as, once it is as secure as asked
	bound    string // the bond in one word, as the pool tells connections apart
	user     string
	password string
	bounded  bool       // Config.Reach is asked first
	source   netip.Addr // to send from; zero: the relay's own
	hello    string     // for EHLO; "": the relay's own

	// What follows says no more of the connection, and is no part of key.
	bond   *bond
	roots  *x509.CertPool
	policy *policy
}

// key is the target as the pool knows it: whatever a connection has to be is in it,
// so that none that was opened under less serves where more is asked.
func (t target) key() target {
	t.bond, t.roots, t.policy = nil, nil, nil
	return t
}

// A security is what is asked of a connection.
type security uint8

const (
	may     security = iota // where it is offered, whatever the certificate (RFC 7435)
	mustNot                 // in the clear
	encrypt                 // or no mail, whatever the certificate
	verify                  // with a certificate that is good for the name
	dane                    // with a certificate that the bond names
)

// The levels of security that deliveries are counted by.
const (
	levelClear    = "clear"
	levelAny      = "opportunistic" // TLS with whoever answered
	levelVerified = "verified"      // as the mail host's own setting asks
	levelSTS      = "mta-sts"
	levelDANE     = "dane"
)

// A policy is what a domain elsewhere published, for the reports to it.
type policy struct {
	tlsreport.Policy
	testing  bool  // mail goes though the server is not as asked
	misnamed error // the policy does not name the server
}

// String names the server as reports do.
func (t target) String() string {
	if t.name == "" {
		return t.addr.String()
	}
	return t.name + " [" + t.addr.Addr().String() + "]:" + portText(t.addr.Port())
}

// tlsConfig: without a policy any certificate will do, since the alternative is
// the clear. Where it matters check looks, whose words are better than the
// library's.
func (t target) tlsConfig(now func() time.Time) *tls.Config {
	c := &tls.Config{
		ServerName: t.name, MinVersion: tls.VersionTLS12, Time: now,
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return t.check(s, now()) },
	}
	if t.bond != nil { // RFC 7672 §8.1
		c.ServerName = t.bond.base
	}
	return c
}

// required says who asks for TLS where it is not an admin here.
func (t target) required() string {
	switch {
	case t.bond != nil:
		return " by its TLSA records (DANE, RFC 7672)"
	case t.level == levelSTS:
		return " by the MTA-STS policy of its domain (RFC 8461)"
	}
	return ""
}

// handshakeError is why TLS did not come about: a certificate that is not as asked
// speaks for itself.
func (t target) handshakeError(err error) error {
	d := (*distrust)(nil)
	switch {
	case !errors.As(err, &d):
		return fmt.Errorf("%w: %w", errHandshake, plainError(err))
	case t.level == levelSTS:
		return &distrust{d.result, d.text + ": the MTA-STS policy of its domain (RFC 8461) forbids to send there"}
	}
	return d
}

// check looks at what a server proved, as far as the target asks.
func (t target) check(s tls.ConnectionState, now time.Time) error {
	name := cmp.Or(t.name, t.addr.Addr().String())
	switch t.tls {
	case verify:
		return checkAuthorities(name, t.roots, s.PeerCertificates, now)
	case dane:
		return checkPins(name, t.bond.pins, t.bond.names, s.PeerCertificates, now)
	}
	return nil
}
