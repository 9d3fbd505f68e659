package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/test/peer"
)

// realZones are served by nsd, behind unbound.
func realZones(silentAt string) []peer.Zone {
	var text strings.Builder
	fmt.Fprint(&text, `
@ MX 10 mx
@ MX 20 mx2.plain.example.
@ TXT "v=spf1 mx -all"
mx 7 A 192.0.2.1
mx AAAA 2001:db8::1
alias CNAME mx
away CNAME www.signed.example.
self CNAME self
loop1 CNAME loop2
loop2 CNAME loop1
null MX 0 .
odd PTR mx\.plain.example.org.
odd PTR a\000b.example.org.
sub NS nowhere.sub
nowhere.sub A 127.0.0.3
`)
	for i := range 15 {
		fmt.Fprintf(&text, "chain%d CNAME chain%d\n", i, i+1)
	}
	text.WriteString("chain15 A 192.0.2.15\n")
	for i := range 400 {
		fmt.Fprintf(&text, "pool A 198.18.%d.%d\n", i/200, i%200)
	}
	for i := range 2000 {
		fmt.Fprintf(&text, "flood A 198.18.%d.%d\n", i/200, i%200)
	}
	for _, n := range []int{4, 200} {
		fmt.Fprintf(&text, "text%d TXT%s\n", n, strings.Repeat(` "`+strings.Repeat("x", 250)+`"`, n))
	}
	return []peer.Zone{
		{Name: "plain.example", Text: text.String(), Unsigned: true},
		{Name: "signed.example", Text: "www A 192.0.2.2\n@ MX 10 www\n_25._tcp.www TLSA 3 1 1 00112233\naway CNAME mx.plain.example.\n"},
		{Name: "forged.example", Text: "www A 192.0.2.3\n", Forge: func(s string) string { return strings.Replace(s, "192.0.2.3", "203.0.113.66", 1) }},
		{Name: "lame.example", Elsewhere: "nsd"},
		{Name: "silent.example", Elsewhere: silentAt},
	}
}

// realServers starts unbound and nsd, and a name server that is silent.
func realServers(t *testing.T) *peer.DNSSEC {
	t.Helper()
	hole, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hole.Close() })
	d, err := peer.StartDNSSEC(t.TempDir(), realZones(hole.LocalAddr().String()))
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	return d
}

// TestUnbound: what a real resolver says of real zones, and of those that are broken.
func TestUnbound(t *testing.T) {
	d := realServers(t)
	r := newResolver(t, Config{Servers: []string{d.Resolver}, Timeout: 4 * time.Second, Rounds: 1, Validates: true})
	cases := []struct {
		name, ask string
		typ       Type
		want      string // "n records" where there are many
		ad        bool
	}{
		{"address", "mx.plain.example", A, "192.0.2.1", false},
		{"address of the other kind", "MX.plain.EXAMPLE.", AAAA, "2001:db8::1", false},
		{"text", "plain.example", TXT, "v=spf1 mx -all", false},
		{"no name", "nobody.plain.example", A, "no such name", false},
		{"no data", "mx.plain.example", MX, "no such record", false},
		{"null MX", "null.plain.example", MX, ".", false},
		{"odd names", "odd.plain.example", PTR, "2 records", false},
		{"alias", "alias.plain.example", A, "192.0.2.1", false},
		{"alias into what is signed", "away.plain.example", A, "192.0.2.2", false},
		{"alias out of what is signed", "away.signed.example", A, "192.0.2.1", false},
		{"alias to itself", "self.plain.example", A, "temporary failure", false},
		{"aliases in a circle", "loop1.plain.example", A, "temporary failure", false},
		{"fifteen aliases", "chain0.plain.example", A, "temporary failure", false},
		{"signed", "www.signed.example", A, "192.0.2.2", true},
		{"signed absence", "nobody.signed.example", A, "no such name", true},
		{"signed, no data", "www.signed.example", MX, "no such record", true},
		{"TLSA", "_25._tcp.www.signed.example", TLSA, "", true},
		{"forged", "www.forged.example", A, "temporary failure", false},
		{"cut, then by TCP", "text4.plain.example", TXT, strings.Repeat("x", 1000), false},
		{"text of 50,000 octets", "text200.plain.example", TXT, strings.Repeat("x", 50_000), false},
		{"400 addresses", "pool.plain.example", A, "400 records", false},
		{"2,000 addresses", "flood.plain.example", A, "temporary failure", false},
		{"a server that does not know its zone", "www.lame.example", A, "temporary failure", false},
		{"a silent server", "www.silent.example", A, "temporary failure", false},
		{"nobody's", "www.elsewhere.example", A, "temporary failure", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := r.Lookup(t.Context(), c.ask, c.typ)
			got := words(a, err)
			if strings.HasSuffix(c.want, " records") {
				got = fmt.Sprint(len(a.Records), " records")
			}
			if got != c.want || a.AD != c.ad {
				t.Errorf("got %.200q, AD %v, want %.200q, %v (%v)", got, a.AD, c.want, c.ad, err)
			}
		})
	}
	if err := r.Err(); err != nil {
		t.Errorf("names that are broken were held against the server: %v", err)
	}
}

