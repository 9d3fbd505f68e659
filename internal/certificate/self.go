package certificate

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// selfSigned returns the certificate for name that is kept at path. It is made when there is none, anew 30 days
// before its end, and when the node has another name.
func selfSigned(path, name string, now time.Time) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(path, path)
	if err == nil && cert.Leaf != nil && cert.Leaf.VerifyHostname(name) == nil && now.Before(cert.Leaf.NotAfter.Add(-30*24*time.Hour)) {
		return &cert, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("certificate: self-signed %s: %w (remove the file and a new one is made)", path, err)
	}
	if err := selfSign(path, name, now); err != nil {
		return nil, fmt.Errorf("certificate: self-signed %s: %w", path, err)
	}
	if cert, err = tls.LoadX509KeyPair(path, path); err != nil {
		return nil, fmt.Errorf("certificate: self-signed %s: %w", path, err)
	}
	return &cert, nil
}

// selfSign writes a certificate for name and its key to path, readable by the owner alone.
func selfSign(path, name string, now time.Time) error {
	private, err := NewKey()
	if err != nil {
		return err
	}
	key, err := ParseKey(private)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	temp := path + ".new"
	if err := os.WriteFile(temp, out, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
