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
func harvester(t *testing.T, policy *pipeline.Policy, client string, recipients int, unknown func(int) bool) (heard map[string]int) {
	heard = map[string]int{}
	for i := range recipients {
		tx := pipeline.NewTransaction(t.Context(), "id", time.Now(), mail.Client{Addr: netip.MustParseAddr(client)}, nil).
			WithMail("a@example.org", mail.Params{}).WithRcpt()
		rcpt := mail.Path(fmt.Sprintf("u%d@example.net", i))
		w := pipeline.NewWalk(policy, rcpt, true)
		if unknown(i) {
			w = pipeline.NewUnknownWalk(policy, rcpt, true)
		}
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		heard[w.Steps[0].Finding.Result]++
		tx.Close()
	}
	return heard
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
		p := compiled(t, Deps{Traffic: traffic.New(traffic.Config{}), Banner: banned}, pipeline.EntrySpec{Filter: "dhap"})
		begin := time.Now()
		heard := harvester(t, p, "192.0.2.7", 10_000, nobody)
		if heard["none"] < 12 || heard["none"] > 20 || heard["slowed"] < 25 || heard["slowed"] > 50 || heard["harvest"] < 9_900 {
			t.Errorf("heard %v", heard)
		}
		if took := time.Since(begin); took != time.Duration(heard["slowed"])*5*time.Second {
			t.Errorf("it took %s, want 5s for each of %d", took, heard["slowed"])
		}
		if banned.n != heard["harvest"] {
			t.Errorf("banned %d times, want once a transaction", banned.n)
		}
		heard = harvester(t, p, "198.51.100.7", 10_000, func(i int) bool { return i%3 == 2 })
		if len(heard) != 1 || heard["none"] != 10_000 {
			t.Errorf("an old list heard %v", heard)
		}
	})
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
				harvester(t, p, "192.0.2.7", 1, nobody)
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
