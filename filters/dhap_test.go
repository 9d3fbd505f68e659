package filters

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// bans counts what is imposed.
type bans struct {
	mu sync.Mutex
	n  int
}

func (b *bans) Impose(context.Context, netip.Addr, string, string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	return nil
}

// harvester tries recipients out, one transaction each, and counts what it hears.
func harvester(t *testing.T, policy *pipeline.Policy, counts *traffic.Traffic, client string, recipients int, unknown func(int) bool) (heard map[string]int) {
	heard = map[string]int{}
	for i := range recipients {
		heard[asks(t, policy, counts, client, mail.Path(fmt.Sprintf("u%d@example.net", i)), unknown(i))]++
	}
	return heard
}

// asks has a client ask for a recipient, in a transaction of its own, and returns what was
// found.
func asks(t *testing.T, policy *pipeline.Policy, counts *traffic.Traffic, client string, rcpt mail.Path, unknown bool) string {
	tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), mail.Client{Addr: netip.MustParseAddr(client)}, nil).
		WithMail("a@example.org", mail.Params{}).WithRcpt()
	defer tx.Close()
	w := pipeline.NewWalk(policy, rcpt, true)
	if unknown {
		w = pipeline.NewUnknownWalk(policy, rcpt, true)
	} else {
		counts.Knows(netip.MustParseAddr(client), rcpt) // as the intake does
	}
	if err := w.Advance(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	return w.Steps[0].Finding.Result
}

func compiled(t *testing.T, d Deps, e pipeline.EntrySpec) *pipeline.Policy {
	policies, problems := pipeline.Compile(Catalog(d), []pipeline.Spec{{Name: "p", Entries: []pipeline.EntrySpec{e}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return policies["p"]
}

func nobody(int) bool { return true }

// One client tries 10,000 recipients: some answers are slowed down, then all are put off,
// and it is banned. Another, whose list is old, is not touched.
func TestTenThousandRecipients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		banned := new(bans)
		counts := traffic.New(traffic.Config{})
		p := compiled(t, Deps{Traffic: counts, Banner: banned}, pipeline.EntrySpec{Filter: "dhap"})
		begin := time.Now()
		heard := harvester(t, p, counts, "192.0.2.7", 10_000, nobody)
		if heard["none"] < 12 || heard["none"] > 20 || heard["slowed"] < 25 || heard["slowed"] > 50 || heard["harvest"] < 9_900 {
			t.Errorf("heard %v", heard)
		}
		if took := time.Since(begin); took != time.Duration(heard["slowed"])*5*time.Second {
			t.Errorf("it took %s, want 5s for each of %d", took, heard["slowed"])
		}
		if banned.n != heard["harvest"] {
			t.Errorf("banned %d times, want once a transaction", banned.n)
		}
		heard = harvester(t, p, counts, "198.51.100.7", 1000, func(i int) bool { return i%6 == 5 })
		if len(heard) != 1 || heard["none"] != 1000 {
			t.Errorf("an old list heard %v", heard)
		}
	})
}

// A provider whose mail has been good for long may bring as many unknown recipients as it
// likes, if more exist; a stranger may not.
func TestManyUnknownOfAProvider(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	counts := traffic.New(traffic.Config{Now: func() time.Time { return now }})
	for range 200 {
		counts.Took(netip.MustParseAddr("192.0.2.7"), true)
	}
	now = now.Add(24 * time.Hour)
	p := compiled(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "dhap", Settings: map[string]any{"tarpit": "0s"}})
	third := func(i int) bool { return i%3 == 2 }
	if heard := harvester(t, p, counts, "192.0.2.7", 10_000, third); heard["none"] != 10_000 {
		t.Errorf("the provider heard %v", heard)
	}
	if heard := harvester(t, p, counts, "198.51.100.7", 10_000, third); heard["none"] < 500 || heard["harvest"] < 9000 {
		t.Errorf("a stranger heard %v", heard)
	}
}

// Who asks for somebody he knows before each guess, again and again, hides nothing by it.
func TestKnownRecipientAgainHidesNothing(t *testing.T) {
	banned := new(bans)
	counts := traffic.New(traffic.Config{})
	p := compiled(t, Deps{Traffic: counts, Banner: banned}, pipeline.EntrySpec{Filter: "dhap", Settings: map[string]any{"tarpit": "0s"}})
	heard := map[string]int{}
	for i := range 200 {
		for range 2 {
			heard[asks(t, p, counts, "192.0.2.7", "ann@example.net", false)]++
		}
		heard[asks(t, p, counts, "192.0.2.7", mail.Path(fmt.Sprintf("u%d@example.net", i)), true)]++
	}
	if heard["slowed"] < 20 || heard["harvest"] < 300 || banned.n != heard["harvest"] {
		t.Errorf("heard %v, banned %d times", heard, banned.n)
	}
}

// A harvest is that of the addresses it came from. Others of the network are not put off
// nor banned: not for nothing, for some mistakes, or for an old list's.
func TestHarvestIsNotANeighbours(t *testing.T) {
	for _, tt := range []struct {
		name           string
		client         string
		known, unknown int    // recipients that the client has asked for
		asked          bool   // for an unknown one
		want           string // for the next
	}{
		{"himself, one that exists", "192.0.2.7", 0, 0, false, "harvest"},
		{"himself, one more", "192.0.2.7", 0, 0, true, "harvest"},
		{"who tried none, one that exists", "192.0.2.8", 3, 0, false, "none"},
		{"who tried none, a first mistake", "192.0.2.8", 3, 0, true, "slowed"},
		{"some mistakes", "192.0.2.8", 0, 3, false, "none"},
		{"an old list", "192.0.2.8", 40, 12, false, "none"},
		{"another part of the harvest", "192.0.2.8", 2, 12, false, "harvest"},
		{"another network", "192.0.3.8", 0, 3, true, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			counts, banned := traffic.New(traffic.Config{Hash: sameHash}), new(bans)
			p := compiled(t, Deps{Traffic: counts, Banner: banned}, pipeline.EntrySpec{Filter: "dhap", Settings: map[string]any{"tarpit": "0s"}})
			tries := func(client string, n int, unknown bool) {
				for i := range n {
					counts.Tried(netip.MustParseAddr(client), mail.Path(fmt.Sprintf("%t%d@example.net", unknown, i)), unknown)
				}
			}
			tries("192.0.2.7", 150, true)
			tries(tt.client, tt.known, false)
			tries(tt.client, tt.unknown, true)
			if got := asks(t, p, counts, tt.client, "new@example.net", tt.asked); got != tt.want || banned.n > 0 != (tt.want == "harvest") {
				t.Errorf("got %s, banned %d times; want %s", got, banned.n, tt.want)
			}
		})
	}
}

// No more clients wait at a time than may.
func TestTarpitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := traffic.New(traffic.Config{})
		p := compiled(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "dhap", Settings: map[string]any{"waiting": 10}})
		for i := range 30 {
			counts.Tried(netip.MustParseAddr("192.0.2.7"), mail.Path(fmt.Sprintf("v%d@example.net", i)), true)
		}
		begin := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		at := map[time.Duration]int{}
		for range 50 {
			wg.Go(func() {
				harvester(t, p, counts, "192.0.2.7", 1, nobody)
				mu.Lock()
				defer mu.Unlock()
				at[time.Since(begin)]++
			})
		}
		wg.Wait()
		if at[0] != 40 || at[5*time.Second] != 10 {
			t.Errorf("answered at %v, want 40 at once and 10 after 5s", at)
		}
	})
}
