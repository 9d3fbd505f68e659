package filters

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// A visitor comes through a gate.
type visitor struct {
	t    *testing.T
	gate *pipeline.Policy
	addr netip.Addr
	tx   *pipeline.Transaction
	walk *pipeline.Walk
}

func visit(t *testing.T, gate *pipeline.Policy, counts *traffic.Traffic, addr string) *visitor {
	v := &visitor{t: t, gate: gate, addr: netip.MustParseAddr(addr)}
	v.tx = pipeline.NewTransaction(t.Context(), "conn", time.Now(), mail.Client{Addr: v.addr}, nil)
	if counts != nil {
		open, left := counts.Arrived(v.addr)
		v.tx.Open = open
		v.tx.AtClose(left)
	}
	v.walk = pipeline.NewWalk(gate, mail.Null, true)
	advance(t, v.walk, v.tx)
	return v
}

// mail says MAIL, and returns what the gate finds.
func (v *visitor) mail(from mail.Path) string {
	w := v.walk.Fork()
	tx := pipeline.NewTransaction(v.t.Context(), "tx", time.Now(), mail.Client{Addr: v.addr}, nil).WithMail(from, mail.Params{})
	defer tx.Close()
	advance(v.t, w, tx)
	return w.Steps[len(w.Steps)-1].Finding.Result
}

func gateOf(t *testing.T, d Deps, entries ...pipeline.EntrySpec) *pipeline.Policy {
	gate, problems := pipeline.CompileGate(Catalog(d), pipeline.Spec{Entries: entries})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return gate
}

// Two entries count a connection and a message once; connections count as open until they
// are closed; and what is put off is not counted.
func TestRateCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := traffic.New(traffic.Config{})
		limits := map[string]any{"connections_per_minute": 5, "parallel_connections": 3, "messages_per_minute": 6}
		gate := gateOf(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "rate", Settings: limits},
			pipeline.EntrySpec{Filter: "rate", Name: "rate-2", Settings: map[string]any{"sender_messages_per_minute": 3}})
		var in []*visitor
		for range 3 {
			v := visit(t, gate, counts, "192.0.2.7")
			if v.walk.Done() {
				t.Fatalf("not let in: %+v", v.walk.Decision)
			}
			in = append(in, v)
		}
		fourth := visit(t, gate, counts, "192.0.2.8")
		if fourth.walk.Decision.Result != "parallel" {
			t.Errorf("the fourth: %+v", fourth.walk.Decision)
		}
		fourth.tx.Close()
		if minute := counts.Connections(in[0].addr); minute != 3 {
			t.Errorf("counted %g connections, want 3", minute)
		}
		for _, v := range in[1:] {
			v.tx.Close()
		}
		for range 2 {
			visit(t, gate, counts, "192.0.2.7").tx.Close()
		}
		if v := visit(t, gate, counts, "192.0.2.7"); v.walk.Decision.Result != "connections" {
			t.Errorf("the sixth: %+v", v.walk.Decision)
		}
		for i, want := range []string{"none", "none", "none", "sender", "sender"} {
			if got := in[0].mail("ann@example.org"); got != want {
				t.Errorf("message %d: %s, want %s", i, got, want)
			}
		}
		for i, want := range []string{"none", "messages"} { // what the second entry put off the first has counted
			if got := in[0].mail(mail.Null); got != want {
				t.Errorf("report %d: %s, want %s", i, got, want)
			}
		}
		time.Sleep(2 * time.Minute)
		if got := in[0].mail("ann@example.org"); got != "none" {
			t.Errorf("later: %s", got)
		}
		in[0].tx.Close()
	})
}

