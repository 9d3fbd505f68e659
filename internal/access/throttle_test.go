package access

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// turnstile is a throttle with a clock that tests turn.
type turnstile struct {
	*throttle
	at time.Time
}

func newTurnstile() *turnstile {
	s := &turnstile{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s.throttle = newThrottle(func() time.Time { return s.at })
	return s
}

// fails tries a wrong password; false: it was blocked.
func (s *turnstile) fails(account, client, password string) bool {
	y, err := s.begin(accountName(account), netip.MustParseAddr(client), password)
	if err != nil {
		return false
	}
	y.wrong()
	return true
}

// opens tries a right one.
func (s *turnstile) opens(account, client string) bool {
	y, err := s.begin(accountName(account), netip.MustParseAddr(client), "right")
	if err != nil {
		return false
	}
	y.right()
	return true
}

func TestThrottlePair(t *testing.T) {
	s := newTurnstile()
	for i := range 5 {
		if !s.fails("Ann@Example.org ", "192.0.2.1", fmt.Sprint(i)) {
			t.Fatalf("failure %d is blocked", i)
		}
	}
	if s.opens("ann@example.org", "192.0.2.200") {
		t.Error("the same network is not blocked")
	}
	if !s.opens("ann@example.org", "192.0.3.1") {
		t.Error("another network is blocked")
	}
	if !s.opens("bob@example.org", "192.0.2.1") {
		t.Error("another account is blocked")
	}
	wait := 30 * time.Second
	for range 9 { // each block is twice as long, an hour at most
		s.at = s.at.Add(wait - time.Second)
		if s.opens("ann@example.org", "192.0.2.1") {
			t.Fatalf("open a second before %v have passed", wait)
		}
		s.at = s.at.Add(time.Second)
		if !s.fails("ann@example.org", "192.0.2.1", s.at.String()) {
			t.Fatalf("blocked after %v", wait)
		}
		wait = min(2*wait, time.Hour)
	}
	s.at = s.at.Add(wait)
	if !s.opens("ann@example.org", "192.0.2.1") || !s.fails("ann@example.org", "192.0.2.1", "x") || !s.opens("ann@example.org", "192.0.2.1") {
		t.Error("a right password does not forget the failures")
	}
}

// The same wrong password again is a mail program with an old one.
func TestThrottleSamePassword(t *testing.T) {
	s := newTurnstile()
	for i := range 1000 {
		if !s.fails("ann@example.org", "192.0.2.1", "old") {
			t.Fatalf("failure %d is blocked", i)
		}
	}
	for i := range 4 {
		s.fails("ann@example.org", "192.0.2.1", fmt.Sprint(i))
	}
	if s.opens("ann@example.org", "192.0.2.1") {
		t.Error("five different ones are not blocked")
	}
}

// A guess from many networks blocks the account, but not for those who work there.
func TestThrottleAccount(t *testing.T) {
	s := newTurnstile()
	s.opens("ann@example.org", "198.51.100.7")
	n := 0
	for ; n < 100 && s.fails("ann@example.org", fmt.Sprintf("10.0.%d.1", n), fmt.Sprint(n)); n++ {
	}
	if n != 30 {
		t.Errorf("%d guesses were free", n)
	}
	if s.opens("ann@example.org", "203.0.113.1") {
		t.Error("a stranger's network is not blocked")
	}
	if !s.opens("ann@example.org", "198.51.100.9") {
		t.Error("a network that the account knows is blocked")
	}
	if !s.opens("bob@example.org", "203.0.113.1") {
		t.Error("another account is blocked")
	}
}

// Many accounts from one network block that.
func TestThrottleNetwork(t *testing.T) {
	s := newTurnstile()
	n := 0
	for ; n < 100 && s.fails(fmt.Sprintf("user%d@example.org", n), fmt.Sprintf("2001:db8:0:1::%x", n), "123456"); n++ {
	}
	if n != 40 {
		t.Errorf("%d accounts were tried", n)
	}
	if s.opens("ann@example.org", "2001:db8:0:1:ffff::1") {
		t.Error("the network is not blocked")
	}
	if !s.opens("ann@example.org", "2001:db8:0:2::1") {
		t.Error("the next network is blocked")
	}
	s.at = s.at.Add(forgetAfter + time.Minute)
	if !s.opens("ann@example.org", "2001:db8:0:1::1") {
		t.Error("never forgotten")
	}
}

// Many at once get no more guesses than one after the other.
func TestThrottleAtOnce(t *testing.T) {
	s := newTurnstile()
	var tries []*try
	for i := range 100 {
		if y, err := s.begin("ann@example.org", netip.MustParseAddr("192.0.2.1"), fmt.Sprint(i)); err == nil {
			tries = append(tries, y)
		}
	}
	if len(tries) != 5 {
		t.Errorf("%d at once", len(tries))
	}
	for _, y := range tries {
		y.undo()
	}
	if !s.opens("ann@example.org", "192.0.2.1") {
		t.Error("attempts that said nothing are counted")
	}
}

// One account has one count, however it is written.
func TestThrottleNames(t *testing.T) {
	for name, spell := range map[string]func(i int) string{
		"quoted": func(i int) string { return `"` + escaped("anneliese", i) + `"@example.org` },
		"case": func(i int) string {
			return []string{"Anneliese@example.org", "anneliese@EXAMPLE.org", " anneliese@example.org."}[i%3]
		},
		"composed":     func(i int) string { return []string{"ren\u00e9@example.org", "rene\u0301@example.org"}[i%2] },
		"labels":       func(i int) string { return []string{"ann@b\u00fccher.example", "ann@xn--bcher-kva.example"}[i%2] },
		"admin":        func(i int) string { return []string{"olga", "OLGA", " Olga"}[i%3] },
		"no addresses": func(i int) string { return fmt.Sprintf("ann\x00%d@example.org", i) },
		"no names":     func(i int) string { return fmt.Sprintf("an admin %d", i) },
		"code":         func(i int) string { return fmt.Sprintf("%sann%d", codeOf, i) },
	} {
		t.Run(name, func(t *testing.T) {
			s, n := newTurnstile(), 0
			for i := range 200 {
				if s.fails(spell(i), fmt.Sprintf("10.0.%d.1", i), fmt.Sprint(i)) {
					n++
				}
			}
			if n != 30 {
				t.Errorf("%d of 200 guesses were let through, want 30", n)
			}
		})
	}
}

// escaped has a backslash before some characters.
func escaped(s string, which int) string {
	var b strings.Builder
	for i, c := range s {
		if which>>i&1 == 1 {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// In an office somebody mistypes now and then, and everybody else goes on.
func TestThrottleForgetsABusyNetwork(t *testing.T) {
	s := newTurnstile()
	for hour := range 60 * 24 {
		s.at = s.at.Add(time.Hour)
		s.opens(fmt.Sprintf("user%d@example.org", hour%24), "192.0.2.1")
		s.fails(fmt.Sprintf("visitor%d@example.org", hour), "192.0.2.1", "typo")
		if !s.opens("newcomer@example.org", "192.0.2.77") {
			t.Fatalf("hour %d: blocked after one wrong password an hour", hour)
		}
		s.good = map[string][]place{}
	}
}

// A program with an old password that travels blocks nobody.
func TestThrottleSamePasswordElsewhere(t *testing.T) {
	s := newTurnstile()
	for i := range 1000 {
		s.at = s.at.Add(time.Minute)
		if !s.fails("ann@example.org", fmt.Sprintf("10.%d.%d.1", i>>8, i&255), "old") {
			t.Fatalf("failure %d is blocked", i)
		}
	}
}

// A guest who tries many names blocks the network for accounts that it does not know.
func TestThrottleGuest(t *testing.T) {
	s := newTurnstile()
	s.opens("ann@example.org", "192.0.2.1")
	for i := range 60 {
		s.fails(fmt.Sprintf("user%d@example.org", i), "192.0.2.200", "123456")
	}
	if s.opens("bob@example.org", "192.0.2.1") {
		t.Error("the network is not blocked")
	}
	if !s.opens("ann@example.org", "192.0.2.1") {
		t.Error("an account that is known there is blocked")
	}
	s = newTurnstile()
	for i := range 100 { // a few accounts, whatever is tried, are no list
		s.fails(fmt.Sprintf("user%d@example.org", i%4), "192.0.2.200", fmt.Sprint(i))
	}
	if !s.opens("bob@example.org", "192.0.2.1") {
		t.Error("four accounts block a network")
	}
}

// Of a /48, which one party may have, not each /64 has guesses of its own.
func TestThrottleSite(t *testing.T) {
	s, n := newTurnstile(), 0
	for ; n < 500 && s.fails(fmt.Sprintf("user%d@example.org", n), fmt.Sprintf("2001:db8:0:%x::1", n), "123456"); n++ {
	}
	if n != 100 {
		t.Errorf("%d accounts were tried from one /48, want 100", n)
	}
	if !s.opens("ann@example.org", "2001:db8:1::1") {
		t.Error("the next /48 is blocked")
	}
}

// No flood of names makes a block go, nor a count that is near one.
func TestThrottleFlood(t *testing.T) {
	s := newTurnstile()
	for i := range 30 {
		s.fails("ann@example.org", fmt.Sprintf("10.0.%d.1", i), fmt.Sprint(i))
	}
	for i := range 29 {
		s.fails("bob@example.org", fmt.Sprintf("10.0.%d.1", i), fmt.Sprint(i))
	}
	for i := range maxTallies + 5000 {
		s.fails(fmt.Sprintf("x%d", i), fmt.Sprintf("2001:db8:%x::1", i), "p")
	}
	if s.opens("ann@example.org", "203.0.113.1") {
		t.Error("a flood of names let a block go")
	}
	s.fails("bob@example.org", "203.0.113.1", "30")
	if s.opens("bob@example.org", "203.0.113.1") {
		t.Error("a flood of names let a count go")
	}
}

// Who logs in from very many networks makes others forget none of theirs.
func TestThrottleManyPlaces(t *testing.T) {
	s := newTurnstile()
	s.opens("ann@example.org", "192.0.2.1")
	for i := range maxGood + 1 {
		s.at = s.at.Add(time.Millisecond)
		s.opens("mallory@example.org", fmt.Sprintf("2001:db8:%x::1", i))
	}
	if n := len(s.good["mallory@example.org"]); n != maxPlaces {
		t.Errorf("%d networks of one account", n)
	}
	for i := range 60 {
		s.fails("ann@example.org", fmt.Sprintf("10.0.%d.1", i), fmt.Sprint(i))
	}
	if !s.opens("ann@example.org", "192.0.2.1") {
		t.Error("a network that the account knows was forgotten")
	}
}

func TestThrottleIsBounded(t *testing.T) {
	s := newTurnstile()
	for i := range maxTallies + 100 {
		s.fails(fmt.Sprintf("u%d", i), fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255), "x")
	}
	for i := range maxGood + 10 {
		s.at = s.at.Add(time.Millisecond)
		s.opens(fmt.Sprintf("good%d", i), fmt.Sprintf("172.16.%d.1", i&255))
	}
	for kind, all := range s.byID {
		if len(all) > maxTallies {
			t.Errorf("%d tallies of kind %s", len(all), kind)
		}
	}
	if len(s.good) > maxGood {
		t.Errorf("%d accounts are known", len(s.good))
	}
	if len(s.good[fmt.Sprintf("good%d", maxGood+9)]) == 0 {
		t.Error("the last one is forgotten")
	}
}

// Where all is blocked the first to end makes room.
func TestThrottleFullOfBlocks(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	all := map[blockID]*tally{}
	for i := range 100 {
		id := blockID{kind: BlockAccount, account: fmt.Sprint(i)}
		all[id] = &tally{id: id, failures: 30, until: now.Add(time.Duration(100-i) * time.Minute)}
	}
	makeRoom(all, now)
	if _, ok := all[blockID{kind: BlockAccount, account: "99"}]; ok || len(all) != 99 {
		t.Errorf("%d are left, or not the first to end went", len(all))
	}
}

func TestThrottleRace(t *testing.T) {
	s := newTurnstile()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				if n%3 == 0 {
					s.opens(fmt.Sprint(n%5), "192.0.2.1")
				} else {
					s.fails(fmt.Sprint(n%5), fmt.Sprintf("10.0.%d.1", i), fmt.Sprint(n))
				}
			}
		})
	}
	all.Wait()
}
