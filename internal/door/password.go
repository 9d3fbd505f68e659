package door

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// What is wrong with a response of PLAIN.
var (
	ErrBase64   = errors.New("door: the response is not base64")
	ErrPlain    = errors.New("door: malformed response")
	ErrIdentity = errors.New("door: acting for somebody else is not allowed")
)

// ParsePlain reads authzid NUL authcid NUL passwd (RFC 4616 §2) in base64. Nobody may act
// as somebody else. It fails with ErrBase64, ErrPlain or ErrIdentity.
func ParsePlain(response string) (user, password string, err error) {
	b, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return "", "", ErrBase64
	}
	parts := bytes.Split(b, []byte{0})
	switch {
	case len(parts) != 3 || len(parts[1]) == 0:
		return "", "", ErrPlain
	case len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]):
		return "", "", ErrIdentity
	}
	return string(parts[1]), string(parts[2]), nil
}
