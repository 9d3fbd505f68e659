package access

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Time-based one-time passwords (RFC 6238) with what all apps know: SHA-1, six digits,
// steps of 30 seconds.
const (
	totpStep   = 30 // seconds
	totpDigits = 6
	totpDrift  = 1  // steps that the app's clock may be ahead or behind
	totpSize   = 20 // octets of a secret (RFC 4226 §4)
)

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// totp is the code of a step (RFC 4226 §5.3).
func totp(secret []byte, step int64) string {
	h := hmac.New(sha1.New, secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	h.Write(counter[:])
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1000000)
}

// totpMatch returns the step that a code is of, at most one step from now, and later
// than the last that was used.
func totpMatch(secret []byte, code string, now time.Time, used int64) (step int64, ok bool) {
	at := now.Unix() / totpStep
	for s := at - totpDrift; s <= at+totpDrift; s++ {
		if hmac.Equal([]byte(totp(secret, s)), []byte(code)) && s > used {
			step, ok = s, true
		}
	}
	return step, ok
}

// plainCode takes out of a code what people put into one for reading.
func plainCode(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(strings.TrimSpace(code)))
}

// totpURI is what the picture says to an app (the Key URI format of Google
// Authenticator).
func totpURI(issuer, account string, secret []byte) string {
	q := url.Values{"secret": {base32Plain.EncodeToString(secret)}, "issuer": {issuer}}
	label := url.PathEscape(issuer + ":" + account)
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}