// A burst that connects at once, before any of it is judged, has no more let in than one
// after the other would; who is put off is not counted once he is gone.
func TestRateBurst(t *testing.T) {
	counts := traffic.New(traffic.Config{})
	gate := gateOf(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "rate", Settings: map[string]any{"parallel_connections": 3}})
	burst := func() (in []*pipeline.Transaction) {
		var all []*pipeline.Transaction
		for i := range 10 {
			addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			tx := pipeline.NewTransaction(t.Context(), "conn", time.Now(), mail.Client{Addr: addr}, nil)
			open, left := counts.Arrived(addr)
			tx.Open = open
			tx.AtClose(left)
			all = append(all, tx)
		}
		for _, tx := range all {
			w := pipeline.NewWalk(gate, mail.Null, true)
			advance(t, w, tx)
			if !w.Done() {
				in = append(in, tx)
				continue
			}
			tx.Close()
		}
		return in
	}
	first := burst()
	if second := burst(); len(first) != 3 || len(second) != 0 {
		t.Errorf("let in %d and then %d, want 3 and 0", len(first), len(second))
	}
	for _, tx := range first {
		tx.Close()
	}
	if again := burst(); len(again) != 3 {
		t.Errorf("after they left: let in %d, want 3", len(again))
	}
}

// Who forges a sender uses up what his own network may send, not what the sender may.
func TestRateForgedSender(t *testing.T) {
	counts := traffic.New(traffic.Config{})
	gate := gateOf(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "rate", Settings: map[string]any{"sender_messages_per_minute": 3}})
	for _, c := range []struct{ client, want string }{
		{"203.0.113.9", "none"}, {"203.0.113.9", "none"}, {"203.0.113.10", "none"}, {"203.0.113.9", "sender"},
		{"2001:db8:0:1::9", "none"}, {"192.0.2.7", "none"}, {"192.0.2.7", "none"}, {"192.0.2.7", "none"}, {"192.0.2.7", "sender"},
		{"2001:db8:0:2::9", "none"},
	} {
		v := visit(t, gate, counts, c.client)
		if got := v.mail("news@example.org"); got != c.want {
			t.Errorf("%s: %s, want %s", c.client, got, c.want)
		}
		v.tx.Close()
	}
}

// Explaining and shadows count nothing.
func TestRateCountsWhatIsLive(t *testing.T) {
	counts := traffic.New(traffic.Config{})
	gate := gateOf(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "rate", Shadow: true})
	v := visit(t, gate, counts, "192.0.2.7")
	defer v.tx.Close()
	v.mail("ann@example.org")
	explained := pipeline.NewWalk(gateOf(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "rate"}), mail.Null, false)
	advance(t, explained, v.tx)
	minute := counts.Connections(v.addr)
	messages, _ := counts.Messages(v.addr, "ann@example.org")
	if minute != 0 || messages != 0 {
		t.Errorf("counted %g connections, %g messages", minute, messages)
	}
}

// A stranger is made to wait, once a day; a network with a good history never is.
func TestEarlyTalkerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := traffic.New(traffic.Config{})
		gate := gateOf(t, Deps{Traffic: counts}, pipeline.EntrySpec{Filter: "early-talker"})
		come := func(addr string) time.Duration {
			ear := new(waiting)
			tx := pipeline.NewTransaction(t.Context(), "conn", time.Now(), mail.Client{Addr: netip.MustParseAddr(addr), Ear: ear}, nil)
			defer tx.Close()
			w := pipeline.NewWalk(gate, mail.Null, true)
			advance(t, w, tx)
			advance(t, w, tx.WithHelo(tx.Client))
			return ear.total
		}
		for i, want := range []time.Duration{time.Second, 0, 0} {
			if got := come("192.0.2.7"); got != want {
				t.Errorf("time %d: waited %s, want %s", i, got, want)
			}
		}
		time.Sleep(24 * time.Hour)
		if got := come("192.0.2.7"); got != time.Second {
			t.Errorf("a day later: waited %s", got)
		}
		for range 50 {
			counts.Took(netip.MustParseAddr("198.51.100.7"), true)
		}
		time.Sleep(6 * time.Hour)
		if got := come("198.51.100.9"); got != 0 {
			t.Errorf("with a good history: waited %s", got)
		}
		if got := come("127.0.0.1"); got != 0 {
			t.Errorf("loopback: waited %s", got)
		}
	})
}

// A waiting ear adds up how long it was to listen.
type waiting struct{ total time.Duration }

func (w *waiting) Early(_ context.Context, wait time.Duration) (bool, error) {
	w.total += wait
	return false, nil
}
