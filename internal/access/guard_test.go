package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A doorkeeper is a Guard at a door, with a clock that tests turn. Accounts whose names
// begin with "user" exist.
type doorkeeper struct {
	*Guard
	at     time.Time
	banned []string
	notes  []string
}

func newDoorkeeper() *doorkeeper {
	d := &doorkeeper{at: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	d.Guard = NewGuard(GuardConfig{
		Bans: d, Now: func() time.Time { return d.at }, Exists: func(name string) bool { return strings.HasPrefix(name, "user") },
	})
	return d
}

// Impose implements Banner.
func (d *doorkeeper) Impose(_ context.Context, client netip.Addr, cause, note string) error {
	d.banned, d.notes = append(d.banned, client.String()+" "+cause), append(d.notes, note)
	return nil
}

// logsIn tries a password; "right" is. false: it was not let in.
func (d *doorkeeper) logsIn(t *testing.T, name, client, password string) bool {
	y, err := d.Begin(name, netip.MustParseAddr(client), password)
	switch {
	case errors.As(err, new(Blocked)):
		return false
	case err != nil:
		t.Fatal(err)
	case password == "right":
		y.Right()
		return true
	}
	y.Wrong(t.Context())
	return false
}

// An office of fifty is behind one address. One telephone has an old password and tries it
// all day, another guesses: the second one's pair is shut, and nobody else notices. Nor is
// the office banned where a guest's machine tries a list of names.
func TestFieldNote28AnOfficeGoesOnWorking(t *testing.T) {
	const office = "192.0.2.7"
	d := newDoorkeeper()
	works := func(when string) {
		t.Helper()
		for i := range 50 {
			if !d.logsIn(t, fmt.Sprintf("user%d@example.org", i), office, "right") {
				t.Fatalf("%s: user%d is locked out", when, i)
			}
		}
	}
	works("at first")
	for range 1000 { // the same wrong password counts once
		d.at = d.at.Add(time.Minute)
		d.logsIn(t, "user50@example.org", office, "old")
	}
	if !d.logsIn(t, "user50@example.org", office, "right") {
		t.Error("an old password locked its own account out")
	}
	for i := range 100 {
		d.logsIn(t, "user51@example.org", office, fmt.Sprint("guess", i))
	}
	if d.logsIn(t, "user51@example.org", office, "right") {
		t.Error("the pair that guesses is not shut")
	}
	works("beside a telephone that guesses")
	for i := range 200 {
		d.logsIn(t, fmt.Sprintf("nobody%d@example.org", i), office, "123456")
	}
	works("beside a guest's machine")
	if len(d.banned) > 0 {
		t.Errorf("banned: %v", d.banned)
	}
}

// A list of names from an address that nobody works at: the address is banned, once; its
// neighbours are not.
func TestGuardBansASpray(t *testing.T) {
	for _, tt := range []struct {
		name, account, client, want string
		tries                       int
	}{
		{"unknown accounts", "nobody%d@example.org", "198.51.100.7", "198.51.100.7 login", sprayUnknown},
		{"IPv6", "nobody%d@example.org", "2001:db8::7", "2001:db8::7 login", sprayUnknown},
		{"accounts that exist", "user%d@example.org", "198.51.100.7", "198.51.100.7 login", sprayAny},
		{"one account", "user1@example.org", "198.51.100.7", "", 100},
		{"one unknown account", "nobody@example.org", "198.51.100.7", "", 100},
		{"names that can't be", "no name %d", "198.51.100.7", "", 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoorkeeper()
			for i := range tt.tries {
				if len(d.banned) > 0 {
					t.Fatalf("banned after %d", i)
				}
				d.logsIn(t, strings.Replace(tt.account, "%d", fmt.Sprint(i), 1), tt.client, fmt.Sprint("p", i))
			}
			if got := strings.Join(d.banned, ","); got != tt.want {
				t.Errorf("banned %q, want %q", got, tt.want)
			}
			if len(d.notes) == 1 && !strings.Contains(d.notes[0], fmt.Sprint(tt.tries)) {
				t.Errorf("note %q", d.notes[0])
			}
		})
	}
}

// An old password, tried all day from an address that nobody has logged in from, is one
// account's.
func TestGuardCountsAnAccountOnce(t *testing.T) {
	d := newDoorkeeper()
	for range 200 {
		d.logsIn(t, "nobody@example.org", "198.51.100.7", "old")
	}
	if len(d.banned) > 0 {
		t.Errorf("banned: %v", d.banned)
	}
}

// Slow guesses, and those from many addresses, ban nobody: the account's own limit is for
// those.
func TestGuardForgets(t *testing.T) {
	d := newDoorkeeper()
	for i := range 100 {
		d.at = d.at.Add(10 * time.Minute)
		d.logsIn(t, fmt.Sprintf("nobody%d@example.org", i), "198.51.100.7", "x")
		d.logsIn(t, fmt.Sprintf("nobody%d@example.org", i), fmt.Sprintf("203.0.113.%d", i), "x")
	}
	if len(d.banned) > 0 {
		t.Errorf("banned: %v", d.banned)
	}
}

// An address that somebody worked at long ago is a stranger's.
func TestGuardHomeAges(t *testing.T) {
	d := newDoorkeeper()
	d.logsIn(t, "user1@example.org", "198.51.100.7", "right")
	d.at = d.at.Add(goodFor + time.Hour)
	for i := range sprayUnknown {
		d.logsIn(t, fmt.Sprintf("nobody%d@example.org", i), "198.51.100.7", "x")
	}
	if !slices.Equal(d.banned, []string{"198.51.100.7 login"}) {
		t.Errorf("banned: %v", d.banned)
	}
}

func TestSpraysAreBounded(t *testing.T) {
	s := newSprays()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i := range maxHomes + maxSprays {
		now = now.Add(time.Millisecond)
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		s.add(a, [16]byte{byte(i)}, true, now)
		if i%2 == 0 {
			s.home(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		}
	}
	for i := range maxHomes {
		now = now.Add(time.Millisecond)
		s.home(netip.AddrFrom4([4]byte{12, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(s.tried) > maxSprays || len(s.homes) > maxHomes {
		t.Errorf("%d addresses that tried, %d homes", len(s.tried), len(s.homes))
	}
}
