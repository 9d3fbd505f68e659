package relay

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
)

// A target is one address of a server to try.
type target struct {
	name     string // of the server; "" where only its address is known
	host     string // the mail host by whose health it goes, "" for one found by MX
	addr     netip.AddrPort
	lmtp     bool
	tls      security
	roots    *x509.CertPool
	user     string
	password string
}

// A security is what is asked of a connection.
type security uint8

const (
	may     security = iota // where it is offered, whatever the certificate (RFC 7435)
	mustNot                 // in the clear
	encrypt                 // or no mail, whatever the certificate
	verify                  // with a certificate that is good for the name
)

// String names the server as reports do.
func (t target) String() string {
	if t.name == "" {
		return t.addr.String()
	}
	return t.name + " [" + t.addr.Addr().String() + "]:" + portText(t.addr.Port())
}

// tlsConfig: without a policy any certificate will do, since the alternative is
// the clear.
func (t target) tlsConfig() *tls.Config {
	return &tls.Config{
		ServerName: t.name, RootCAs: t.roots, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: t.tls != verify,
	}
}
