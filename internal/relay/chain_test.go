package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"
)

// An issuer signs certificates: an authority, or a server that signs its own.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate signed by i, by itself where i is nil. With no names it is
// an authority's.
func (i *issuer) issue(t *testing.T, end time.Time, names ...string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: fmt.Sprint("no ", serial)}, DNSNames: names,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end,
		IsCA: names == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	by := i
	if by == nil {
		by = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, key}
}

// twin is another authority of the same name, with a key of its own.
func (i *issuer) twin(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := *i.cert
	like.PublicKey = &key.PublicKey
	der, err := x509.CreateCertificate(rand.Reader, &like, &like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, key}
}

// server presents the certificate and those above it.
func (i *issuer) server(above ...*issuer) *tls.Config {
	chain := [][]byte{i.cert.Raw}
	for _, a := range above {
		chain = append(chain, a.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: i.key}}}
}

func (i *issuer) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}

// record is the TLSA record of a certificate.
func (i *issuer) record(usage, selector, matching byte) []byte {
	is := i.cert.Raw
	if selector == 1 {
		is = i.cert.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		sum := sha256.Sum256(is)
		is = sum[:]
	case 2:
		sum := sha512.Sum512(is)
		is = sum[:]
	}
	return append([]byte{usage, selector, matching}, is...)
}

// text is the record as zones have it.
func text(raw []byte) string {
	return fmt.Sprintf("%d %d %d %x", raw[0], raw[1], raw[2], raw[3:])
}