// TestUnboundTTL: times are those of the zone, within our bounds.
func TestUnboundTTL(t *testing.T) {
	d := realServers(t)
	r := newResolver(t, Config{Servers: []string{d.Resolver}, Timeout: 5 * time.Second})
	for _, c := range []struct {
		ask         string
		typ         Type
		least, most time.Duration
	}{
		{"mx.plain.example", A, minTTL, minTTL}, // 7 s
		{"plain.example", TXT, 290 * time.Second, 300 * time.Second},
		{"nobody.plain.example", A, 50 * time.Second, 60 * time.Second}, // the SOA's last field
	} {
		if a, _ := r.Lookup(t.Context(), c.ask, c.typ); a.TTL < c.least || a.TTL > c.most {
			t.Errorf("%s: kept for %s, want %s to %s", c.ask, a.TTL, c.least, c.most)
		}
	}
}

// TestNSD asks a server that knows its zones and asks nobody: what it does not know it
// does not know.
func TestNSD(t *testing.T) {
	d := realServers(t)
	r := newResolver(t, Config{Servers: []string{d.Authority()}, Timeout: 5 * time.Second, Rounds: 1})
	for _, c := range []struct{ ask, want string }{
		{"mx.plain.example", "192.0.2.1"},
		{"nobody.plain.example", "no such name"},
		{"www.sub.plain.example", "temporary failure"}, // a referral
		{"www.elsewhere.example", "temporary failure"}, // REFUSED
		{"self.plain.example", "temporary failure"},
		{"alias.plain.example", "192.0.2.1"},
	} {
		if a, err := r.Lookup(t.Context(), c.ask, A); words(a, err) != c.want {
			t.Errorf("%s: %q, want %q (%v)", c.ask, words(a, err), c.want, err)
		}
	}
	both := newResolver(t, Config{Servers: []string{d.Authority(), d.Resolver}, Timeout: 5 * time.Second, Rounds: 1})
	if a, err := both.Lookup(t.Context(), "www.signed.example", A); words(a, err) != "192.0.2.2" {
		t.Errorf("beside one that does: %v, %v", a, err)
	}
}

// TestUnboundFreezes: a resolver that hangs is overtaken, then left out, then back; while
// none answers, what is known is told, marked.
func TestUnboundFreezes(t *testing.T) {
	one, other := realServers(t), realServers(t)
	var hours atomic.Int64
	start := time.Now()
	reports, tries := make(chan Condition, 10), &triesOf{}
	r := newResolver(t, Config{
		Servers: []string{one.Resolver, other.Resolver}, Timeout: 1500 * ms, Rounds: 1, Stale: 24 * time.Hour,
		Now: func() time.Time { return start.Add(time.Duration(hours.Load()) * time.Hour) }, Report: func(c Condition) { reports <- c }, Observer: tries,
	})
	ctx := t.Context()
	want := func(when, name, want string) {
		t.Helper()
		if a, err := r.Lookup(ctx, name, A); words(a, err) != want {
			t.Errorf("%s, %s: %q, want %q (%v)", when, name, words(a, err), want, err)
		}
	}
	want("at first", "mx.plain.example", "192.0.2.1")
	if err := one.Freeze(); err != nil {
		t.Fatal(err)
	}
	for i := range silences {
		want("one frozen", fmt.Sprintf("nobody%d.plain.example", i), "no such name")
	}
	report(ctx, t, reports, one.Resolver, false)
	tries.mu.Lock()
	before := len(tries.at)
	tries.mu.Unlock()
	for i := range 50 {
		want("one left out", fmt.Sprintf("still%d.plain.example", i), "no such name")
	}
	tries.mu.Lock()
	if slices.Contains(tries.at[before:], one.Resolver) {
		t.Error("a server that is known to hang is still asked")
	}
	tries.mu.Unlock()
	hours.Store(2)
	if err := other.Freeze(); err != nil {
		t.Fatal(err)
	}
	for i := range silences {
		want("both frozen", fmt.Sprintf("new%d.plain.example", i), "temporary failure")
	}
	report(ctx, t, reports, other.Resolver, false)
	want("both left out", "mx.plain.example", "192.0.2.1, temporary failure")
	want("both left out", "never.plain.example", "temporary failure")
	want("both left out, absence", "still0.plain.example", "temporary failure")
	if r.Err() == nil {
		t.Error("no server answers, and Err says nothing")
	}
	if err := one.Thaw(); err != nil {
		t.Fatal(err)
	}
	report(ctx, t, reports, one.Resolver, true)
	want("one is back", "www.signed.example", "192.0.2.2")
	if r.Err() != nil {
		t.Error(r.Err())
	}
}

// triesOf are the servers that were asked, in turn.
type triesOf struct {
	nobody
	mu sync.Mutex
	at []string
}

func (o *triesOf) Exchange(server, _ string, _ float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = append(o.at, server)
}

// report waits for news of a server.
func report(ctx context.Context, t *testing.T, reports <-chan Condition, server string, well bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	select {
	case c := <-reports:
		if c.Server != server || (c.Trouble == nil) != well {
			t.Fatalf("news of %+v, want of %s, well %v", c, server, well)
		}
	case <-ctx.Done():
		t.Fatalf("no news of %s", server)
	}
}
