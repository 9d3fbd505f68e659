package greylist

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "64:ff9b::c000:24d": "192.0.2.0/24",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Network(netip.MustParseAddr(addr), 24, 64); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := Network(netip.Addr{}, 24, 64); got != "invalid IP" {
		t.Errorf("no address: got %s", got)
	}
}

// One sender has one triplet, whatever is in his reverse-path.
func TestSender(t *testing.T) {
	for name, two := range map[string][2]mail.Path{
		"BATV":                           {"prvs=0123456789=ann@example.org", "ann@example.org"},
		"SRS":                            {"SRS0=abcd=TT=example.org=ann@fwd.example", "SRS0=efgh=UU=example.org=ann@fwd.example"},
		"VERP of Mailman":                {"list-bounces+ann=example.org@lists.example", "list-bounces+bob=example.net@lists.example"},
		"VERP without a word":            {"news-ann=example.org@shop.example", "news-bob=example.net@shop.example"},
		"an issue's number":              {"news-20261126-1@shop.example", "news-20261203-2@shop.example"},
		"a number in a word":             {"news2026w48@shop.example", "news2026w49@shop.example"},
		"a word that no person has":      {"r-mzxw6ytboi4dsnzrg4xcqk3v@shop.example", "r-qk3vmzxw6ytboi4dsnzrg4xc@shop.example"},
		"a sub-address":                  {"ann+a@example.org", "ann+b@example.org"},
		"a telephone with a sub-address": {"33+612345678@sms.example", "33+698765432@sms.example"},
		"case":                           {"Ann@Example.org", "ann@example.org"},
		"Amazon SES": {"0102018f2a3b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000@eu-west-1.amazonses.com",
			"0102018f2a3b4fff-aa2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000@eu-west-1.amazonses.com"},
	} {
		if one, other := Sender(two[0]), Sender(two[1]); one != other {
			t.Errorf("%s: %s and %s", name, one, other)
		}
	}
	for name, two := range map[string][2]mail.Path{
		"two people":      {"ann@example.org", "bob@example.org"},
		"two domains":     {"ann@example.org", "ann@example.net"},
		"the null path":   {"", "ann@example.org"},
		"two with dots":   {"ann.b@example.org", "ann.c@example.org"},
		"two in quotes":   {`"ann b"@example.org`, `"ann c"@example.org`},
		"two long people": {"maximiliana.huber@example.org", "maximiliana.maier@example.org"},
	} {
		if one, other := Sender(two[0]), Sender(two[1]); one == other {
			t.Errorf("%s are both %s", name, one)
		}
	}
}

func FuzzSender(f *testing.F) {
	for _, s := range []string{"prvs=0123456789=ann@example.org", "news-ann=example.org@shop.example", "+=.@x.y", "a-=b.c@d.e", `"a@b"@c.d`, "é9é@x.y", "=.=@x.y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := mail.ParsePath(s)
		if err != nil {
			return
		}
		got := Sender(p)
		if (got == "") != p.IsNull() || len(got) > mail.MaxPath {
			t.Fatalf("%q: %q", s, got)
		}
		if upper := Sender(p.Fold()); upper != got {
			t.Errorf("%q: %q, folded %q", s, got, upper)
		}
		local := mail.Path(got).Local()
		if !strings.HasPrefix(local, `"`) && strings.ContainsAny(local, "0123456789") {
			t.Errorf("%q: %q has numbers", s, got)
		}
	})
}

// Numbers are of the key, of each text, and of where one text ends.
func TestNumbers(t *testing.T) {
	one, other := numberer{1}, numberer{2}
	seen := map[int64]string{}
	for name, n := range map[string]int64{
		"a b": one.number("a", "b"), "ab": one.number("ab"), "a": one.number("a"), "other key": other.number("a", "b"), "b a": one.number("b", "a"),
		"ab empty": one.number("ab", ""), "long": one.number(strings.Repeat("x", 3000)),
	} {
		if seen[n] != "" || n <= 0 {
			t.Errorf("%s and %s are %d", name, seen[n], n)
		}
		seen[n] = name
	}
}

func TestDelayWait(t *testing.T) {
	d := Delay{Deferred: 30, Returned: 20}
	d.Waits[bucket(5*time.Minute+time.Second)] = 11
	d.Waits[bucket(time.Hour)] = 8
	d.Waits[bucket(26*time.Hour)] = 1
	for part, want := range map[float64]time.Duration{0.5: 6 * time.Minute, 0.9: time.Hour, 0.95: time.Hour} {
		if got, over := d.Wait(part); got != want || over {
			t.Errorf("%v: got %s, %t", part, got, over)
		}
	}
	if got, over := d.Wait(1); got != 4*time.Hour || !over {
		t.Errorf("got %s, %t", got, over)
	}
	if got, over := (Delay{Deferred: 3}).Wait(0.5); got != 0 || over {
		t.Errorf("nothing came back: got %s, %t", got, over)
	}
}

func TestMemoIsBounded(t *testing.T) {
	m := memo[int, int]{half: 10}
	m.put(0, 7)
	for n := 1; n < 1000; n++ {
		m.put(n, n)
		if v, ok := m.get(0); !ok || v != 7 {
			t.Fatalf("what is used all the time is gone after %d", n)
		}
		if len(m.young)+len(m.old) > 20 {
			t.Fatalf("%d kept", len(m.young)+len(m.old))
		}
	}
	if _, ok := m.get(500); ok {
		t.Error("what was not used for long is there")
	}
}
