package access

import (
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, for SHA-1; their last six digits.
func TestTOTPVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := totp(secret, at/totpStep); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

func TestTOTPMatch(t *testing.T) {
	secret := []byte("12345678901234567890")
	now := time.Unix(1234567890, 0)
	at := now.Unix() / totpStep
	for name, tt := range map[string]struct {
		step, used int64
		want       bool
	}{
		"now":                  {at, 0, true},
		"the step before":      {at - 1, 0, true},
		"the step after":       {at + 1, 0, true},
		"two before":           {at - 2, 0, false},
		"two after":            {at + 2, 0, false},
		"used":                 {at, at, false},
		"before one used":      {at - 1, at, false},
		"after one used":       {at + 1, at, true},
		"used by a fast clock": {at, at + 1, false},
	} {
		step, ok := totpMatch(secret, totp(secret, tt.step), now, tt.used)
		if ok != tt.want || ok && step != tt.step {
			t.Errorf("%s: got %d, %v; want %v", name, step-at, ok, tt.want)
		}
	}
	for _, code := range []string{"", "0", "00592", "0059244", "abcdef"} {
		if _, ok := totpMatch(secret, code, now, 0); ok {
			t.Errorf("%q is taken", code)
		}
	}
}
