package resolve

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestKeeps: an answer holds while the cache would give it, but neither a failure nor what
// is stale is told to hold.
func TestKeeps(t *testing.T) {
	cases := []struct {
		name string
		does deed
		wait time.Duration // after the look-up
		want time.Duration
	}{
		{"records", deed{"A 192.0.2.7", 0}, 10 * time.Second, 50 * time.Second},
		{"expired", deed{"A 192.0.2.7", 0}, time.Minute, 0},
		{"a failure", deed{"SERVFAIL", 0}, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := fakeResolver(t, Config{Timeout: time.Second, Stale: 24 * time.Hour}, c.does)
				if left := r.Keeps("A", "Name.test."); left != 0 {
					t.Errorf("holds for %s before it is known", left)
				}
				_, _ = r.Lookup(t.Context(), "name.test", A)
				time.Sleep(c.wait)
				if got := r.Keeps("A", "Name.test."); got != c.want {
					t.Errorf("holds for %s, want %s", got, c.want)
				}
				if r.Keeps("MX", "name.test") != 0 || r.Keeps("A", "") != 0 || r.Keeps("PTR", "no address") != 0 {
					t.Error("something holds that nobody asked for")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second, Stale: 24 * time.Hour}, deed{"A 192.0.2.7", 0})
		_, _ = r.Lookup(t.Context(), "name.test", A)
		net.set("192.0.2.1", deed{"silence", 0})
		time.Sleep(time.Hour)
		if _, err := r.Lookup(t.Context(), "name.test", A); !isStale(err) {
			t.Fatalf("the answer is not stale: %v", err)
		}
		if left := r.Keeps("A", "name.test"); left != 0 {
			t.Errorf("a stale answer holds for %s", left)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r, _ := fakeResolver(t, Config{Timeout: time.Second}, deed{"PTR mail.test.", 0})
		_, _ = r.LookupAddr(t.Context(), "192.0.2.7")
		if left := r.Keeps("PTR", "192.0.2.7"); left != time.Minute {
			t.Errorf("a name holds for %s", left)
		}
	})
}
