package resolve

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestStale: what is known is told when no server answers, marked, for a time; but a
// failure that a server told stays one, and so does absence.
func TestStale(t *testing.T) {
	const record = "A 192.0.2.7"
	cases := []struct {
		name  string
		first deed
		later deed
		after time.Duration
		want  string
		stale bool
	}{
		{"silence", deed{record, 0}, deed{"silence", 0}, time.Hour, "192.0.2.7, temporary failure", true},
		{"silence, nearly too old", deed{record, 0}, deed{"silence", 0}, 24 * time.Hour, "192.0.2.7, temporary failure", true},
		{"silence, too old", deed{record, 0}, deed{"silence", 0}, 24*time.Hour + time.Minute, "temporary failure", false},
		{"not old", deed{record, 0}, deed{"silence", 0}, 59 * time.Second, "192.0.2.7", false},
		{"a better answer", deed{record, 0}, deed{"A 192.0.2.8", 0}, time.Hour, "192.0.2.8", false},
		{"it is gone", deed{record, 0}, deed{"NXDOMAIN", 0}, time.Hour, "no such name", false},
		{"its servers fail", deed{record, 0}, deed{"SERVFAIL", 0}, time.Hour, "temporary failure", false},
		{"it never was", deed{"NXDOMAIN", 0}, deed{"silence", 0}, time.Hour, "temporary failure", false},
		{"it failed before", deed{"SERVFAIL", 0}, deed{"silence", 0}, time.Hour, "temporary failure", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, net := fakeResolver(t, Config{Timeout: time.Second, Stale: 24 * time.Hour, Validates: true}, c.first)
				_, _ = r.Lookup(t.Context(), "name.test", A)
				net.set("192.0.2.1", c.later)
				time.Sleep(c.after)
				a, err := r.Lookup(t.Context(), "name.test", A)
				if got := words(a, err); got != c.want || a.Stale != c.stale || isStale(err) != c.stale {
					t.Errorf("got %q, stale %v, %v", got, a.Stale, err)
				}
				if c.stale && (a.AD || a.TTL != staleTTL || !errors.Is(err, ErrTemporary)) {
					t.Errorf("got %+v, %v", a, err)
				}
				if _, again := r.Lookup(t.Context(), "name.test", A); c.stale && !isStale(again) {
					t.Errorf("once more: %v", again)
				}
			})
		})
	}
}

// TestStaleOff: nothing is told that is not asked for.
func TestStaleOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second}, deed{"A 192.0.2.7", 0})
		_, _ = r.Lookup(t.Context(), "name.test", A)
		net.set("192.0.2.1", deed{"silence", 0})
		time.Sleep(time.Hour)
		if a, err := r.Lookup(t.Context(), "name.test", A); words(a, err) != "temporary failure" {
			t.Errorf("got %+v, %v", a, err)
		}
	})
}

// TestStaleOutlives: neither failures nor having been told as stale make the news
// forgotten or younger, and a good answer ends it.
func TestStaleOutlives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second, Stale: 24 * time.Hour}, deed{"A 192.0.2.7", 0})
		for _, step := range []struct {
			does  string
			after time.Duration
			want  string
		}{
			{"A 192.0.2.7", 0, "192.0.2.7"},
			{"SERVFAIL", time.Hour, "temporary failure"},
			{"silence", time.Hour, "192.0.2.7, temporary failure"},
			{"silence", 20 * time.Hour, "192.0.2.7, temporary failure"},
			{"silence", 3 * time.Hour, "temporary failure"},
			{"A 192.0.2.8", time.Minute, "192.0.2.8"},
		} {
			net.set("192.0.2.1", deed{step.does, 0})
			time.Sleep(step.after)
			if a, err := r.Lookup(t.Context(), "name.test", A); words(a, err) != step.want {
				t.Errorf("%s after %s: got %q, %v", step.does, step.after, words(a, err), err)
			}
		}
	})
}

// TestStaleWords: the older words return the records with an error that tells; what DANE
// asks is a failure and nothing else.
func TestStaleWords(t *testing.T) {
	cases := []struct {
		name, record string
		told         bool
		ask          func(context.Context, *Resolver) (records int, vouched bool, err error)
	}{
		{"TXT", `TXT "v=spf1 -all"`, true, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, err := r.LookupTXT(ctx, "name.test")
			return len(list), false, err
		}},
		{"MX", "MX 10 mx.test.", true, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, err := r.LookupMX(ctx, "name.test")
			return len(list), false, err
		}},
		{"address", "A 192.0.2.7", true, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, err := r.LookupNetIP(ctx, "ip4", "name.test")
			return len(list), false, err
		}},
		{"PTR", "PTR mx.test.", true, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, err := r.LookupAddr(ctx, "192.0.2.7")
			return len(list), false, err
		}},
		{"secure MX", "MX 10 mx.test.", false, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, _, vouched, err := r.SecureMX(ctx, "name.test")
			return len(list), vouched, err
		}},
		{"secure address", "A 192.0.2.7", false, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, _, vouched, err := r.SecureNetIP(ctx, "ip4", "name.test")
			return len(list), vouched, err
		}},
		{"TLSA", "TLSA 3 1 1 00ff", false, func(ctx context.Context, r *Resolver) (int, bool, error) {
			list, vouched, err := r.LookupTLSA(ctx, "name.test")
			return len(list), vouched, err
		}},
		{"alias", "CNAME mx.test.", false, func(ctx context.Context, r *Resolver) (int, bool, error) {
			vouched, err := r.SecureAlias(ctx, "name.test")
			return map[bool]int{true: 1}[vouched], vouched, err
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, net := fakeResolver(t, Config{Timeout: time.Second, Rounds: 1, Stale: 24 * time.Hour, Validates: true}, deed{c.record, 0})
				if n, vouched, err := c.ask(t.Context(), r); n != 1 || vouched == c.told || err != nil {
					t.Errorf("fresh: %d records, vouched for %v, %v", n, vouched, err)
				}
				net.set("192.0.2.1", deed{"silence", 0})
				time.Sleep(2 * time.Hour)
				n, vouched, err := c.ask(t.Context(), r)
				if (n == 1) != c.told || vouched || !errors.Is(err, ErrTemporary) || isStale(err) != c.told {
					t.Errorf("stale: %d records, vouched for %v, %v", n, vouched, err)
				}
			})
		})
	}
}

// TestStaleHalf: where one half of an address lookup failed, the whole is a failure and
// no old news.
func TestStaleHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second, Stale: 24 * time.Hour}, deed{"A 192.0.2.7", 0})
		_, _ = r.Lookup(t.Context(), "name.test", A)
		net.set("192.0.2.1", deed{"silence", 0})
		time.Sleep(time.Hour)
		addrs, err := r.LookupNetIP(t.Context(), "ip", "name.test")
		if len(addrs) != 1 || !errors.Is(err, ErrTemporary) || isStale(err) {
			t.Errorf("got %v, %v", addrs, err)
		}
	})
}
