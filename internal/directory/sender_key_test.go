package directory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// certificate makes one, and returns it in PEM with the SHA-256 of its key.
func certificate(t testing.TB) (text, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), hex.EncodeToString(sum[:])
}

func TestReadKeys(t *testing.T) {
	one, first := certificate(t)
	two, second := certificate(t)
	plain := strings.Repeat("AB:", 31) + "AB"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":      {" \r\n\n", nil},
		"certificates": {one + strings.ReplaceAll(two, "\n", "\r\n"), []string{first, second}},
		"both":         {plain + "\n\n" + one + " sha256:" + second, []string{strings.Repeat("ab", 32), first, second}},
	} {
		if got, err := ReadKeys(c.text); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	private := strings.ReplaceAll(one, "CERTIFICATE", "PRIVATE KEY")
	for name, text := range map[string]string{
		"words": "my certificate", "no end": strings.TrimSuffix(one, "-----END CERTIFICATE-----\n"), "a private key": private, "damaged": strings.Replace(one, "MI", "", 1),
		"two begin": "-----BEGIN CERTIFICATE-----\n" + one, "one of two": one + "x",
	} {
		if got, err := ReadKeys(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzReadKeys(f *testing.F) {
	one, _ := certificate(f)
	f.Add(one + strings.Repeat("ab", 32))
	f.Add("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ReadKeys(text)
		if err != nil {
			return
		}
		for _, key := range keys {
			if same, err := ParseKey(key); err != nil || same != key {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}
