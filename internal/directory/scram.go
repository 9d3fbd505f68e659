package directory

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// scramIterations is above the 4096 that RFC 7677 §4 asks for at least; the
// client repeats them at each log-in, so a phone sets the limit.
const scramIterations = 15_000

// SCRAM is what a server keeps for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677).
type SCRAM struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

// makeSCRAM computes the keys of RFC 5802 §3.
func makeSCRAM(plain string, salt []byte, iterations int) (SCRAM, error) {
	salted, err := pbkdf2.Key(sha256.New, plain, salt, iterations, sha256.Size)
	if err != nil {
		return SCRAM{}, err
	}
	stored := sha256.Sum256(hmacSHA256(salted, "Client Key"))
	return SCRAM{Iterations: iterations, Salt: salt, StoredKey: stored[:], ServerKey: hmacSHA256(salted, "Server Key")}, nil
}

func hmacSHA256(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// String writes the form of RFC 5803: SCRAM-SHA-256$iterations:salt$stored:server.
func (s SCRAM) String() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", s.Iterations, b64(s.Salt), b64(s.StoredKey), b64(s.ServerKey))
}

// ParseSCRAM reads the SCRAM of a Verifier.
func ParseSCRAM(text string) (SCRAM, error) {
	malformed := errors.New("directory: SCRAM keys are malformed")
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == '$' || r == ':' })
	if len(fields) != 5 || fields[0] != "SCRAM-SHA-256" {
		return SCRAM{}, malformed
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil || n < 1 {
		return SCRAM{}, malformed
	}
	s := SCRAM{Iterations: n}
	for i, to := range []*[]byte{&s.Salt, &s.StoredKey, &s.ServerKey} {
		if *to, err = base64.StdEncoding.DecodeString(fields[2+i]); err != nil {
			return SCRAM{}, malformed
		}
	}
	if len(s.StoredKey) != sha256.Size || len(s.ServerKey) != sha256.Size {
		return SCRAM{}, malformed
	}
	return s, nil
}
