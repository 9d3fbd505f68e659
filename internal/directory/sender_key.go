package directory

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// ParseKey returns the canonical form of the SHA-256 of a certificate's key (its
// SubjectPublicKeyInfo, as in TLSA records "3 1 1"): 64 digits. Colons, blanks, capitals and "sha256:" in front are forgiven.
func ParseKey(text string) (string, error) {
	key := strings.ToLower(strings.TrimSpace(text))
	key = strings.NewReplacer(":", "", " ", "").Replace(strings.TrimPrefix(key, "sha256:"))
	if len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: %q is not the SHA-256 of a certificate's key, 64 hexadecimal digits", ErrInvalid, text)
	}
	return key, nil
}

// CertificateKey returns the SHA-256 of the key of a certificate in DER, in the form of ParseKey.
func CertificateKey(der []byte) (string, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrInvalid, strings.TrimPrefix(err.Error(), "x509: "))
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}

// ReadKeys returns the keys in a text: those of certificates in PEM, and the SHA-256 of keys on lines of their own.
func ReadKeys(text string) (keys []string, err error) {
	var block strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key := ""
		switch begun, begins := block.Len() > 0, strings.HasPrefix(line, "-----BEGIN "); {
		case begun && begins:
			return nil, fmt.Errorf("%w: a certificate has no end", ErrInvalid)
		case begun, begins:
			block.WriteString(line + "\n")
			if !strings.HasPrefix(line, "-----END ") {
				continue
			}
			key, err = pemKey(block.String())
			block.Reset()
		case line == "":
			continue
		default:
			key, err = ParseKey(line)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if block.Len() > 0 {
		return nil, fmt.Errorf("%w: a certificate has no end", ErrInvalid)
	}
	return keys, nil
}

// pemKey is the key of one certificate in PEM.
func pemKey(text string) (string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return "", fmt.Errorf("%w: not a certificate in PEM", ErrInvalid)
	}
	return CertificateKey(block.Bytes)
}
