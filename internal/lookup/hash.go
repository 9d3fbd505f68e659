package lookup

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/pbkdf2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// errHash: what stands for a password is of no kind that is taken, or costs more than a log-in may.
var errHash = errors.New("hash of the password")

// What hashes that others have made may cost: no row is to take the node's memory, nor a processor for long.
const (
	maxHash       = 512       // octets, with all that belongs to it
	maxHashMemory = 128 << 10 // KiB
	minKey        = 16        // octets of what is computed: of PBKDF2 and scrypt the first few of it match many passwords
	maxKey        = 128       // each 20 to 64 of which cost PBKDF2 all rounds once more
	maxPasses     = 16        // of argon2, and ways in it
	maxBcrypt     = 14        // the exponent
	maxBlocks     = 64        // of scrypt, in a row
	maxRounds     = 2_000_000 // of SHA-crypt and PBKDF2
)

// A matcher tells whether a password is that of a hash.
type matcher interface {
	MatchBytesAdvanced(password []byte) (bool, error)
}

// A hashKind is a kind of hash in the form of crypt(5), $NAME$…$HASH.
type hashKind struct {
	names  []string
	decode algorithm.DecodeFunc
	cheap  func(c cost) bool // whether what it costs is taken
}

func hashKinds() []hashKind {
	return []hashKind{
		{[]string{"argon2id", "argon2i"}, argon2.Decode, func(c cost) bool { return c["m"] <= maxHashMemory && c["t"] <= maxPasses && c["p"] <= maxPasses }},
		{[]string{"2a", "2b", "2y"}, bcrypt.Decode, func(c cost) bool { return c.first(maxBcrypt) }},
		{[]string{"6", "5"}, shacrypt.Decode, func(c cost) bool { return c["rounds"] <= maxRounds }},
		{[]string{"1"}, md5crypt.Decode, func(cost) bool { return true }},
		{[]string{"pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512"}, pbkdf2.Decode, func(c cost) bool { return c.first(maxRounds) }},
		{[]string{"scrypt"}, scrypt.Decode, cheapScrypt},
	}
}

// cheapScrypt wants all of what scrypt costs to be said: for what is not the library has its own, and it divides by the others.
func cheapScrypt(c cost) bool {
	ln, r, p := c["ln"], c["r"], c["p"]
	return ln >= 1 && ln <= 20 && r >= 1 && r <= maxBlocks && p >= 1 && p <= maxPasses && r<<ln/8 <= maxHashMemory
}

// untaken are names of kinds that others know, for who looks why nobody can log in.
func untaken() []string {
	return []string{"2", "2x", "3", "7", "argon2d", "bcrypt-sha256", "gy", "md5", "pbkdf2-sha224", "pbkdf2-sha384", "sha1", "y"}
}

// yescrypts are the settings of yescrypt that cost 4 to 64 MiB, the third of which is Debian's.
var yescrypts = []string{"j7T", "j8T", "j9T", "jAT", "jBT"}

// hashOf reads what stands for a password in another program's database: a hash in the form of crypt(5) (argon2, bcrypt, SHA-crypt, MD5-crypt,
// PBKDF2, scrypt, yescrypt), alone or behind the name of its kind in braces, as Dovecot writes it; or {SSHA}, {SSHA256} or
// {SSHA512} in Base64, or in hexadecimal where the name ends with .HEX. Passwords in clear and hashes without a salt are refused by errHash.
func hashOf(text string) (matcher, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxHash {
		return nil, fmt.Errorf("%w: it is longer than %d octets", errHash, maxHash)
	}
	scheme := ""
	if rest, braced := strings.CutPrefix(text, "{"); braced {
		scheme, text, _ = strings.Cut(rest, "}")
		scheme = strings.ToUpper(scheme)
	}
	if strings.HasPrefix(scheme, "SSHA") {
		return saltedOf(scheme, text)
	}
	parts := strings.Split(text, "$")
	if len(parts) < 4 || parts[0] != "" {
		return nil, fmt.Errorf("%w: none of the kinds that are taken, with a salt and in the form of crypt(5) or {SSHA}", errHash)
	}
	if parts[1] == "y" && slices.Contains(yescrypts, parts[2]) {
		return decoded(scrypt.Decode, text)
	}
	for _, k := range hashKinds() {
		if !slices.Contains(k.names, parts[1]) {
			continue
		}
		c, err := costOf(parts[2 : len(parts)-1])
		if err == nil && !k.cheap(c) {
			err = errors.New("it costs more than a log-in may")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errHash, err)
		}
		return decoded(k.decode, text)
	}
	if slices.Contains(untaken(), parts[1]) {
		return nil, fmt.Errorf("%w: the kind $%s$, or what it costs, is not taken", errHash, parts[1])
	}
	return nil, fmt.Errorf("%w: the kind is not known", errHash) // and is not told: it may be a password in clear
}

func decoded(decode algorithm.DecodeFunc, text string) (matcher, error) {
	d, err := decode(text)
	if err != nil { // which may say what is in it
		return nil, fmt.Errorf("%w: it can't be read", errHash)
	}
	if n := len(d.Key()); n < minKey || n > maxKey {
		return nil, fmt.Errorf("%w: it is cut off, or has octets too many", errHash)
	}
	return d, nil
}

// A cost are the numbers in a hash by their names (m=65536), the largest of each, and the number that is all of the first part as "".
type cost map[string]uint64

// costOf reads what stands between the kind and the hash itself. (In a salt may be the same; then it costs more than it seems to.)
func costOf(parts []string) (cost, error) {
	c := cost{}
	for i, part := range parts {
		for item := range strings.SplitSeq(part, ",") {
			name, text, has := strings.Cut(item, "=")
			if !has {
				name, text = "", item
			}
			n, err := strconv.ParseUint(text, 10, 32)
			switch {
			case !has && (i > 0 || err != nil): // a salt
			case err != nil:
				return nil, errors.New("what it costs is no number") // nothing of it: it may be a salt, or a password
			default:
				c[name] = max(c[name], n)
			}
		}
	}
	return c, nil
}

// first reports whether there is a number by itself, of most at most.
func (c cost) first(most uint64) bool {
	n, there := c[""]
	return there && n <= most
}

// A salted hash is that of a password and a salt, and the salt (RFC 2307 §5.3, and its successors).
type salted struct {
	sum        func() hash.Hash
	hash, salt []byte
}

func saltedOf(scheme, text string) (matcher, error) {
	read := base64.StdEncoding.DecodeString
	name, coded := strings.CutSuffix(strings.TrimSuffix(scheme, ".B64"), ".HEX")
	if coded {
		read = hex.DecodeString
	}
	var s salted
	switch name {
	case "SSHA":
		s.sum = sha1.New
	case "SSHA256":
		s.sum = sha256.New
	case "SSHA512":
		s.sum = sha512.New
	default:
		return nil, fmt.Errorf("%w: {%.20s} is not known", errHash, scheme)
	}
	b, err := read(text)
	size := s.sum().Size()
	if err != nil || len(b) <= size {
		return nil, fmt.Errorf("%w: it can't be read", errHash)
	}
	s.hash, s.salt = b[:size], b[size:]
	return s, nil
}

// MatchBytesAdvanced implements matcher.
func (s salted) MatchBytesAdvanced(password []byte) (bool, error) {
	h := s.sum()
	h.Write(password)
	h.Write(s.salt)
	return subtle.ConstantTimeCompare(h.Sum(nil), s.hash) == 1, nil
}
