package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"gatepost/internal/resolve/resolvetest"
)

const zone = `
example.org.        3600 TXT   "v=spf1 " "a\"b\\c\200" 
example.org.        TXT   "second"
example.org.        MX    20 b.example.org.
example.org.        MX    10 a.example.org.
both.example.org.   5 A   192.0.2.1
both.example.org.   AAAA  2001:db8::1
long.example.org.   90000 A 192.0.2.8
four.example.org.   A     192.0.2.2
nomx.example.org.   MX    0 .
alias.example.org.  CNAME both.example.org.
away.example.org.   7 CNAME nowhere.example.org.
loop1.example.org.  CNAME loop2.example.org.
loop2.example.org.  CNAME loop1.example.org.
half.example.org.   A     192.0.2.3
1.2.0.192.in-addr.arpa. PTR both.example.org.
odd\032name\092.example.org. A 192.0.2.9
!servfail broken.example.org.
!refuse   closed.example.org.
!timeout  silent.example.org.
!truncate big.example.org.
big.example.org.    A     192.0.2.4
!lame     lame.example.org.
!delay    slow.example.org. 50ms
slow.example.org.   A     192.0.2.5
`

func serve(t *testing.T, text string) *resolvetest.Server {
	t.Helper()
	s, err := resolvetest.Serve(text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newResolver(t *testing.T, c Config) *Resolver {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func words(a Answer, err error) string {
	out := []string{}
	for _, r := range a.Records {
		s := r.Host + r.Text
		if r.Addr.IsValid() {
			s = r.Addr.String()
		}
		out = append(out, s)
	}
	for _, kind := range []error{ErrNoName, ErrNoData, ErrTemporary} {
		if errors.Is(err, kind) {
			out = append(out, kind.Error())
		}
	}
	return strings.Join(out, ", ")
}

func TestLookup(t *testing.T) {
	s := serve(t, zone)
	r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: time.Second, Rounds: 1})
	cases := []struct {
		name, ask string
		typ       Type
		want      string
	}{
		{"text, octets as they were", "Example.ORG", TXT, "v=spf1 a\"b\\c\xc8, second"},
		{"final dot", "four.example.org.", A, "192.0.2.2"},
		{"no name", "nobody.example.org", A, "no such name"},
		{"no data", "four.example.org", AAAA, "no such record"},
		{"alias", "alias.example.org", A, "192.0.2.1"},
		{"alias to nowhere", "away.example.org", A, "no such name"},
		{"alias without data", "alias.example.org", MX, "no such record"},
		{"alias asked for itself", "alias.example.org", CNAME, "both.example.org"},
		{"alias loop", "loop1.example.org", A, "temporary failure"},
		{"null MX", "nomx.example.org", MX, "."},
		{"servfail", "broken.example.org", A, "temporary failure"},
		{"refused", "closed.example.org", A, "temporary failure"},
		{"silence", "silent.example.org", A, "temporary failure"},
		{"cut, then TCP", "big.example.org", A, "192.0.2.4"},
		{"lame", "lame.example.org", A, "temporary failure"},
		{"odd octets", `odd name\.example.org`, A, "192.0.2.9"},
		{"empty label", "a..example.org", A, "no such name"},
		{"empty", "", A, "no such name"},
		{"label too long", strings.Repeat("a", 64) + ".example.org", A, "no such name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := r.Lookup(t.Context(), c.ask, c.typ)
			if got := words(a, err); got != c.want {
				t.Errorf("got %q, want %q (%v)", got, c.want, err)
			}
			var dnsError *net.DNSError
			if err != nil && (!errors.As(err, &dnsError) || dnsError.IsNotFound == errors.Is(err, ErrTemporary)) {
				t.Errorf("error %#v", err)
			}
		})
	}
}

// TestAliasInParts has the target of a CNAME asked for, as where an answer stops
// short.
func TestAliasInParts(t *testing.T) {
	m, _ := fakeServer(t, func(name string) string {
		switch name {
		case "one.test.":
			return "one.test. 60 CNAME two.test."
		case "two.test.":
			return "two.test. 40 A 192.0.2.7\nother.test. 40 A 192.0.2.66"
		}
		return ""
	})
	r := newResolver(t, Config{Servers: []string{m}, Timeout: time.Second})
	a, err := r.Lookup(t.Context(), "one.test", A)
	if words(a, err) != "192.0.2.7" || a.Name != "two.test" || a.TTL != 40*time.Second {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestCache(t *testing.T) {
	s := serve(t, zone)
	now := time.Unix(1_000_000, 0)
	r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: 2 * time.Second, Now: func() time.Time { return now }})
	cases := []struct {
		name, ask string
		typ       Type
		kept      time.Duration
	}{
		{"ttl", "four.example.org", A, 300 * time.Second},
		{"ttl, short", "both.example.org", A, 30 * time.Second},
		{"ttl, the least of two", "example.org", TXT, 300 * time.Second},
		{"ttl, long", "long.example.org", A, time.Hour},
		{"no name", "nobody.example.org", A, 60 * time.Second},
		{"no data", "both.example.org", TXT, 60 * time.Second},
		{"no name behind a short alias", "away.example.org", A, 7 * time.Second},
		{"failure", "broken.example.org", A, 5 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := now
			ask := func(after time.Duration) (bool, string) {
				now = start.Add(after)
				a, err := r.Lookup(t.Context(), c.ask, c.typ)
				return a.Cached, words(a, err)
			}
			_, first := ask(0)
			if cached, again := ask(c.kept - 1); !cached || again != first {
				t.Errorf("before it expires: cached %v, %q then %q", cached, first, again)
			}
			if cached, _ := ask(c.kept); cached {
				t.Errorf("still cached after %s", c.kept)
			}
		})
	}
}

