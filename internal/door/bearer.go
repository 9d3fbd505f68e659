package door

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
)

// The mechanisms by which a client shows a token of an identity provider: RFC 7628, and what was
// before it and most mail programs still speak (Google's XOAUTH2).
const (
	oauthBearer = "OAUTHBEARER"
	xoauth2     = "XOAUTH2"
)

// A Bearer is an Authenticator that knows tokens of identity providers, too.
type Bearer interface {
	Authenticator
	// Bears reports whether there is a provider whose tokens are taken.
	Bears() bool
	// Bear logs in whom a token is about. user is who the client says it is, "" where it does not
	// say. It fails with a BadToken where the token opens nothing; with ErrLater as Login does; any
	// other error means that it could not tell.
	Bear(ctx context.Context, user, token string, peer netip.Addr) (box int64, address string, err error)
}

// A BadToken is the error about a token that opens nothing: an ErrLogin, of which the client is told
// what it may do better (RFC 7628 §3.2.2).
type BadToken struct {
	Status        string // as RFC 6750 §3.1 has it: invalid_token, insufficient_scope
	Scope         string // what the token should allow, "": nothing more
	Configuration string // URL of the provider's metadata, "": not told
}

// Error implements error.
func (b BadToken) Error() string { return "door: the token opens nothing: " + b.Status }

// Unwrap makes it an ErrLogin.
func (b BadToken) Unwrap() error { return ErrLogin }

// malformed is what a client is told whose message can't be read.
const malformed = "invalid_request"

// maxBearer bounds a client's message in octets: what RFC 4954 §4.3 leaves of a line in base64.
const maxBearer = 9 << 10

// A bearer is the server's side of both mechanisms.
type bearer struct {
	exchange *Exchange
	auth     Bearer
	peer     netip.Addr
	old      bool // XOAUTH2
}

// first answers the client's message. A failure is told in JSON first; only when the client has
// answered that is the exchange over (RFC 7628 §3.2.3).
func (b *bearer) first(ctx context.Context, message []byte) ([]byte, bool, error) {
	user, token, err := parseBearer(message, b.old)
	if err != nil {
		return b.refuse(BadToken{Status: malformed}, err)
	}
	b.exchange.Box, b.exchange.Address, err = b.auth.Bear(ctx, user, token, b.peer)
	var bad BadToken
	if errors.As(err, &bad) {
		return b.refuse(bad, err)
	}
	return nil, err == nil, err
}

// refuse tells the client why, and waits for its word, whatever that is.
func (b *bearer) refuse(bad BadToken, err error) ([]byte, bool, error) {
	said := map[string]string{"status": bad.Status}
	if b.old { // it knows codes of HTTP alone
		said = map[string]string{"status": "401", "schemes": "bearer"}
		if bad.Status == malformed {
			said["status"] = "400"
		}
	} else if bad.Configuration != "" {
		said["openid-configuration"] = bad.Configuration
	}
	if bad.Scope != "" {
		said["scope"] = bad.Scope
	}
	text, jerr := json.Marshal(said)
	if jerr != nil {
		return nil, false, jerr
	}
	b.exchange.failed = err
	b.exchange.next = func(context.Context, []byte) ([]byte, bool, error) { return nil, false, err }
	return text, false, nil
}

// parseBearer reads gs2-header kvsep *kvpair kvsep (RFC 7628 §3.1), or, of the old mechanism, the
// pairs alone, of which one is the user. What is said of host and port changes nothing.
func parseBearer(message []byte, old bool) (user, token string, err error) {
	text := string(message)
	if len(text) > maxBearer || !strings.HasSuffix(text, "\x01\x01") {
		return "", "", ErrResponse
	}
	pairs := strings.Split(strings.TrimSuffix(text, "\x01\x01"), "\x01")
	if !old {
		if user, err = parseGS2(pairs[0]); err != nil {
			return "", "", err
		}
		pairs = pairs[1:]
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		key, value, ok := strings.Cut(p, "=")
		if !ok || key == "" || seen[key] || strings.Trim(key, letters) != "" {
			return "", "", ErrResponse
		}
		seen[key] = true
		switch {
		case key == "auth":
			token = parseToken(value)
		case key == "user" && old:
			user = value
		}
	}
	if token == "" || strings.ContainsRune(user, 0) {
		return "", "", ErrResponse
	}
	return user, token, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// parseGS2 returns who the client wants to be, "" where it does not say (RFC 5801 §4). Tokens can't
// be bound to the connection.
func parseGS2(header string) (user string, err error) {
	parts := strings.Split(header, ",")
	if len(parts) != 3 || parts[2] != "" || parts[0] != "n" && parts[0] != "y" {
		return "", ErrResponse
	}
	name, named := strings.CutPrefix(parts[1], "a=")
	if !named && parts[1] != "" {
		return "", ErrResponse
	}
	return saslName(name)
}

// parseToken returns the token of "Bearer token" (RFC 6750 §2.1), "" where there is none.
func parseToken(value string) string {
	scheme, token, _ := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	visible := !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if !strings.EqualFold(scheme, "Bearer") || !visible {
		return ""
	}
	return token
}
