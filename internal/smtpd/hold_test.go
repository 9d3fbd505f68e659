package smtpd

import (
	"strings"
	"testing"
	"time"
)

// HOLDFOR and HOLDUNTIL of RFC 4865 §4.
func TestHold(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	const most = 24 * time.Hour
	for _, c := range []struct {
		name, params, rest string
		in                 time.Duration // 0: not at all
		refused            *reply
	}{
		{"neither", "SIZE=10 BODY=8BITMIME", "SIZE=10 BODY=8BITMIME", 0, nil},
		{"seconds", "SIZE=10 HOLDFOR=60 BODY=8BITMIME", "SIZE=10 BODY=8BITMIME", time.Minute, nil},
		{"in small letters", "holdfor=60", "", time.Minute, nil},
		{"a date", "HOLDUNTIL=2026-11-26T11:00:00Z", "", time.Hour, nil},
		{"a date elsewhere", "holduntil=2026-11-26t12:00:00+01:00", "", time.Hour, nil},
		{"a date that went by", "HOLDUNTIL=2026-11-25T11:00:00Z", "", 0, nil},
		{"as long as can be", "HOLDFOR=86400", "", most, nil},
		{"longer", "HOLDFOR=86401", "", 0, &heldTooLong},
		{"much longer", "HOLDUNTIL=9999-11-25T11:00:00Z", "", 0, &heldTooLong},
		{"both", "HOLDFOR=60 HOLDUNTIL=2026-11-26T11:00:00Z", "", 0, &badArgument},
		{"twice", "HOLDFOR=60 HOLDFOR=60", "", 0, &badArgument},
		{"both, gone by", "HOLDUNTIL=2026-11-25T11:00:00Z HOLDFOR=60", "", 0, &badArgument},
		{"no number", "HOLDFOR=", "", 0, &badArgument},
		{"a number below nothing", "HOLDFOR=-1", "", 0, &badArgument},
		{"nought before it", "HOLDFOR=060", "", 0, &badArgument},
		{"a long number", "HOLDFOR=1000000000", "", 0, &badArgument},
		{"no date", "HOLDUNTIL=tomorrow", "", 0, &badArgument},
		{"without a zone", "HOLDUNTIL=2026-11-26T11:00:00", "", 0, &badArgument},
	} {
		t.Run(c.name, func(t *testing.T) {
			rest, at, refused := cutHold(c.params, most, now)
			in := time.Duration(0)
			if !at.IsZero() {
				in = at.Sub(now)
			}
			if refused != c.refused || refused == nil && (rest != c.rest || in != c.in) {
				t.Errorf("got %q, %v, %v; want %q, %v, %v", rest, in, refused, c.rest, c.in, c.refused)
			}
		})
	}
}

func FuzzHold(f *testing.F) {
	f.Add("SIZE=1 HOLDFOR=60")
	f.Add("HOLDUNTIL=2026-11-26T11:00:00Z")
	f.Fuzz(func(t *testing.T, params string) {
		now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
		rest, at, refused := cutHold(params, time.Hour, now)
		switch {
		case refused != nil:
		case !at.IsZero() && (!at.After(now) || at.Sub(now) > time.Hour):
			t.Errorf("%q: held until %v", params, at)
		case strings.Contains(strings.ToUpper(" "+rest), " HOLDFOR="):
			t.Errorf("%q leaves %q", params, rest)
		}
	})
}

// FUTURERELEASE is offered on submission alone (RFC 4865 §2), with its limits (§3).
func TestFutureRelease(t *testing.T) {
	c := testConfig()
	c.MaxHold = time.Hour
	c.Now = func() time.Time { return time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC) }
	for _, submission := range []bool{true, false} {
		c.Submission = submission
		addr, _ := start(t, c, new(machine))
		p := dial(t, addr)
		p.exchange("S: 220 *", "C: EHLO client.example")
		p.flush()
		offered := false
		for {
			line := p.line()
			offered = offered || line[4:] == "FUTURERELEASE 3600 2026-11-26T11:00:00Z"
			if line[3] == ' ' {
				break
			}
		}
		if offered != submission {
			t.Errorf("submission %v: offered %v", submission, offered)
		}
		if !submission {
			p.exchange("C: MAIL FROM:<ann@test.example> HOLDFOR=60", "S: 555 5.5.4 *")
			continue
		}
		p.exchange("C: AUTH PLAIN AGFubgBzZWNyZXQ=", "S: 235 *", "C: MAIL FROM:<ann@test.example> HOLDFOR=3601", "S: 501 5.5.4 cannot hold a message for so long",
			"C: MAIL FROM:<ann@test.example> HOLDFOR=60 SIZE=10", "S: 250 *")
	}
}