func TestSingleFlight(t *testing.T) {
	s := serve(t, zone)
	r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: 5 * time.Second})
	gone, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			ctx := t.Context()
			if i == 0 {
				ctx = gone
			}
			a, err := r.Lookup(ctx, "slow.example.org", A)
			if got := words(a, err); i > 0 && got != "192.0.2.5" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	cancel()
	wg.Wait()
	if n := s.Asked("slow.example.org", "A"); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	if _, err := r.Lookup(gone, "silent.example.org", A); !errors.Is(err, ErrTemporary) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSecondServer(t *testing.T) {
	bad, good := serve(t, "!servfail *.example.org."), serve(t, zone)
	r := newResolver(t, Config{Servers: []string{bad.Addr, good.Addr}, Timeout: time.Second})
	a, err := r.Lookup(t.Context(), "four.example.org", A)
	if got := words(a, err); got != "192.0.2.2" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	s := serve(t, zone)
	r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: 300 * time.Millisecond, Rounds: 1, InFlight: 1})
	if err := r.places.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_, err := r.Lookup(t.Context(), "four.example.org", A)
	r.places.Release(1)
	if !errors.Is(err, ErrTemporary) || !strings.Contains(err.Error(), "too many") {
		t.Errorf("no place: %v", err)
	}
	if a, err := r.Lookup(t.Context(), "four.example.org", A); words(a, err) != "192.0.2.2" {
		t.Errorf("a place, and the failure not kept: %v, %v", a, err)
	}
}

func TestClose(t *testing.T) {
	asked := make(chan struct{})
	addr, _ := packetServer(t, func(*dns.Msg) []*dns.Msg { close(asked); return nil })
	r, err := New(Config{Servers: []string{addr}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := r.Lookup(context.Background(), "silent.test", A)
		done <- err
	}()
	<-asked
	r.Close()
	if err := <-done; !errors.Is(err, errClosed) {
		t.Errorf("under way: %v", err)
	}
	if _, err := r.Lookup(t.Context(), "four.example.org", A); !errors.Is(err, ErrTemporary) {
		t.Errorf("after: %v", err)
	}
}

func TestNames(t *testing.T) {
	s := serve(t, zone+"!servfail half6.example.org.\n")
	r := newResolver(t, Config{Servers: []string{s.Addr}, Timeout: time.Second})
	ctx := t.Context()
	mx, err := r.LookupMX(ctx, "example.org")
	if err != nil || len(mx) != 2 || mx[0].Host != "a.example.org" {
		t.Errorf("MX %v, %v", mx, err)
	}
	names, err := r.LookupAddr(ctx, "192.0.2.1")
	if err != nil || len(names) != 1 || names[0] != "both.example.org" {
		t.Errorf("PTR %v, %v", names, err)
	}
	for _, c := range []struct {
		network, name, want string
		kind                error
	}{
		{"ip", "both.example.org", "[192.0.2.1 2001:db8::1]", nil},
		{"ip4", "both.example.org", "[192.0.2.1]", nil},
		{"ip6", "four.example.org", "[]", ErrNoData},
		{"ip", "four.example.org", "[192.0.2.2]", nil},
		{"ip", "nobody.example.org", "[]", ErrNoName},
		{"ip", "nomx.example.org", "[]", ErrNoData},
		{"ip", "broken.example.org", "[]", ErrTemporary},
	} {
		addrs, err := r.LookupNetIP(ctx, c.network, c.name)
		if got := fmt.Sprint(addrs); got != c.want || !errors.Is(err, c.kind) {
			t.Errorf("%s %s: %s, %v", c.network, c.name, got, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, s := range []string{"ns.example.org", "192.0.2.1:x", ""} {
		if _, err := New(Config{Servers: []string{s}}); err == nil {
			t.Errorf("server %q was taken", s)
		}
	}
	c, err := Config{Servers: []string{"192.0.2.1", "2001:db8::1", "[::1]:5353"}}.withDefaults()
	if got := strings.Join(c.Servers, " "); err != nil || got != "192.0.2.1:53 [2001:db8::1]:53 [::1]:5353" {
		t.Errorf("got %s, %v", got, err)
	}
}

// FuzzCanonical: what goes onto the wire is one name, and the short way there is the
// same as the long one.
func FuzzCanonical(f *testing.F) {
	f.Add("Example.ORG.")
	f.Add(`a\.b \"x.test`)
	f.Add(".")
	f.Fuzz(func(t *testing.T, name string) {
		plain, err := canonical(name)
		if isPlain(name) && (err != nil || dns.CanonicalName(name) != question{name: plain}.wire()) {
			t.Errorf("%q, which is plain: %q, %v", name, plain, err)
		}
		var wire [255]byte
		if err != nil {
			return
		}
		n, err := dns.PackDomainName(question{name: plain}.wire(), wire[:], 0, nil, false)
		if err != nil {
			t.Fatalf("%q: %q: %v", name, plain, err)
		}
		if back, _, err := dns.UnpackDomainName(wire[:n], 0); err != nil || undot(back) != plain {
			t.Errorf("%q: %q comes back as %q, %v", name, plain, back, err)
		}
	})
}
