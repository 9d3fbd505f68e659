package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
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
	"path/filepath"
	"time"

	"gatepost/internal/config"
)

// tlsConfig returns the node's TLS settings with the configured certificate, or,
// where none is given, with a self-signed one that is made once and kept in the
// data directory: mail servers encrypt opportunistically and rarely ask who signed
// (RFC 7435), and people get a warning that the documentation explains.
func tlsConfig(c *config.Config, now time.Time) (*tls.Config, error) {
	cert, err := loadCertificate(c, now)
	if err != nil {
		return nil, err
	}
	// RFC 8996: nothing below TLS 1.2. The library's cipher suites are those of
	// RFC 9325.
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

func loadCertificate(c *config.Config, now time.Time) (tls.Certificate, error) {
	if c.TLS.Cert != "" || c.TLS.Key != "" {
		cert, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return cert, fmt.Errorf("app: certificate %s, key %s: %w", c.TLS.Cert, c.TLS.Key, err)
		}
		return cert, nil
	}
	path := filepath.Join(c.Data, selfSigned)
	cert, err := tls.LoadX509KeyPair(path, path)
	if err == nil && cert.Leaf != nil && cert.Leaf.VerifyHostname(c.Hostname) == nil && now.Before(cert.Leaf.NotAfter.Add(-30*24*time.Hour)) {
		return cert, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cert, fmt.Errorf("app: self-signed certificate %s: %w (remove the file and a new one is made)", path, err)
	}
	if err := selfSign(path, c.Hostname, now); err != nil {
		return cert, fmt.Errorf("app: self-signed certificate: %w", err)
	}
	return tls.LoadX509KeyPair(path, path)
}

// selfSign writes a certificate for name and its key to path, readable by the
// owner alone.
func selfSign(path, name string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
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
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
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
