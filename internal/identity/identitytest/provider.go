// Package identitytest is an identity provider for tests: it signs real tokens, publishes its keys and
// metadata over HTTP, and answers questions about tokens.
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// A Provider is one, at an address of this machine. Use New.
type Provider struct {
	Issuer       string // its URL
	ID, Secret   string // of the client that may ask about tokens
	server       *httptest.Server
	mu           sync.Mutex
	down         bool
	signers      map[jose.SignatureAlgorithm]jose.JSONWebKey
	published    []jose.JSONWebKey
	keys, asked  int // questions
	active       map[string]map[string]any
	generations  int
	otherwise    []byte // what is served in the place of the keys, nil: them
	metadataName string
}

// New starts a provider with a key of each algorithm. Close ends it.
func New() (*Provider, error) {
	p := &Provider{ID: "gatepost", Secret: "sesame:ouvre toi", active: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /keys", p.serveKeys)
	mux.HandleFunc("POST /introspect", p.introspect)
	p.server = httptest.NewServer(mux)
	p.Issuer = p.server.URL
	p.metadataName = p.Issuer
	return p, p.Rotate()
}

// Close ends it.
func (p *Provider) Close() { p.server.Close() }

// Introspection is where it is asked about tokens.
func (p *Provider) Introspection() string { return p.Issuer + "/introspect" }

// Rotate makes new keys, which replace those that are published.
func (p *Provider) Rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generations++
	p.signers, p.published = map[jose.SignatureAlgorithm]jose.JSONWebKey{}, nil
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{jose.RS256: private, jose.ES256: curve, jose.EdDSA: edwards} {
		k := jose.JSONWebKey{Key: key, KeyID: fmt.Sprintf("%s-%d", alg, p.generations), Algorithm: string(alg), Use: "sig"}
		p.signers[alg] = k
		p.published = append(p.published, k.Public())
	}
	return nil
}

// Published returns the public key of an algorithm.
func (p *Provider) Published(alg jose.SignatureAlgorithm) jose.JSONWebKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.signers[alg]
	return key.Public()
}

// Private returns the private key of an algorithm.
func (p *Provider) Private(alg jose.SignatureAlgorithm) jose.JSONWebKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signers[alg]
}

// Serve has other octets served in the place of its keys; nil: its keys again.
func (p *Provider) Serve(octets []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.otherwise = octets
}

// CallItself changes the issuer that the metadata names.
func (p *Provider) CallItself(issuer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metadataName = issuer
}

// SetDown has it answer 503 to everything, or not any more.
func (p *Provider) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Questions returns how often it was asked for its keys, and about tokens.
func (p *Provider) Questions() (keys, tokens int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys, p.asked
}

// Token signs claims, by a key that is published.
func (p *Provider) Token(alg jose.SignatureAlgorithm, claims map[string]any) (string, error) {
	p.mu.Lock()
	key := p.signers[alg]
	p.mu.Unlock()
	return Sign(alg, key, "JWT", claims)
}

// Sign signs claims by any key.
func Sign(alg jose.SignatureAlgorithm, key any, kind string, claims map[string]any) (string, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
	if err != nil {
		return "", err
	}
	return jwt.Signed(s).Claims(claims).Serialize()
}

// Know has the provider say of a token that it is active, with what it is about.
func (p *Provider) Know(token string, claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active[token] = claims
}

// Revoke has it say of a token that it is not active.
func (p *Provider) Revoke(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.active, token)
}

// up locks the provider, unless it is down; then it answers so.
func (p *Provider) up(w http.ResponseWriter) bool {
	p.mu.Lock()
	if p.down {
		p.mu.Unlock()
		http.Error(w, "down", http.StatusServiceUnavailable)
		return false
	}
	return true
}

func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	if !p.up(w) {
		return
	}
	defer p.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]string{"issuer": p.metadataName, "jwks_uri": p.Issuer + "/keys"})
}

func (p *Provider) serveKeys(w http.ResponseWriter, _ *http.Request) {
	if !p.up(w) {
		return
	}
	defer p.mu.Unlock()
	p.keys++
	if p.otherwise != nil {
		w.Write(p.otherwise)
		return
	}
	json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.published})
}

func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	if !p.up(w) {
		return
	}
	defer p.mu.Unlock()
	p.asked++
	// Both are form-urlencoded in the header (RFC 6749 §2.3.1).
	if id, secret, ok := r.BasicAuth(); !ok || id != p.ID || secret != "sesame%3Aouvre+toi" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	answer := map[string]any{"active": false}
	if claims, ok := p.active[r.FormValue("token")]; ok {
		for k, v := range claims {
			answer[k] = v
		}
		answer["active"] = true
	}
	json.NewEncoder(w).Encode(answer)
}
