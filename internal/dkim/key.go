package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Bounds of a key. RFC 8301 §3.2 forbids RSA below 1024 bits and asks for 4096 at least;
// what is far larger costs only us.
const (
	minBits   = 1024
	maxBits   = 8192
	maxRecord = 4 << 10 // octets
)

// A Key is a public key, as its record in the DNS has it (RFC 6376 §3.6.1).
type Key struct {
	Algorithm string // "rsa", "ed25519"
	Bits      int    // of an RSA key the modulus; 256 of Ed25519
	Testing   bool   // t=y: what fails is as if it were not signed
	Exact     bool   // t=s: i= has to have just the domain d=
	hashes    []string
	public    crypto.PublicKey
}

// ErrRevoked says that a key's owner took it back.
var ErrRevoked = errors.New("key revoked")

// ParseKey reads a key record. It fails with ErrRevoked where the key is empty.
func ParseKey(record string) (*Key, error) {
	if len(record) > maxRecord {
		return nil, errors.New("key record is too long")
	}
	t, err := parseTags(record, true)
	switch {
	case err != nil:
		return nil, fmt.Errorf("key record: %w", err)
	case t.Has("v") && (t.Get("v") != "DKIM1" || t[0].Name != "v"):
		return nil, errors.New("key record: not of version DKIM1")
	case !t.Has("p"):
		return nil, errors.New("key record: no key")
	case t.Has("s") && !slices.Contains(t.List("s"), "*") && !slices.Contains(t.List("s"), "email"):
		return nil, errors.New("key record: not for mail")
	}
	k := &Key{Algorithm: "rsa", Testing: slices.Contains(t.List("t"), "y"), Exact: slices.Contains(t.List("t"), "s")}
	if t.Has("k") {
		k.Algorithm = t.Get("k")
	}
	if t.Has("h") {
		k.hashes = t.List("h")
	}
	text := compact(t.Get("p"))
	if text == "" {
		return nil, ErrRevoked
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if b, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("key record: key is not in base64")
		}
	}
	return k, k.decode(b)
}

// decode reads the key itself: of RSA a SubjectPublicKeyInfo or, as RFC 6376 has it, an
// RSAPublicKey; of Ed25519 32 octets (RFC 8463 §4).
func (k *Key) decode(b []byte) error {
	switch k.Algorithm {
	case "rsa":
		public, err := x509.ParsePKIXPublicKey(b)
		if err != nil {
			public, err = x509.ParsePKCS1PublicKey(b)
		}
		key, ok := public.(*rsa.PublicKey)
		if err != nil || !ok {
			return errors.New("key record: no RSA key")
		}
		k.public, k.Bits = key, key.N.BitLen()
	case "ed25519":
		if len(b) != ed25519.PublicKeySize {
			return errors.New("key record: no Ed25519 key")
		}
		k.public, k.Bits = ed25519.PublicKey(b), 8*len(b)
	default:
		return fmt.Errorf("key record: unknown kind of key %q", shorten(k.Algorithm))
	}
	return nil
}

// ErrMismatch says that a signature is not one of the key over the hash.
var ErrMismatch = errors.New("signature did not verify")

// Verify checks a signature of algorithm "rsa-sha256" or "ed25519-sha256" over a SHA-256
// hash. It fails with ErrMismatch where they don't fit, and otherwise where the key must
// not be used so.
func (k *Key) Verify(algorithm string, hash, signature []byte) error {
	kind, hashName, _ := strings.Cut(algorithm, "-")
	switch {
	case hashName == "sha1":
		return errors.New("hash algorithm too weak: sha1") // RFC 8301 §3.1
	case hashName != "sha256":
		return fmt.Errorf("unknown algorithm %q", shorten(algorithm))
	case kind != k.Algorithm:
		return fmt.Errorf("the key is of kind %s, the signature of %s", k.Algorithm, shorten(kind))
	case k.hashes != nil && !slices.Contains(k.hashes, hashName):
		return errors.New("the key is not for hashes of SHA-256")
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		switch {
		case k.Bits < minBits:
			return fmt.Errorf("key is too short: %d bits", k.Bits) // RFC 8301 §3.2
		case k.Bits > maxBits:
			return fmt.Errorf("key is too long: %d bits", k.Bits)
		case rsa.VerifyPKCS1v15(public, crypto.SHA256, hash, signature) != nil:
			return ErrMismatch
		}
	case ed25519.PublicKey:
		if !ed25519.Verify(public, hash, signature) {
			return ErrMismatch
		}
	}
	return nil
}

// A Resolver asks the DNS; a *net.DNSError with IsNotFound says that there is no such
// record, any other error that nobody could tell.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Keys fetches keys, each once. It is made for one message and safe for use by many
// goroutines.
type Keys struct {
	resolver Resolver
	mu       sync.Mutex
	known    map[string]*fetched
}

type fetched struct {
	once sync.Once
	key  *Key
	err  error
}

// NewKeys returns Keys that know nothing yet.
func NewKeys(r Resolver) *Keys { return &Keys{resolver: r, known: map[string]*fetched{}} }

// A TempError says that the DNS could not tell: another time it may.
type TempError struct{ cause error }

// Error says why.
func (e *TempError) Error() string { return "key unavailable: " + e.cause.Error() }

// Unwrap returns why.
func (e *TempError) Unwrap() error { return e.cause }

// Get returns the key of a selector and domain, which are names. It fails with a TempError
// where the DNS could not tell.
func (k *Keys) Get(ctx context.Context, selector, domain string) (*Key, error) {
	name := selector + "._domainkey." + domain
	k.mu.Lock()
	f := k.known[name]
	if f == nil {
		f = &fetched{}
		k.known[name] = f
	}
	k.mu.Unlock()
	f.once.Do(func() { f.key, f.err = k.fetch(ctx, name) })
	return f.key, f.err
}

// fetch looks a key up. There should be one record (RFC 6376 §3.6.2.2); of several the first
// that is a key is taken.
func (k *Keys) fetch(ctx context.Context, name string) (*Key, error) {
	if len(name) > 253 {
		return nil, errors.New("no key for signature: its name is too long")
	}
	records, err := k.resolver.LookupTXT(ctx, name)
	var dnsError *net.DNSError
	switch {
	case errors.As(err, &dnsError) && dnsError.IsNotFound, err == nil && len(records) == 0:
		return nil, fmt.Errorf("no key for signature: %s: no such name", name)
	case errors.As(err, &dnsError):
		return nil, &TempError{fmt.Errorf("looking up %s: %s", name, dnsError.Err)} // without our server's address
	case err != nil:
		return nil, &TempError{err}
	}
	var first error
	for _, r := range records[:min(len(records), maxRecords)] {
		key, err := ParseKey(r)
		if err == nil {
			return key, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// maxRecords bounds the records of one name that are read.
const maxRecords = 5

// Domain returns a name in lower-case A-labels (RFC 8616 lets signatures have others), and
// whether it is one: of two labels or more where it stands for a domain.
func Domain(s string) (string, bool) {
	name, ok := dnsName(s)
	return name, ok && strings.Contains(name, ".")
}

// dnsName is Domain for what may have one label.
func dnsName(s string) (string, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			a, err := idna.Lookup.ToASCII(s)
			if err != nil || !utf8.ValidString(s) {
				return s, false
			}
			s = a
			break
		}
	}
	s = strings.ToLower(s)
	if s == "" || len(s) > 253 {
		return s, false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return s, false
		}
	}
	return s, true
}

func isLabel(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 63
}
