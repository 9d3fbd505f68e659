package dnsbl

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A changing resolver answers from a table that a test exchanges.
type changing struct {
	mu  sync.Mutex
	dns fakeDNS
}

func (c *changing) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	c.mu.Lock()
	dns := c.dns
	c.mu.Unlock()
	return dns.LookupNetIP(ctx, network, name)
}

func (c *changing) set(dns fakeDNS) {
	c.mu.Lock()
	c.dns = dns
	c.mu.Unlock()
}

func TestHealth(t *testing.T) {
	well := fakeDNS{"2.0.0.127.a": "127.0.0.2"}
	world := fakeDNS{"2.0.0.127.a": "127.0.0.2", "1.0.0.127.a": "127.0.0.2"}
	silent := fakeDNS{"2.0.0.127.a": "servfail", "1.0.0.127.a": "servfail"}
	synctest.Test(t, func(t *testing.T) {
		l := list(t, "a", "deny", 1, false)
		var reports []bool
		r := &changing{dns: well}
		h := NewHealth(r, func(c Condition) { reports = append(reports, c.Trouble != nil) })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.Run(ctx) })
		h.Watch(l)
		h.Watch(l)
		synctest.Wait()
		if c := h.Conditions(); len(c) != 1 || c[0].Checked.IsZero() || h.Trouble(l) != nil {
			t.Errorf("at start: %v", c)
		}
		for _, step := range []struct {
			name   string
			dns    fakeDNS
			broken bool
		}{{"lists the world", world, true}, {"silent", silent, true}, {"well again", well, false}, {"silent then", silent, false}, {"dead", fakeDNS{}, true}} {
			r.set(step.dns)
			time.Sleep(ProbeEvery) // of the bubble's clock
			synctest.Wait()
			if err := h.Trouble(l); (err != nil) != step.broken {
				t.Errorf("%s: %v", step.name, err)
			}
		}
		cancel()
		wg.Wait()
		if len(reports) != 3 {
			t.Errorf("reports %v, want broken, well, broken", reports)
		}
		if h.Trouble(list(t, "b", "deny", 1, false)) != nil {
			t.Error("a list that nobody watches")
		}
	})
}
