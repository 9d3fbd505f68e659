package door

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
)

// A Prover is an Authenticator that needs no password to be told: it keeps keys, by which a
// client proves that it knows one of the user's passwords.
type Prover interface {
	Authenticator
	// Proves reports whether it is offered now.
	Proves() bool
	// Salt returns what all of a user's passwords are salted with. An unknown user has a salt as
	// well, always the same, so that nobody can tell.
	Salt(ctx context.Context, user string) (salt []byte, iterations int, err error)
	// Prove logs in a user one of whose keys fit; else it fails as Login does.
	Prove(ctx context.Context, user string, peer netip.Addr, fits func(Keys) bool) (box int64, address string, err error)
}

// Keys are what is kept of one password (RFC 5802 §3): with them a proof can be recognised, and
// none be made.
type Keys struct{ Stored, Server []byte }

// Bounds of what a client says.
const (
	maxSCRAM   = 4096 // octets of a message
	nonceOwn   = 18   // octets of the server's part of the nonce
	bindingTag = "tls-exporter"
)

// A scram is the server's side of SCRAM-SHA-256. It is no library's, since one user has several
// passwords here: all are salted alike, and the proof tells which one it is.
type scram struct {
	exchange *Exchange
	auth     Prover
	peer     netip.Addr
	binding  []byte // nil: the connection has none
	plus     bool   // the client chose to bind the log-in

	user   string
	bound  []byte // what the client's c= must be
	nonce  string
	spoken []byte // of AuthMessage: client-first-message-bare "," server-first-message ","
}

// first answers client-first-message (RFC 5802 §7).
func (s *scram) first(ctx context.Context, message []byte) ([]byte, bool, error) {
	gs2, bare, err := s.header(message)
	if err != nil {
		return nil, false, err
	}
	fields := strings.Split(bare, ",")
	if len(fields) < 2 { // m= is an extension that must be understood
		return nil, false, ErrResponse
	}
	user, ok := strings.CutPrefix(fields[0], "n=")
	nonce, ok2 := strings.CutPrefix(fields[1], "r=")
	if s.user, err = saslName(user); !ok || !ok2 || err != nil || s.user == "" || !printable(nonce) {
		return nil, false, ErrResponse
	}
	if acting := strings.TrimPrefix(strings.Split(gs2, ",")[1], "a="); acting != "" && acting != user {
		return nil, false, ErrIdentity
	}
	salt, iterations, err := s.auth.Salt(ctx, s.user)
	if err != nil {
		return nil, false, err
	}
	own := make([]byte, nonceOwn)
	rand.Read(own)
	s.nonce = nonce + base64.StdEncoding.EncodeToString(own)
	answer := fmt.Sprintf("r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(salt), iterations)
	s.bound = append([]byte(gs2), s.boundTo()...)
	s.spoken = []byte(bare + "," + answer + ",")
	s.exchange.next = s.final
	return []byte(answer), false, nil
}

// header cuts gs2-header off, and checks how the client binds the log-in (RFC 5802 §6).
func (s *scram) header(message []byte) (gs2, bare string, err error) {
	if len(message) > maxSCRAM {
		return "", "", ErrResponse
	}
	parts := strings.SplitN(string(message), ",", 3)
	if len(parts) != 3 || parts[1] != "" && !strings.HasPrefix(parts[1], "a=") {
		return "", "", ErrResponse
	}
	switch flag := parts[0]; {
	case s.plus && flag != "p="+bindingTag:
		return "", "", ErrBinding
	case s.plus || flag == "n":
	case flag == "y" && s.binding != nil: // it was told that this server can't: somebody changed the list of mechanisms
		return "", "", ErrBinding
	case flag != "y":
		return "", "", ErrResponse
	}
	return parts[0] + "," + parts[1] + ",", parts[2], nil
}

func (s *scram) boundTo() []byte {
	if s.plus {
		return s.binding
	}
	return nil
}

// final answers client-final-message: a proof that fits one of the user's keys.
func (s *scram) final(ctx context.Context, message []byte) ([]byte, bool, error) {
	s.exchange.next = func(context.Context, []byte) ([]byte, bool, error) { return nil, false, ErrResponse }
	at := bytes.LastIndex(message, []byte(",p="))
	if at < 0 || len(message) > maxSCRAM {
		return nil, false, ErrResponse
	}
	proof, err := base64.StdEncoding.DecodeString(string(message[at+3:]))
	fields := strings.Split(string(message[:at]), ",")
	if err != nil || len(proof) != sha256.Size || len(fields) < 2 {
		return nil, false, ErrResponse
	}
	c, ok := strings.CutPrefix(fields[0], "c=")
	bound, err := base64.StdEncoding.DecodeString(c)
	if !ok || err != nil || fields[1] != "r="+s.nonce {
		return nil, false, ErrResponse
	}
	if subtle.ConstantTimeCompare(bound, s.bound) != 1 {
		return nil, false, ErrBinding
	}
	spoken := append(s.spoken, message[:at]...)
	var signature []byte
	fits := func(k Keys) bool {
		ok := proves(k, proof, spoken)
		if ok {
			signature = sign(k.Server, spoken)
		}
		return ok
	}
	if s.exchange.Box, s.exchange.Address, err = s.auth.Prove(ctx, s.user, s.peer, fits); err != nil {
		return nil, false, err
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(signature)), true, nil
}

// proves reports whether a proof was made by who knows the password of these keys: ClientKey is
// the proof without ClientSignature, and its hash is StoredKey (RFC 5802 §3).
func proves(k Keys, proof, spoken []byte) bool {
	if len(k.Stored) != sha256.Size {
		return false
	}
	key := make([]byte, sha256.Size)
	subtle.XORBytes(key, proof, sign(k.Stored, spoken))
	sum := sha256.Sum256(key)
	return subtle.ConstantTimeCompare(sum[:], k.Stored) == 1
}

func sign(key, text []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(text)
	return m.Sum(nil)
}

// saslName reads a name in which "=2C" stands for a comma and "=3D" for an equals sign.
func saslName(s string) (string, error) {
	plain := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(s)
	if strings.Count(s, "=") != strings.Count(s, "=2C")+strings.Count(s, "=3D") || strings.ContainsRune(s, 0) {
		return "", ErrResponse
	}
	return plain, nil
}

// printable is what a nonce is: one octet and more, visible, without a comma.
func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' || r == ',' })
}
