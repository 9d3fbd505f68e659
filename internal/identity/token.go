package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// leeway is how far clocks may differ.
const leeway = time.Minute

// algorithms are those by which a token may be signed. None that a known key's public half could
// satisfy as a secret is among them (RFC 8725 §3.1), whatever the token's header says.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
}

// A parsed is a JWT that was read and not verified.
type parsed struct {
	token     *jwt.JSONWebToken
	kid, kind string // of its header; kind is typ
	algorithm string
	claims    claims // not to be believed yet
}

// parse reads a JWT that is signed by one of the algorithms; nil where a token is none.
func parse(token string) *parsed {
	if len(token) > maxToken {
		return nil
	}
	t, err := jwt.ParseSigned(token, algorithms())
	if err != nil || len(t.Headers) != 1 {
		return nil
	}
	h := t.Headers[0]
	p := &parsed{token: t, kid: h.KeyID, algorithm: h.Algorithm}
	p.kind, _ = h.ExtraHeaders[jose.HeaderType].(string)
	if err := t.UnsafeClaimsWithoutVerification(&p.claims.std, &p.claims.all); err != nil {
		return nil
	}
	return p
}

// claims are what a token says.
type claims struct {
	std jwt.Claims
	all map[string]any
}

// text returns a claim that is a text, else "".
func (c claims) text(name string) string {
	s, _ := c.all[name].(string)
	return s
}

// scopes are what a token allows: scope (RFC 9068 §2.2.3, RFC 7662 §2.2), or scp of Entra.
func (c claims) scopes() (list []string) {
	for _, name := range []string{"scope", "scp"} {
		switch v := c.all[name].(type) {
		case string:
			list = append(list, strings.Fields(v)...)
		case []any:
			for _, one := range v {
				s, _ := one.(string)
				list = append(list, s)
			}
		}
	}
	return list
}

// UnmarshalJSON reads the answer of an introspection.
func (c *claims) UnmarshalJSON(b []byte) error {
	return errors.Join(json.Unmarshal(b, &c.std), json.Unmarshal(b, &c.all))
}

// verify believes a JWT that one of the provider's keys has signed.
func (s *source) verify(ctx context.Context, t *parsed) (claims, error) {
	if t == nil {
		return claims{}, bad("it is no JWT signed by RS256, ES256 or EdDSA")
	}
	// A token for another purpose says so in its type (RFC 8725 §3.11), such as logout+jwt.
	kind := strings.TrimPrefix(strings.ToLower(t.kind), "application/")
	if !slices.Contains([]string{"", "jwt", "at+jwt"}, kind) {
		return claims{}, bad("it is a token of another kind: %.60q", t.kind)
	}
	keys, err := s.keys.find(ctx, func(k jose.JSONWebKey) bool { return fits(k, t) })
	if err != nil {
		return claims{}, err
	}
	for _, k := range keys {
		var c claims
		if err := t.token.Claims(k.Key, &c.std, &c.all); err == nil {
			if c.std.Expiry == nil {
				return claims{}, bad("it has no end (exp)")
			}
			return c, nil
		}
	}
	return claims{}, bad("none of the provider's keys has signed it (kid %.100q)", t.kid)
}

// fits reports whether a key may have signed a token: it is for that, and strong.
func fits(k jose.JSONWebKey, t *parsed) bool {
	if t.kid != "" && k.KeyID != t.kid || k.Algorithm != "" && k.Algorithm != t.algorithm || k.Use != "" && k.Use != "sig" {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return t.algorithm == string(jose.RS256) && bits >= 2048 && bits <= 8192
	case *ecdsa.PublicKey:
		return t.algorithm == string(jose.ES256) && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return t.algorithm == string(jose.EdDSA)
	}
	return false
}

// person checks what a genuine token says, and for whom.
func (s *source) person(c claims) (Person, error) {
	want := jwt.Expected{AnyAudience: s.Audience, Time: s.now()}
	if c.std.Issuer != "" || s.Introspection == "" {
		want.Issuer = s.Issuer
	}
	switch err := c.std.ValidateWithLeeway(want, leeway); {
	case errors.Is(err, jwt.ErrExpired):
		b := bad("its time is over since %v", c.std.Expiry.Time().UTC())
		b.Genuine = true
		return Person{}, b
	case errors.Is(err, jwt.ErrInvalidAudience):
		return Person{}, bad("it is for %.200q (aud), and not for us", []string(c.std.Audience))
	case err != nil:
		return Person{}, bad("%v", err)
	}
	allowed := c.scopes()
	for _, word := range strings.Fields(s.Scope) {
		if !slices.Contains(allowed, word) {
			return Person{}, Bad{Status: lacksScope, Reason: "it does not allow " + word}
		}
	}
	address := c.text(s.Claim)
	if address == "" {
		return Person{}, bad("it has no claim %s, or one that is no text", s.Claim)
	}
	// Where people may set their own address it is theirs only once the provider has asked them there.
	if proved, told := c.all["email_verified"]; told && s.Claim == "email" && proved != true && proved != "true" {
		return Person{}, bad("the provider has not verified its address (email_verified)")
	}
	return Person{address, s.Provider}, nil
}
