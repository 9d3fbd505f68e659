package relay

import (
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
	for _, c := range chain[1:] {
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

// checkPins checks a certificate against TLSA records (RFC 7672 §3). names are those
// that a certificate under a DANE-TA record may have.
func checkPins(host string, pins []pin, names []string, chain []*x509.Certificate, now time.Time) error {
	var near *distrust // a record did match, but something else is wrong
	for _, p := range pins {
		if p.usage == daneEE {
			if p.matches(chain[0]) { // its name and its time don't matter (RFC 7672 §3.1.1)
				return nil
			}
			continue
		}
		if err := p.checkAnchor(host, names, chain, now); err == nil {
			return nil
		} else if err != errNoAnchor {
			errors.As(err, &near)
		}
	}
	if near != nil {
		return near
	}
	var list []string
	for _, p := range pins[:min(len(pins), 4)] {
		list = append(list, p.short())
	}
	return &distrust{tlsreport.ValidationFailure, fmt.Sprintf("the certificate of %s does not match its TLSA record (%s): DANE (RFC 7672) forbids to send there",
		host, strings.Join(list, "; "))}
}

// errNoAnchor: the chain has nothing to do with the record.
var errNoAnchor = errors.New("no trust anchor in the chain")

// checkAnchor checks a chain under a DANE-TA record (RFC 7672 §3.1.2): the server has
// to send the anchor along, unless the record holds all of it (RFC 7671 §5.2).
func (p pin) checkAnchor(host string, names []string, chain []*x509.Certificate, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	anchored := false
	for _, c := range chain[1:] {
		between.AddCert(c)
		if p.matches(c) {
			roots.AddCert(c)
			anchored = true
		}
	}
	if p.matching == exact && !anchored {
		anchored = p.addWhole(roots, chain)
	}
	if !anchored {
		return errNoAnchor
	}
	var first error
	for _, name := range names {
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now})
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	d := explain(host, chain[0], first, now)
	d.text += "; its TLSA record (" + p.short() + ") names an authority, under which that counts: DANE (RFC 7672) forbids to send there"
	return d
}

// addWhole takes the anchor from the record itself: a certificate, or a key that has
// signed one of the chain.
func (p pin) addWhole(roots *x509.CertPool, chain []*x509.Certificate) bool {
	if p.selector == wholeCert {
		c, err := x509.ParseCertificate([]byte(p.data))
		if err == nil {
			roots.AddCert(c)
		}
		return err == nil
	}
	key, err := x509.ParsePKIXPublicKey([]byte(p.data))
	if err != nil {
		return false
	}
	signer := &x509.Certificate{PublicKey: key}
	for _, c := range chain {
		if signer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			roots.AddCert(c)
			return true
		}
	}
	return false
}
