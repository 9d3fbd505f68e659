package relay

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/tlsreport"
)

// A distrust says why a server's certificate is not what is asked of it.
type distrust struct {
	result tlsreport.Result
	text   string
}

func (d *distrust) Error() string { return d.text }

// checkAuthorities checks a certificate as browsers do: signed by an authority that
// we trust, in time, and good for the name.
func checkAuthorities(name string, roots *x509.CertPool, chain []*x509.Certificate, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:min(len(chain), maxChain)] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now})
	if err == nil {
		return nil
	}
	return explain(name, chain[0], err, now)
}

// explain says what is wrong with a certificate so that its owner can mend it.
func explain(name string, leaf *x509.Certificate, err error, now time.Time) *distrust {
	var invalid x509.CertificateInvalidError
	switch {
	case now.After(leaf.NotAfter):
		return &distrust{tlsreport.Expired, fmt.Sprintf("the certificate of %s ran out on %s", name, leaf.NotAfter.UTC().Format("2006-01-02 15:04 UTC"))}
	case errors.As(err, new(x509.HostnameError)):
		return &distrust{tlsreport.HostMismatch, fmt.Sprintf("the certificate of %s is not for that name, but for %.300s", name, namesOf(leaf))}
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return &distrust{tlsreport.NotTrusted, fmt.Sprintf("the certificate of %s is signed by nobody we trust (its issuer says it is %.200q)", name, leaf.Issuer.String())}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &distrust{tlsreport.Expired, fmt.Sprintf("a certificate in the chain of %s is out of its time: %.300v", name, err)}
	}
	return &distrust{tlsreport.NotTrusted, fmt.Sprintf("the certificate of %s is not valid: %.300v", name, err)}
}

// namesOf lists the names that a certificate is good for, a few of them.
func namesOf(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no name at all"
	case len(names) > 5:
		names = append(names[:5], "…")
	}
	return strings.Join(names, ", ")
}

// maxChain bounds the certificates of a server that are looked at: it sends them, and a
// hundred that fit together in many ways take minutes to go through.
const maxChain = 10

// checkPins checks a certificate against TLSA records (RFC 7672 §3). names are those
// that a certificate under a DANE-TA record may have. Neither a context nor a deadline
// ends it: however many records and certificates there are, it searches a bounded chain
// once.
func checkPins(host string, pins []pin, names []string, chain []*x509.Certificate, now time.Time) error {
	chain = chain[:min(len(chain), maxChain)]
	for _, p := range pins {
		if p.usage == daneEE && p.matches(chain[0]) { // its name and its time don't matter (RFC 7672 §3.1.1)
			return nil
		}
	}
	roots, by := anchors(pins, chain)
	if by != nil {
		return checkAnchored(host, *by, names, roots, chain, now)
	}
	var list []string
	for _, p := range pins[:min(len(pins), 4)] {
		list = append(list, p.short())
	}
	return &distrust{tlsreport.ValidationFailure, fmt.Sprintf("the certificate of %s does not match its TLSA record (%s): DANE (RFC 7672) forbids to send there",
		host, strings.Join(list, "; "))}
}

// anchors gathers what all DANE-TA records name, and the first record that names
// something (RFC 7672 §3.1.2): the server has to send an anchor along, unless the record
// holds all of it (RFC 7671 §5.2).
func anchors(pins []pin, chain []*x509.Certificate) (roots []*x509.Certificate, by *pin) {
	for i, p := range pins {
		if p.usage != daneTA {
			continue
		}
		var found []*x509.Certificate
		for _, c := range chain[1:] {
			if p.matches(c) {
				found = append(found, c)
			}
		}
		if p.matching == exact && found == nil {
			found = p.whole(chain)
		}
		if found != nil && by == nil {
			by = &pins[i]
		}
		roots = append(roots, found...)
	}
	return roots, by
}

// checkAnchored checks a chain that has to end in one of the roots. The names come
// after: each would be a search of its own.
func checkAnchored(host string, by pin, names []string, roots, chain []*x509.Certificate, now time.Time) error {
	ends, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range roots {
		ends.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: ends, Intermediates: between, CurrentTime: now})
	if err == nil {
		for _, name := range names {
			failed := chain[0].VerifyHostname(name)
			if failed == nil {
				return nil
			}
			err = cmp.Or(err, failed)
		}
	}
	d := explain(host, chain[0], err, now)
	d.text += "; its TLSA record (" + by.short() + ") names an authority, under which that counts: DANE (RFC 7672) forbids to send there"
	return d
}

// whole takes the anchor from the record itself: a certificate, or a key that has
// signed one of the chain.
func (p pin) whole(chain []*x509.Certificate) []*x509.Certificate {
	if p.selector == wholeCert {
		c, err := x509.ParseCertificate([]byte(p.data))
		if err != nil {
			return nil
		}
		return []*x509.Certificate{c}
	}
	key, err := x509.ParsePKIXPublicKey([]byte(p.data))
	if err != nil {
		return nil
	}
	signer := &x509.Certificate{PublicKey: key}
	for _, c := range chain {
		if signer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			return []*x509.Certificate{c}
		}
	}
	return nil
}
