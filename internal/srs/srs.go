package srs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// MaxAge is how long an address can be reversed. Queues give up after some days; the
// rest is for those who answer late.
const MaxAge = 21 * 24 * time.Hour

// hashLetters of base32 are 30 bits: who guesses has to ask us each time.
const hashLetters = 6

// Errors that callers decide by.
var (
	ErrNotSRS  = errors.New("not an SRS address")
	ErrForged  = errors.New("SRS address is not one of ours")
	ErrExpired = errors.New("SRS address is too old")
	ErrTooLong = errors.New("SRS address would be too long")
)

// A Rewriter makes and reads SRS addresses. It is safe for use by many goroutines.
type Rewriter struct {
	keys [][]byte
	now  func() time.Time
}

// New returns a Rewriter. The first key signs, and all verify, so that keys can be
// replaced: the old one is kept for MaxAge. It panics without a key.
func New(keys [][]byte, now func() time.Time) *Rewriter {
	if len(keys) == 0 || slices.ContainsFunc(keys, func(k []byte) bool { return len(k) == 0 }) {
		panic("srs: no key, or an empty one")
	}
	return &Rewriter{keys: keys, now: now}
}

// Forward returns the reverse-path under which mail from sender is sent on by domain,
// one of ours. The null path stays null (RFC 5321 §4.5.5: reports about reports are
// none), and what is of that domain already stays as it is.
//
// It fails with ErrTooLong, or with mail.ErrPath where the sender can't stand in a local
// part, which is a combining mark at its start.
func (r *Rewriter) Forward(sender mail.Path, domain string) (mail.Path, error) {
	if sender.IsNull() || sender.Domain() == domain {
		return sender, nil
	}
	local, back := r.wrap(sender)
	p, err := join(local, domain)
	if err != nil {
		return "", fmt.Errorf("srs: forward %s: %w", sender, err)
	}
	// Unicode normalization may join a separator and what follows it (U+226E …).
	if again, err := r.reverse(p); err != nil || again.Fold() != back.Fold() {
		return "", fmt.Errorf("srs: forward %s: %w: it begins with a combining mark", sender, mail.ErrPath)
	}
	return p, nil
}

// wrap returns the new local part, without quotes, and what it leads back to.
func (r *Rewriter) wrap(sender mail.Path) (local string, back mail.Path) {
	old, first := content(sender.Local()), sender.Domain()
	kind, rest := split(old)
	if kind == '1' {
		kind = 0 // of unknown form: like any other address
		if f := strings.SplitN(rest[1:], "=", 3); len(f) == 3 && isSeparated(f[2]) {
			kind, first, rest = '1', f[1], f[2]
		}
	}
	if kind != 0 {
		if back, err := join("SRS0"+rest, first); err == nil {
			return "SRS1=" + r.sign("1", first, rest) + "=" + first + "=" + rest, back
		}
	}
	day := dayText(r.now())
	return "SRS0=" + r.sign("0", day, sender.Domain(), old) + "=" + day + "=" + sender.Domain() + "=" + old, sender
}

// Reverse returns whose an address is that Forward made: the sender, or an address at
// the forwarder before us. That may be at a domain of ours again, and is then to be
// reversed once more.
//
// It fails with ErrNotSRS, ErrForged or ErrExpired.
func (r *Rewriter) Reverse(p mail.Path) (mail.Path, error) {
	to, err := r.reverse(p)
	if err != nil {
		return "", fmt.Errorf("srs: reverse %s: %w", p, err)
	}
	return to, nil
}

func (r *Rewriter) reverse(p mail.Path) (mail.Path, error) {
	kind, rest := split(content(p.Local()))
	switch kind {
	case '0':
		f := strings.SplitN(rest[1:], "=", 4)
		if len(f) != 4 || !r.verify(f[0], "0", f[1], f[2], f[3]) {
			return "", ErrForged
		}
		if !fresh(f[1], r.now()) {
			return "", ErrExpired
		}
		return orForged(join(f[3], f[2]))
	case '1': // its age is for the first forwarder to judge
		f := strings.SplitN(rest[1:], "=", 3)
		if len(f) != 3 || !isSeparated(f[2]) || !r.verify(f[0], "1", f[1], f[2]) {
			return "", ErrForged
		}
		return orForged(join("SRS0"+f[2], f[1]))
	}
	return "", ErrNotSRS
}

func orForged(p mail.Path, err error) (mail.Path, error) {
	if err != nil {
		return "", ErrForged
	}
	return p, nil
}

// split tells "SRS0" and "SRS1" addresses from others; rest begins with the
// separator, "=" or one of the two that others use.
func split(local string) (kind byte, rest string) {
	if len(local) < 5 || !strings.EqualFold(local[:3], "SRS") || local[3] != '0' && local[3] != '1' || !isSeparated(local[4:]) {
		return 0, ""
	}
	return local[3], local[4:]
}

func isSeparated(s string) bool { return s != "" && strings.IndexByte("=+-", s[0]) >= 0 }

// content is a canonical local part without its quotes.
func content(local string) string {
	if len(local) < 2 || local[0] != '"' {
		return local
	}
	var b strings.Builder
	for i := 1; i < len(local)-1; i++ {
		if local[i] == '\\' {
			i++
		}
		b.WriteByte(local[i])
	}
	return b.String()
}

// join makes a path of a local part without quotes.
func join(local, domain string) (mail.Path, error) {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	p, err := mail.ParsePath(quoted + "@" + domain)
	if err == nil || len(quoted)+1+len(domain) <= mail.MaxPath {
		return p, err
	}
	if p, err = mail.ParsePath(local + "@" + domain); err != nil { // without quotes it may be short enough
		return "", ErrTooLong
	}
	return p, nil
}

// sign returns the hash over parts, with the first key.
func (r *Rewriter) sign(parts ...string) string { return hash(r.keys[0], parts) }

// verify compares a hash with those of all keys.
func (r *Rewriter) verify(got string, parts ...string) bool {
	got = strings.ToUpper(got)
	return slices.ContainsFunc(r.keys, func(k []byte) bool { return hmac.Equal([]byte(got), []byte(hash(k, parts))) })
}

func hash(key []byte, parts []string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.ToLower(strings.Join(parts, "\x00"))))
	return base32.StdEncoding.EncodeToString(h.Sum(nil))[:hashLetters]
}

// Days are counted round a circle of 1024 and written as two letters of base32.
const (
	days     = 1024
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

func dayOf(t time.Time) int { return int(t.Unix() / (24 * 3600) % days) }

func dayText(t time.Time) string {
	d := dayOf(t)
	return string([]byte{alphabet[d>>5], alphabet[d&31]})
}

// fresh reports whether a day is not older than MaxAge, nor later than tomorrow, which
// is what another node's clock may say.
func fresh(day string, now time.Time) bool {
	if len(day) != 2 {
		return false
	}
	day = strings.ToUpper(day)
	high, low := strings.IndexByte(alphabet, day[0]), strings.IndexByte(alphabet, day[1])
	if high < 0 || low < 0 {
		return false
	}
	age := (dayOf(now) - (high<<5 | low) + days) % days
	return age <= int(MaxAge/(24*time.Hour)) || age == days-1
}
