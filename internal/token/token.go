// Package token seals short statements that leave the house in a link and come back
// by somebody's click: "release this held message", "who has this may solve the
// challenge of that one".
//
// A token names what it is for, says when it was made and when it ends, and carries
// some fields; an HMAC over all of it (RFC 2104, SHA-256 cut to 128 bits) proves that
// it came from here. A token that was made for one purpose is worth nothing for another.
// It is not encrypted: the fields can be read by who has it. Equal statements have equal
// tokens, so that the same may be told twice.
//
// Keys change every 90 days. A token is checked with the key of the time when it was
// made; nothing need be kept of tokens, and whether one was used is for the caller to
// know.
package token

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ErrToken: the text is no token for this purpose, or none of ours.
var ErrToken = errors.New("not a valid token")

// ErrExpired: the token was good once.
var ErrExpired = errors.New("the token has expired")

// Keys returns the key of a name, 32 octets, which is made when it is first asked for
// and stays. All nodes get the same.
type Keys func(ctx context.Context, name string) ([]byte, error)

// A Statement is what a token says.
type Statement struct {
	Made    time.Time // to the second
	Expires time.Time // to the second
	Fields  []string  // none with an octet 0x1f in it
}

// A Sealer makes and reads tokens. It is safe for use by many goroutines.
type Sealer struct {
	keys Keys
	now  func() time.Time

	mu    sync.Mutex
	known map[int64][]byte // by period
}

// New returns a Sealer over the keys; now is the clock.
func New(keys Keys, now func() time.Time) *Sealer {
	return &Sealer{keys: keys, now: now, known: map[int64][]byte{}}
}

const (
	period    = 90 * 24 * time.Hour // of a key
	macSize   = 16                  // octets
	headSize  = 8                   // made and expires, four octets each
	separator = "\x1f"
	ahead     = 5 * time.Minute // how far another node's clock may be ahead
	maxToken  = 1024            // characters
)

// Seal returns the token of a statement: letters, digits, - and _. Times before 1970
// or after 2106 can't be said.
func (s *Sealer) Seal(ctx context.Context, purpose string, st Statement) (string, error) {
	key, err := s.key(ctx, st.Made)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	b := make([]byte, headSize, 64)
	binary.BigEndian.PutUint32(b, uint32(st.Made.Unix()))
	binary.BigEndian.PutUint32(b[4:], uint32(st.Expires.Unix()))
	b = append(b, strings.Join(st.Fields, separator)...)
	return base64.RawURLEncoding.EncodeToString(append(b, mac(key, purpose, b)...)), nil
}

// Open returns what a token for a purpose says. It fails with ErrToken, with
// ErrExpired and the statement, or where the keys can't be read.
func (s *Sealer) Open(ctx context.Context, purpose, token string) (Statement, error) {
	if len(token) > maxToken {
		return Statement{}, ErrToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < headSize+macSize {
		return Statement{}, ErrToken
	}
	b, sum := b[:len(b)-macSize], b[len(b)-macSize:]
	st := Statement{
		Made:    time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC(),
		Expires: time.Unix(int64(binary.BigEndian.Uint32(b[4:])), 0).UTC(),
		Fields:  strings.Split(string(b[headSize:]), separator),
	}
	now := s.now()
	if st.Made.After(now.Add(ahead)) || now.Sub(st.Made) > maxAge { // nobody has us make keys for any time
		return Statement{}, ErrToken
	}
	key, err := s.key(ctx, st.Made)
	if err != nil {
		return Statement{}, fmt.Errorf("token: %w", err)
	}
	if !hmac.Equal(sum, mac(key, purpose, b)) {
		return Statement{}, ErrToken
	}
	if now.After(st.Expires) {
		return st, ErrExpired
	}
	return st, nil
}

// maxAge is beyond what anything is held.
const maxAge = 11 * 365 * 24 * time.Hour

func mac(key []byte, purpose string, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	var size [4]byte // lengths, so that no two pairs make one text
	binary.BigEndian.PutUint32(size[:], uint32(len(purpose)))
	h.Write(size[:])
	h.Write([]byte(purpose))
	h.Write(b)
	return h.Sum(nil)[:macSize]
}

// key returns that of the period in which a time is.
func (s *Sealer) key(ctx context.Context, at time.Time) ([]byte, error) {
	n := at.Unix() / int64(period/time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[n]; k != nil {
		return k, nil
	}
	k, err := s.keys(ctx, fmt.Sprintf("token-%d", n))
	if err == nil {
		s.known[n] = k
	}
	return k, err
}
