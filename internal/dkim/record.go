package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kinds of keys that are made.
const (
	KindRSA     = "rsa"
	KindEd25519 = "ed25519"
)

// NewKey makes a private key of a kind, of RSA with 2048 bits (RFC 8301 §3.2): a record of a longer one does not fit
// into one string of the DNS, nor its answer into one packet.
func NewKey(kind string) (crypto.Signer, error) {
	switch kind {
	case KindRSA:
		return rsa.GenerateKey(rand.Reader, minSigned)
	case KindEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("dkim: there are no keys of kind %q", kind)
}

// Record returns the text of the record that publishes a key (RFC 6376 §3.6.1, RFC 8463 §4): for all services, since reports of
// TLS are signed as well (RFC 8460 §3).
func Record(public crypto.PublicKey) (string, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(k)
		if err != nil {
			return "", fmt.Errorf("dkim: record: %w", err)
		}
		return "v=DKIM1; k=rsa; h=sha256; p=" + base64.StdEncoding.EncodeToString(der), nil
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; h=sha256; p=" + base64.StdEncoding.EncodeToString(k), nil
	}
	return "", errors.New("dkim: record: the key is neither RSA nor Ed25519")
}

// maxString is the longest string of a TXT record (RFC 1035 §3.3.14), in octets.
const maxString = 255

// ZoneText writes the text of a TXT record as a zone file has it (RFC 1035 §5.1): strings of at most 255 octets,
// which a reader puts together again (RFC 6376 §3.6.2.2).
func ZoneText(record string) string {
	var b strings.Builder
	for first := true; first || record != ""; first = false {
		n := min(len(record), maxString)
		if !first {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(record[:n]) + `"`)
		record = record[n:]
	}
	return b.String()
}

// Publishes says what is wrong with a published record for signatures with a private key; nil: nothing is.
func Publishes(record string, public crypto.PublicKey) error {
	k, err := ParseKey(record)
	if err != nil {
		return err
	}
	same, ok := public.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !same.Equal(k.public):
		return errors.New("the record has another key")
	case k.hashes != nil && !slices.Contains(k.hashes, "sha256"):
		return errors.New("the record does not allow SHA-256 (h=)")
	}
	return nil
}
