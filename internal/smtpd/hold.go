package smtpd

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// futureRelease is the keyword of RFC 4865 §3: how far ahead a message may be held, in seconds
// and as a date.
func futureRelease(most time.Duration, now time.Time) string {
	return fmt.Sprintf("FUTURERELEASE %d %s", int64(most/time.Second), now.Add(most).UTC().Format(time.RFC3339))
}

// maxHoldDigits is the longest HOLDFOR (RFC 4865 §4: 1*9DIGIT).
const maxHoldDigits = 9

// cutHold takes HOLDFOR and HOLDUNTIL, which the library does not know, out of MAIL's
// parameters, and returns when the message is released; zero where neither is there. A time that
// has gone by is none.
func cutHold(params string, most time.Duration, now time.Time) (rest string, release time.Time, refusal *reply) {
	var kept []string
	found := false
	for p := range strings.FieldsSeq(params) {
		name, value, _ := strings.Cut(p, "=")
		var at time.Time
		switch strings.ToUpper(name) {
		case "HOLDFOR":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil || len(value) > maxHoldDigits || value[0] == '0' {
				return "", time.Time{}, &badArgument
			}
			at = now.Add(time.Duration(n) * time.Second)
		case "HOLDUNTIL":
			var err error
			if at, err = time.Parse(time.RFC3339, strings.ToUpper(value)); err != nil {
				return "", time.Time{}, &badArgument
			}
		default:
			kept = append(kept, p)
			continue
		}
		switch {
		case found: // RFC 4865 §4: one of them, once
			return "", time.Time{}, &badArgument
		case at.Sub(now) > most:
			return "", time.Time{}, &heldTooLong
		}
		if found = true; at.After(now) {
			release = at
		}
	}
	return strings.Join(kept, " "), release, nil
}
