package resolve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// TestSlowNamesLeaveRoom: however many names with silent servers strangers bring, in however
// many messages, another's question is answered soon; and a slow name is, while there is room.
func TestSlowNamesLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := fakeResolver(t, Config{Timeout: 5 * time.Second, Rounds: 1, InFlight: 64})
		r.servers = []*upstream{{addr: "192.0.2.1:53", limit: 5 * time.Second}}
		r.exchange = func(ctx context.Context, _, _ string, query *dns.Msg) (*dns.Msg, error) {
			wait := 10 * ms
			switch name := query.Question[0].Name; {
			case name == "slow.test.":
				wait = 2 * time.Second
			case dns.IsSubDomain("hole.test.", name):
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			rr, err := dns.NewRR(query.Question[0].Name + " 60 A 192.0.2.7")
			m := new(dns.Msg).SetReply(query)
			m.Answer = []dns.RR{rr}
			return m, err
		}
		if _, err := r.Lookup(t.Context(), "slow.test", A); err != nil {
			t.Errorf("a slow name, alone: %v", err)
		}
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				if _, err := r.Lookup(t.Context(), fmt.Sprintf("n%d.hole.test", i), A); !errors.Is(err, ErrTemporary) {
					t.Errorf("a silent name: %v", err)
				}
			})
		}
		synctest.Wait()
		before := time.Now()
		_, err := r.Lookup(t.Context(), "honest.test", A)
		if took := time.Since(before); err != nil || took > 3*time.Second {
			t.Errorf("an honest name: %v after %s", err, took)
		}
		wg.Wait()
		if !r.slow.TryAcquire(64 / slowPart) {
			t.Error("places of slow questions are not given back")
		}
	})
}
