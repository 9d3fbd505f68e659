package access

import (
	"fmt"
	"net/netip"
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
	y, err := s.begin(account, netip.MustParseAddr(client), password)
	if err != nil {
		return false
	}
	y.wrong()
	return true
}

// opens tries a right one.
func (s *turnstile) opens(account, client string) bool {
	y, err := s.begin(account, netip.MustParseAddr(client), "right")
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

func TestThrottleIsBounded(t *testing.T) {
	s := newTurnstile()
	for i := range maxTallies {
		s.fails(fmt.Sprintf("%d", i), fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255), "x")
	}
	for i := range maxGood + 10 {
		s.at = s.at.Add(time.Millisecond)
		s.opens(fmt.Sprintf("good%d", i), fmt.Sprintf("172.16.%d.1", i&255))
	}
	if n, m, g := len(s.byID), s.used.Len(), len(s.good); n > maxTallies || n != m || g > maxGood {
		t.Errorf("%d tallies, %d in the list, %d good pairs", n, m, g)
	}
	last := maxGood + 9
	if _, ok := s.good[pairID{fmt.Sprintf("good%d", last), Network(netip.MustParseAddr(fmt.Sprintf("172.16.%d.1", last&255)))}]; !ok {
		t.Error("the last one is forgotten")
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
