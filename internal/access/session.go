package access

import (
	"errors"
	"net/netip"
)

// ErrNoSession: the secret is that of no session, or of one that has ended.
var ErrNoSession = errors.New("no such session")

// A Client is where a person is: the address and what the browser calls itself.
type Client struct {
	Addr  netip.Addr
	Agent string
}
