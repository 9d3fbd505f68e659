package access

import (
	"strings"
	"time"
)

// Decode reads a secret as it is offered.
func Decode(secret string) []byte {
	b, err := base32Plain.DecodeString(strings.ReplaceAll(secret, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// Code is what an app shows.
func Code(secret []byte, now time.Time) string { return totp(secret, now.Unix()/totpStep) }
