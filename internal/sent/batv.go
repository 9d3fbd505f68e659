package sent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// Errors that callers decide by.
var (
	// ErrUnsigned: the address has no tag of BATV.
	ErrUnsigned = errors.New("not a signed return path")
	// ErrForged: the tag is none that this system made for the address.
	ErrForged = errors.New("the tag of the return path is not one of ours")
	// ErrExpired: the tag was good once.
	ErrExpired = errors.New("the tag of the return path is too old")
	// ErrUnsignable: no tag fits the address.
	ErrUnsignable = errors.New("the return path can't be signed")
)

// Lifetime is how long a signed return path is good (draft-levine-smtp-batv-01 §2.1: a
// week). Queues give up after some days.
const Lifetime = 7 * 24 * time.Hour

const (
	prefix   = "prvs="
	tagSize  = 10   // K, DDD, SSSSSS
	keyDays  = 30   // a key signs for so many days
	dayRound = 1000 // days are told by their last three digits
	lifeDays = int64(Lifetime / (24 * time.Hour))
)

// Keys returns the key of a name, which is made when it is first asked for and stays. All
// nodes get the same.
type Keys func(ctx context.Context, name string) ([]byte, error)

// A Signer signs return paths and verifies them when a report comes back:
//
//	ann@example.org  ->  prvs=KDDDSSSSSS=ann@example.org
//
// K is the last digit of the key's number, DDD the last three of the day, counted from 1970,
// at whose end the tag is worth nothing any more, SSSSSS a hash in hexadecimal over both and the folded
// address. The draft leaves it to the signer which hash (it proposes SHA-1); this is
// HMAC with SHA-256. A key signs for 30 days, and the last one verifies still.
//
// It is safe for use by many goroutines.
type Signer struct {
	keys Keys
	now  func() time.Time

	mu    sync.Mutex
	known map[int64][]byte // by number: the last, this, and the next
}

// NewSigner returns a Signer over the keys; now is the clock.
func NewSigner(keys Keys, now func() time.Time) *Signer {
	return &Signer{keys: keys, now: now, known: map[int64][]byte{}}
}

// Sign returns the return path under which mail from a sender of ours leaves. The null path
// stays null, and what is signed already, or rewritten by SRS, stays as it is. It fails
// with ErrUnsignable where the local part is quoted or the result too long: the mail can
// leave under the path as it was.
func (s *Signer) Sign(ctx context.Context, p mail.Path) (mail.Path, error) {
	return s.SignFrom(ctx, p, s.now())
}

// SignFrom is Sign for mail that leaves later, such as what its sender has wait: Lifetime counts from
// then on. Before that the tag may count as expired.
func (s *Signer) SignFrom(ctx context.Context, p mail.Path, leaves time.Time) (mail.Path, error) {
	if _, signed := Unsigned(p); p.IsNull() || signed || len(p) > 5 && strings.EqualFold(string(p[:3]), "srs") && strings.IndexByte("=+-", p[4]) >= 0 {
		return p, nil
	}
	if p[0] == '"' || len(prefix)+tagSize+1+len(p) > mail.MaxPath {
		return "", fmt.Errorf("sent: sign %s: %w", p, ErrUnsignable)
	}
	today := int64(DayOf(leaves))
	n := today / keyDays
	head := fmt.Sprintf("%d%03d", n%10, (today+lifeDays)%dayRound)
	key, err := s.key(ctx, n)
	if err != nil {
		return "", fmt.Errorf("sent: sign %s: %w", p, err)
	}
	signed := mail.Path(prefix + head + hash(key, head, p) + "=" + string(p))
	if again, err := mail.ParsePath(string(signed)); err != nil || again != signed { // a combining mark would join the "="
		return "", fmt.Errorf("sent: sign %s: %w", p, ErrUnsignable)
	}
	return signed, nil
}

// Verify returns the address that was signed. It fails with ErrUnsigned where p has no tag,
// and, with the address all the same, with ErrForged or ErrExpired; else the keys can't be
// read.
func (s *Signer) Verify(ctx context.Context, p mail.Path) (mail.Path, error) {
	plain, tagged := Unsigned(p)
	if !tagged {
		return "", fmt.Errorf("sent: verify %s: %w", p, ErrUnsigned)
	}
	if err := s.verify(ctx, p.Local()[len(prefix):][:tagSize], plain); err != nil {
		return plain, fmt.Errorf("sent: verify %s: %w", p, err)
	}
	return plain, nil
}

func (s *Signer) verify(ctx context.Context, tag string, plain mail.Path) error {
	today := int64(DayOf(s.now()))
	head, sum := tag[:4], strings.ToLower(tag[4:])
	k, err := strconv.ParseInt(head[:1], 10, 64)
	if err != nil {
		return ErrForged
	}
	day, err := strconv.ParseInt(head[1:], 10, 64)
	if err != nil {
		return ErrForged
	}
	for n := today/keyDays - 1; n <= today/keyDays+1; n++ {
		if n%10 != k {
			continue
		}
		key, err := s.key(ctx, n)
		if err != nil {
			return err
		}
		if !hmac.Equal([]byte(sum), []byte(hash(key, head, plain))) {
			return ErrForged
		}
		// A day more: another node's clock may be ahead.
		if left := (day - today%dayRound + dayRound) % dayRound; left > lifeDays+1 {
			return ErrExpired
		}
		return nil
	}
	return ErrForged // of a key that is not in use any more, or was never
}

// key returns the key of a number. Those that are not in use any more are let go.
func (s *Signer) key(ctx context.Context, n int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[n]; k != nil {
		return k, nil
	}
	k, err := s.keys(ctx, "batv-"+strconv.FormatInt(n, 10))
	if err != nil {
		return nil, err
	}
	for old := range s.known {
		if old < n-2 {
			delete(s.known, old)
		}
	}
	s.known[n] = k
	return k, nil
}

func hash(key []byte, head string, p mail.Path) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(head))
	h.Write([]byte(p.Fold()))
	return hex.EncodeToString(h.Sum(nil)[:3])
}

// Unsigned returns an address without its tag of BATV, anybody's, and whether it has one:
// ten octets, three or more of them digits, between "prvs=" and "=". Nothing is verified.
func Unsigned(p mail.Path) (mail.Path, bool) {
	local := p.Local()
	if len(local) < len(prefix)+tagSize+2 || !strings.EqualFold(local[:len(prefix)], prefix) {
		return p, false
	}
	tag, rest := local[len(prefix):][:tagSize], local[len(prefix)+tagSize:]
	if rest[0] != '=' || strings.Trim(tag[:4], "0123456789") != "" || strings.Trim(tag[4:], "0123456789abcdefABCDEF") != "" {
		return p, false
	}
	plain, err := mail.ParsePath(rest[1:] + "@" + p.Domain())
	if err != nil || plain.IsNull() {
		return p, false
	}
	return plain, true
}
