package directory

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
)

// A Verifier is what is kept of a password: enough to recognise it, by whole or
// by a SCRAM proof, and not enough to say it. The zero Verifier recognises none.
//
// It does not show itself in logs.
type Verifier struct {
	Hash  string // argon2id, in the form $argon2id$v=19$m=19456,t=2,p=1$salt$hash
	SCRAM string // SCRAM-SHA-256 keys, in the form of RFC 5803; see ParseSCRAM
}

// String hides what is in the verifier.
func (Verifier) String() string { return "(hidden)" }

// GoString hides what is in the verifier.
func (Verifier) GoString() string { return "(hidden)" }

// MarshalText hides what is in the verifier, from encoding/json and log/slog.
func (v Verifier) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MaxPassword bounds a password, in octets.
const MaxPassword = 1024

// ErrPassword: the text can't be a password.
var ErrPassword = errors.New("password can't be used")

// prepare brings a password into the one form in which it is compared, however it
// was typed (RFC 8265 §4.2, OpaqueString).
func prepare(password string) (string, error) {
	if len(password) > MaxPassword {
		return "", fmt.Errorf("%w: longer than %d octets", ErrPassword, MaxPassword)
	}
	plain, err := precis.OpaqueString.String(password)
	if err != nil || !utf8.ValidString(password) { // the cause could quote the password
		return "", fmt.Errorf("%w: empty, or with characters that have no place in one", ErrPassword)
	}
	return plain, nil
}

// Usable fails with ErrPassword where a text can't be a password.
func Usable(password string) error {
	_, err := prepare(password)
	return err
}

// newVerifier derives both halves from one setting of a prepared password. The keys of SCRAM are
// salted with what it is given, nil for a new salt.
func newVerifier(plain string, scramSalt []byte) (Verifier, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	if scramSalt == nil {
		scramSalt = make([]byte, saltSize)
		rand.Read(scramSalt)
	}
	keys, err := makeSCRAM(plain, scramSalt, scramIterations)
	if err != nil {
		return Verifier{}, err
	}
	h := argonHash{memory: argonMemory, time: argonTime, threads: argonThreads, salt: salt}
	h.sum = h.of(plain)
	return Verifier{Hash: h.String(), SCRAM: keys.String()}, nil
}

// The cost of a new hash, as OWASP recommends for argon2id: 19 MiB, 2 passes.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSize    = 32
	saltSize     = 16
)

// An argonHash is one argon2id computation and its result (RFC 9106).
type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func (h argonHash) of(plain string) []byte {
	return argon2.IDKey([]byte(plain), h.salt, h.time, h.memory, h.threads, argonSize)
}

func (h argonHash) matches(plain string) bool {
	return subtle.ConstantTimeCompare(h.of(plain), h.sum) == 1
}

// String writes the PHC form.
func (h argonHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.sum))
}

// maxArgonMemory and maxArgonTime bound what a row of the store can cost.
const (
	maxArgonMemory = 64 << 10
	maxArgonTime   = 16
)

// parseHash reads what String wrote.
func parseHash(s string) (argonHash, error) {
	var h argonHash
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errors.New("not an argon2id hash")
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, errors.New("argon2id: parameters")
	}
	if h.memory > maxArgonMemory || h.time == 0 || h.time > maxArgonTime || h.threads == 0 {
		return h, errors.New("argon2id: parameters out of bounds")
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(fields[4])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(fields[5])
	if err1 != nil || err2 != nil || len(h.sum) != argonSize {
		return h, errors.New("argon2id: salt or hash")
	}
	return h, nil
}

// nobody is compared with where there is no verifier, so that the answer takes as
// long. No password has this hash but by chance.
func nobody() argonHash {
	h := argonHash{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, saltSize), sum: make([]byte, argonSize)}
	rand.Read(h.salt)
	rand.Read(h.sum)
	return h
}
