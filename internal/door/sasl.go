package door

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// What is wrong with an exchange, beside ErrLogin, ErrShut and ErrLater.
var (
	ErrMechanism = errors.New("door: no such mechanism")
	ErrBase64    = errors.New("door: the response is not base64")
	ErrResponse  = errors.New("door: malformed response")
	ErrIdentity  = errors.New("door: acting for somebody else is not allowed")
	ErrCancelled = errors.New("door: the client cancelled")
	// ErrBinding: the log-in is bound to another TLS connection, or says that this server
	// could not bind it. Somebody may stand between.
	ErrBinding = errors.New("door: the log-in is not bound to this connection")
)

// The mechanisms, the strongest first: SCRAM (RFC 5802, RFC 7677), bound to the TLS connection
// or not, and PLAIN (RFC 4616). Those of tokens are in bearer.go.
const (
	scramPlus = "SCRAM-SHA-256-PLUS"
	scramBare = "SCRAM-SHA-256"
	plain     = "PLAIN"
)

// SASL is what one connection offers for logging in (RFC 4422).
type SASL struct {
	Auth Authenticator // one that is a Prover, too, offers SCRAM; one that is a Bearer takes tokens
	Peer netip.Addr
	// Binding returns what binds a log-in to the connection (RFC 9266), nil where nothing does.
	Binding func() []byte // optional
}

// SASL returns what the connection offers for logging in to who is known to auth.
func (c *Conn) SASL(auth Authenticator) SASL { return SASL{auth, c.Peer, c.binding} }

// Mechanisms returns the names of what is offered, the strongest first. Whether passwords may be
// said at all is for Conn.MayLogIn to tell.
func (s SASL) Mechanisms() []string {
	var names []string
	if p, ok := s.Auth.(Prover); ok && p.Proves() {
		if s.binding() != nil {
			names = append(names, scramPlus)
		}
		names = append(names, scramBare)
	}
	if b, ok := s.Auth.(Bearer); ok && b.Bears() {
		names = append(names, oauthBearer, xoauth2)
	}
	return append(names, plain)
}

func (s SASL) binding() []byte {
	if s.Binding == nil {
		return nil
	}
	return s.Binding()
}

// An Exchange is one log-in under way. One goroutine owns it.
type Exchange struct {
	Box     int64  // whose it is, once it is done
	Address string // the same
	next    func(ctx context.Context, response []byte) (challenge []byte, done bool, err error)
	failed  error // what it will end with: the client is only told why yet
}

// Next takes a response of the client, the first one without having asked, and returns what the
// server says to it. A challenge that comes with done is what SASL calls additional data with
// success. After done or an error the exchange is over. It fails with ErrLogin, ErrLater,
// ErrResponse, ErrIdentity or ErrBinding, or because it could not tell.
func (x *Exchange) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	return x.next(ctx, response)
}

// Begin starts an exchange by a mechanism, or fails with ErrMechanism.
func (s SASL) Begin(mechanism string) (*Exchange, error) {
	mechanism = strings.ToUpper(mechanism)
	if !slices.Contains(s.Mechanisms(), mechanism) {
		return nil, ErrMechanism
	}
	x := &Exchange{}
	switch mechanism {
	case plain:
		x.next = func(ctx context.Context, response []byte) ([]byte, bool, error) {
			user, password, err := parsePlain(response)
			if err == nil {
				x.Box, x.Address, err = s.Auth.Login(ctx, user, password, s.Peer)
			}
			return nil, err == nil, err
		}
	case oauthBearer, xoauth2:
		shown := &bearer{exchange: x, auth: s.Auth.(Bearer), peer: s.Peer, old: mechanism == xoauth2}
		x.next = shown.first
	default:
		proof := &scram{exchange: x, auth: s.Auth.(Prover), peer: s.Peer, binding: s.binding(), plus: mechanism == scramPlus}
		x.next = proof.first
	}
	return x, nil
}

// parsePlain reads authzid NUL authcid NUL passwd (RFC 4616 §2). Nobody may act as somebody else.
func parsePlain(response []byte) (user, password string, err error) {
	parts := bytes.Split(response, []byte{0})
	switch {
	case len(parts) != 3 || len(parts[1]) == 0:
		return "", "", ErrResponse
	case len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]):
		return "", "", ErrIdentity
	}
	return string(parts[1]), string(parts[2]), nil
}

// A Login is how an exchange ended well.
type Login struct {
	Box     int64
	Address string
	Final   string // in base64, what the client must still be told; "": nothing
}

// Authenticate runs an exchange for a protocol that carries base64. initial is the response that
// came with the command, nil where none did; an empty one may be written as "=". ask
// sends a challenge and returns the response, or ErrCancelled where that is "*".
func (s SASL) Authenticate(ctx context.Context, mechanism string, initial *string, ask func(challenge string) (string, error)) (Login, error) {
	x, err := s.Begin(mechanism)
	if err != nil {
		return Login{}, err
	}
	response := ""
	if initial != nil {
		response = strings.TrimPrefix(*initial, "=")
	} else if response, err = ask(""); err != nil {
		return Login{}, err
	}
	for {
		b, err := base64.StdEncoding.DecodeString(response)
		if err != nil {
			return Login{}, ErrBase64
		}
		challenge, done, err := x.Next(ctx, b)
		if err != nil {
			return Login{}, err
		}
		said := base64.StdEncoding.EncodeToString(challenge)
		if done {
			return Login{x.Box, x.Address, said}, nil
		}
		response, err = ask(said)
		switch {
		case x.failed != nil && (err == nil || errors.Is(err, ErrCancelled)):
			return Login{}, x.failed // whatever the client said to that
		case err != nil:
			return Login{}, err
		}
	}
}

// Confirm tells the client what an exchange ended with, as a challenge that it answers with
// nothing, where a protocol has no other place for it (RFC 4422 §5.2).
func (l Login) Confirm(ask func(challenge string) (string, error)) error {
	if l.Final == "" {
		return nil
	}
	switch response, err := ask(l.Final); {
	case err != nil:
		return err
	case response != "" && response != "=":
		return ErrResponse
	}
	return nil
}
