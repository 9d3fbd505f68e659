// Package doortest has what tests of doors need: the client's side of SCRAM, and users whose
// passwords are known.
package doortest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"gatepost/internal/door"
)

// A Client is the client's side of SCRAM-SHA-256 (RFC 5802). Responses and challenges are in base64.
type Client struct {
	User, Password string
	Nonce          string // "": a fixed one
	GS2            string // "": "n,,"
	Binding        []byte // of the TLS connection

	bare, spoken string
	salted       []byte
}

// First returns the first message.
func (c *Client) First() string {
	if c.GS2 == "" {
		c.GS2 = "n,,"
	}
	if c.Nonce == "" {
		c.Nonce = "fyko+d2lbbFgONRv9qkxdawL"
	}
	c.bare = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(c.User) + ",r=" + c.Nonce
	return encode([]byte(c.GS2 + c.bare))
}

// Final answers the server's first message with the proof.
func (c *Client) Final(challenge string) (string, error) {
	said, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return "", err
	}
	var salt []byte
	var nonce string
	iterations := 0
	for _, f := range strings.Split(string(said), ",") {
		switch name, v, _ := strings.Cut(f, "="); name {
		case "r":
			nonce = v
		case "s":
			salt, err = base64.StdEncoding.DecodeString(v)
		case "i":
			_, err = fmt.Sscan(v, &iterations)
		}
		if err != nil {
			return "", err
		}
	}
	if !strings.HasPrefix(nonce, c.Nonce) || len(nonce) == len(c.Nonce) {
		return "", errors.New("doortest: the nonce is another")
	}
	if c.salted, err = pbkdf2.Key(sha256.New, c.Password, salt, iterations, sha256.Size); err != nil {
		return "", err
	}
	without := "c=" + encode(append([]byte(c.GS2), c.Binding...)) + ",r=" + nonce
	c.spoken = c.bare + "," + string(said) + "," + without
	key := sign(c.salted, "Client Key")
	stored := sha256.Sum256(key)
	proof := make([]byte, sha256.Size)
	subtle.XORBytes(proof, key, sign(stored[:], c.spoken))
	return encode([]byte(without + ",p=" + encode(proof))), nil
}

// Check fails where the server's last message does not prove that it knows the keys.
func (c *Client) Check(challenge string) error {
	want := "v=" + encode(sign(sign(c.salted, "Server Key"), c.spoken))
	if got, err := base64.StdEncoding.DecodeString(challenge); err != nil || string(got) != want {
		return fmt.Errorf("doortest: the server says %q, want %q", got, want)
	}
	return nil
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func sign(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// Users is a door.Prover: each user has several passwords. Each is a token as well (door.Bearer), once there
// is a user "tokens". Of user "later" there were too many
// wrong ones, to "shut" the door is not open, and of "broken" nothing can be told.
type Users map[string][]string

// Salt and iterations of all users. RFC 7677 §4 asks for 4096 at least; tests have no time.
const (
	salt       = "the salt of all"
	iterations = 16
)

// Login implements door.Authenticator. The number of a user is the length of the name.
func (u Users) Login(_ context.Context, user, password string, _ netip.Addr) (int64, string, error) {
	return u.in(user, func(known string) bool { return known == password })
}

// Salt implements door.Prover.
func (u Users) Salt(context.Context, string) ([]byte, int, error) {
	return []byte(salt), iterations, nil
}

// Prove implements door.Prover.
func (u Users) Prove(_ context.Context, user string, _ netip.Addr, fits func(door.Keys) bool) (int64, string, error) {
	return u.in(user, func(known string) bool {
		salted, err := pbkdf2.Key(sha256.New, known, []byte(salt), iterations, sha256.Size)
		stored := sha256.Sum256(sign(salted, "Client Key"))
		return err == nil && fits(door.Keys{Stored: stored[:], Server: sign(salted, "Server Key")})
	})
}

// Proves implements door.Prover.
func (u Users) Proves() bool { return u["elsewhere"] == nil }

// Bears implements door.Bearer.
func (u Users) Bears() bool { return u["tokens"] != nil }

// Bear implements door.Bearer. Who says nothing of himself is the user of that name.
func (u Users) Bear(_ context.Context, user, token string, _ netip.Addr) (int64, string, error) {
	if user == "" {
		user = token
	}
	box, address, err := u.in(user, func(known string) bool { return known == token })
	if errors.Is(err, door.ErrLogin) {
		err = door.BadToken{Status: "invalid_token", Scope: "mail", Configuration: "https://id.example.org/.well-known/openid-configuration"}
	}
	return box, address, err
}

// Shown is what a client says by OAUTHBEARER (RFC 7628), in base64.
func Shown(user, token string) string {
	return encode([]byte("n,a=" + user + ",\x01host=mail.example.org\x01port=993\x01auth=Bearer " + token + "\x01\x01"))
}

// Told is what Users have a client told by OAUTHBEARER whose token is wrong, in base64, and Heard what it
// answers to that.
const (
	Told  = "eyJvcGVuaWQtY29uZmlndXJhdGlvbiI6Imh0dHBzOi8vaWQuZXhhbXBsZS5vcmcvLndlbGwta25vd24vb3BlbmlkLWNvbmZpZ3VyYXRpb24iLCJzY29wZSI6Im1haWwiLCJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0="
	Heard = "AQ=="
)

func (u Users) in(user string, right func(password string) bool) (int64, string, error) {
	switch user {
	case "later":
		return 0, "", door.ErrLater
	case "shut":
		return 0, "", door.ErrShut
	case "broken":
		return 0, "", errors.New("no database")
	}
	for _, known := range u[user] {
		if right(known) {
			return int64(len(user)), user, nil
		}
	}
	return 0, "", door.ErrLogin
}
