package certificate

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// ErrUnknown: no certificate was ever asked for under that name.
var ErrUnknown = errors.New("no certificate is ordered for that name")

// An Issued is a name for which an authority is asked, and what it gave.
type Issued struct {
	Name    string // lower-case A-labels
	Private []byte // PKCS #8; nil: none was made yet
	Chain   []byte // PEM, the name's own first; nil: none was issued yet
	Next    []byte // PKCS #8: the key that takes Private's place; nil: Private stays
	NextAt  time.Time
	Due     time.Time // when it is ordered next
	Tries   int       // orders that failed, since the last one that did not
	Problem string    // why the last one failed, in a sentence; "": it did not
	Tried   time.Time // when the last order ended; zero: there was none
}

// pair makes of it what TLS shows.
func (i Issued) pair() (*tls.Certificate, error) {
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: i.Private})
	cert, err := tls.X509KeyPair(i.Chain, key)
	if err != nil {
		return nil, fmt.Errorf("certificate: issued for %s: %w", i.Name, err)
	}
	return &cert, nil
}

// An Account is this system's at an authority (RFC 8555 §7.1.2).
type Account struct {
	Directory string // the authority's URL
	Private   []byte // PKCS #8
	URI       string // "": it is not registered yet
	Contact   string // as it was registered, with commas between
}

// KeyWait is how long a new key waits until a certificate is ordered with it: by then resolvers have the records
// that name both (RFC 7671 §8.1).
const KeyWait = 3 * 24 * time.Hour

// Kinds of proofs, as RFC 8555 §8.3 and RFC 8737 §3 name the challenges.
const (
	HTTP01    = "http-01"     // Key is the token, Answer the key authorization
	TLSALPN01 = "tls-alpn-01" // Key is the name, Answer a certificate and its key, PEM both
)

// A Proof is what an authority is shown that asks whether a name is ours.
type Proof struct {
	Kind, Key string
	Answer    []byte
	Expires   time.Time
}

// Rows keeps what authorities issued, and what is needed to ask them. All nodes of a store have the same.
type Rows interface {
	// Issued returns the names whose rows changed after a revision, in no order, how many there are in all, and the
	// revision that this is of.
	Issued(ctx context.Context, after int64) (changed []Issued, all int, revision int64, err error)
	// ChangeIssued has change edit a name's row in one commit; where there is none it edits a new one. Where change
	// fails nothing is changed, and its error is returned. It may run more than once.
	ChangeIssued(ctx context.Context, name string, change func(*Issued) error) error
	// DropIssued removes a name's row, or fails with ErrUnknown.
	DropIssued(ctx context.Context, name string) error
	// Account returns the account at an authority as PutAccount kept it; one without a key where there is none.
	Account(ctx context.Context, directory string) (Account, error)
	// PutAccount keeps an account in the place of what was there.
	PutAccount(ctx context.Context, a Account) error
	// PutProof keeps a proof in the place of what was there, and removes those that expired before now.
	PutProof(ctx context.Context, p Proof, now time.Time) error
	// Proof returns the answer of a proof; nil where there is none that lasts until now.
	Proof(ctx context.Context, kind, key string, now time.Time) ([]byte, error)
	// DropProof removes a proof, where it is there.
	DropProof(ctx context.Context, kind, key string) error
}

// NewKey makes a private key (ECDSA on P-256, which all authorities and clients take) in PKCS #8.
func NewKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate: new key: %w", err)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// ParseKey reads a private key in PKCS #8.
func ParseKey(der []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("certificate: private key: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("certificate: private key: it can't sign")
	}
	return key, nil
}
