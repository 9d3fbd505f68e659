package dnsbl

import (
	"fmt"
	"testing"
)

// feed tells a breaker of n new subjects of which a share is listed, spread evenly, and
// returns how often the list became suspect.
func feed(b *breaker, from, n int, share float64) (suspect int) {
	hits := 0.0
	for i := range n {
		hits += share
		hit := hits >= 1
		if hit {
			hits--
		}
		if b.add(fmt.Sprint("network ", from+i), hit) {
			suspect++
		}
	}
	return suspect
}

func TestBreaker(t *testing.T) {
	cases := []struct {
		name    string
		kind    string
		ceiling float64
		usual   float64
		usually int
		then    float64
		trips   bool
	}{
		{"as ever", "deny", 0, 0.6, 500, 0.6, false},
		{"everybody", "deny", 0, 0.6, 500, 1, true},
		{"nearly everybody", "deny", 0, 0.6, 500, 0.97, true},
		{"many more", "deny", 0, 0.3, 500, 0.9, false},
		{"everybody, where nothing is known", "deny", 0, 0, 0, 1, true},
		{"nearly everybody, where that is usual", "deny", 0, 0.94, 1500, 0.96, false},
		{"everybody, where nearly that is usual", "deny", 0, 0.94, 1500, 1, true},
		{"the good are fewer", "allow", 0, 0.2, 500, 0.85, true},
		{"an attack", "allow", 0, 0.2, 500, 0.7, false},
		{"its own ceiling", "deny", 0.5, 0.1, 500, 0.6, true},
		{"never", "deny", 1, 0.1, 500, 1, false},
		{"domains", "domain", 0, 0.1, 500, 1, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := list(t, "a", c.kind, 1, false)
			l.Ceiling = c.ceiling
			b := newBreaker(l)
			if n := feed(b, 0, c.usually, c.usual); n != 0 {
				t.Errorf("usually: %d times suspect", n)
			}
			if got := feed(b, 10_000, 2*breakerWindow-1, c.then) > 0; got != c.trips {
				t.Errorf("suspect: %v", got)
			}
		})
	}
}

// TestBreakerForgetsMadness holds that a list is suspect once for each full window, and
// that what it said then does not become usual.
func TestBreakerForgetsMadness(t *testing.T) {
	b := newBreaker(list(t, "a", "deny", 1, false))
	if n := feed(b, 0, 500, 0.5); n != 0 {
		t.Fatalf("usually: %d times suspect", n)
	}
	if n := feed(b, 1000, 1000, 1); n < 9 || n > 10 {
		t.Errorf("mad: %d times suspect", n)
	}
	if b.usual > 0.6 {
		t.Errorf("madness became usual: %v", b.usual)
	}
	if n := feed(b, 3000, 200, 0.5); n != 0 {
		t.Errorf("well again: %d times suspect", n)
	}
}

// TestBreakerCountsNetworksOnce holds that one client that writes often is no crowd.
func TestBreakerCountsNetworksOnce(t *testing.T) {
	b := newBreaker(list(t, "a", "deny", 1, false))
	for i := range 1000 {
		if b.add(fmt.Sprint(i%(breakerWindow-1)), true) {
			t.Fatal("tripped by few")
		}
	}
	if b.n != breakerWindow-1 || b.hits != b.n {
		t.Errorf("%d subjects, %d hits", b.n, b.hits)
	}
	b.add("0", false)
	if b.hits != b.n-1 {
		t.Errorf("the change of one is lost: %d of %d", b.hits, b.n)
	}
}

func TestSubjectOf(t *testing.T) {
	cases := []struct{ kind, about, want string }{
		{"deny", "192.0.2.7", "192.0.2.0/24"},
		{"allow", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
		{"domain", "example.org", "example.org"},
	}
	for _, c := range cases {
		if got := subjectOf(Answer{List: list(t, "a", c.kind, 1, false), About: c.about}); got != c.want {
			t.Errorf("%s %s: %s", c.kind, c.about, got)
		}
	}
}
