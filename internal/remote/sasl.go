package remote

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
)

// A mechanism is the client's side of a SASL exchange (RFC 4422).
type mechanism interface {
	name() string
	// start returns what is sent first.
	start() []byte
	// next answers a challenge.
	next(challenge []byte) ([]byte, error)
	// end checks that the server knew the password, too, where the mechanism proves that.
	end() error
}

// choose returns the best mechanism that the server offers, nil where none will do: SCRAM before
// PLAIN, and that only where the password may be sent.
func (s Server) choose(offered []string, mayTell bool) mechanism {
	has := func(name string) bool {
		return slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, name) })
	}
	switch {
	case has("SCRAM-SHA-256"):
		return &scram{server: s, label: "SCRAM-SHA-256", hash: sha256.New}
	case has("SCRAM-SHA-1"):
		return &scram{server: s, label: "SCRAM-SHA-1", hash: sha1.New}
	case has("PLAIN") && mayTell:
		return plain{s}
	}
	return nil
}

// plain is RFC 4616.
type plain struct{ server Server }

func (plain) name() string { return "PLAIN" }
func (p plain) start() []byte {
	return []byte(p.server.For + "\x00" + p.server.User + "\x00" + p.server.Password)
}
func (plain) next([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: PLAIN has no challenge", ErrProtocol)
}
func (plain) end() error { return nil }

// maxIterations bounds the work that a server may ask for: about a second.
const maxIterations = 2_000_000

// scram is RFC 5802 and 7677, without channel binding.
type scram struct {
	server Server
	label  string
	hash   func() hash.Hash

	nonce, bare string
	step        int
	signature   []byte // of the server, as it must be
	proven      bool
}

func (c *scram) name() string { return c.label }

// gs2 says that no channel is bound, and whose the account is: the user's own, or another's.
func (c *scram) gs2() string {
	if c.server.For == "" {
		return "n,,"
	}
	return "n,a=" + saslName(c.server.For) + ","
}

func saslName(s string) string { return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s) }

func (c *scram) start() []byte {
	if c.nonce == "" {
		c.nonce = rand.Text()
	}
	c.bare = "n=" + saslName(c.server.User) + ",r=" + c.nonce
	return []byte(c.gs2() + c.bare)
}

func (c *scram) next(challenge []byte) ([]byte, error) {
	switch c.step++; c.step {
	case 1:
		return c.prove(string(challenge))
	case 2:
		return nil, c.check(string(challenge))
	}
	return nil, fmt.Errorf("%w: SCRAM has two challenges", ErrProtocol)
}

// prove answers the server's first message.
func (c *scram) prove(said string) ([]byte, error) {
	var salt []byte
	var nonce string
	var iterations int
	var err error
	for _, f := range strings.Split(said, ",") {
		switch name, v, _ := strings.Cut(f, "="); name {
		case "r":
			nonce = v
		case "s":
			salt, err = base64.StdEncoding.DecodeString(v)
		case "i":
			iterations, err = strconv.Atoi(v)
		case "m":
			err = errors.New("an extension that must be known")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: SCRAM: %w", ErrProtocol, err)
		}
	}
	if !strings.HasPrefix(nonce, c.nonce) || nonce == c.nonce || len(salt) == 0 || iterations < 1 || iterations > maxIterations {
		return nil, fmt.Errorf("%w: SCRAM: a challenge that is none", ErrProtocol)
	}
	salted, err := pbkdf2.Key(c.hash, c.server.Password, salt, iterations, c.hash().Size())
	if err != nil {
		return nil, err
	}
	without := "c=" + base64.StdEncoding.EncodeToString([]byte(c.gs2())) + ",r=" + nonce
	spoken := c.bare + "," + said + "," + without
	key := c.sign(salted, "Client Key")
	h := c.hash()
	h.Write(key)
	proof := make([]byte, len(key))
	subtle.XORBytes(proof, key, c.sign(h.Sum(nil), spoken))
	c.signature = c.sign(c.sign(salted, "Server Key"), spoken)
	return []byte(without + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// check is of the server's last message.
func (c *scram) check(said string) error {
	v, ok := strings.CutPrefix(said, "v=")
	v, _, _ = strings.Cut(v, ",")
	got, err := base64.StdEncoding.DecodeString(v)
	switch {
	case !ok:
		return fmt.Errorf("%w: %s", ErrLogin, quote(said))
	case err != nil || !hmac.Equal(got, c.signature):
		return fmt.Errorf("%w: SCRAM: the server does not know the password", ErrProtocol)
	}
	c.proven = true
	return nil
}

func (c *scram) end() error {
	if !c.proven {
		return fmt.Errorf("%w: SCRAM: the server did not prove to know the password", ErrProtocol)
	}
	return nil
}

func (c *scram) sign(key []byte, text string) []byte {
	h := hmac.New(c.hash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
