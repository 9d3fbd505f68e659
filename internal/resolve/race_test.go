package resolve

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

const ms = time.Millisecond

// TestHedge: who is later than usual is overtaken by the next, who is not asked before.
// The bubble fails where a goroutine of a loser is left.
func TestHedge(t *testing.T) {
	const one, two = "A 192.0.2.101", "A 192.0.2.102"
	cases := []struct {
		name         string
		first, other deed
		want         string
		took         time.Duration
		asked, ended int // the second server, and tries
	}{
		{"in time", deed{one, 400 * ms}, deed{two, 0}, "192.0.2.101", 400 * ms, 0, 0},
		{"late", deed{one, 900 * ms}, deed{two, 10 * ms}, "192.0.2.102", 510 * ms, 1, 1},
		{"late, and the other later", deed{one, 600 * ms}, deed{two, 400 * ms}, "192.0.2.101", 600 * ms, 1, 1},
		{"silent", deed{"silence", 0}, deed{two, 10 * ms}, "192.0.2.102", 510 * ms, 1, 1},
		{"failed", deed{"SERVFAIL", 20 * ms}, deed{two, 10 * ms}, "192.0.2.102", 30 * ms, 1, 0},
		{"refused", deed{"REFUSED", 0}, deed{two, 0}, "192.0.2.102", 0, 1, 0},
		{"failed late", deed{"SERVFAIL", 600 * ms}, deed{two, 200 * ms}, "192.0.2.102", 700 * ms, 1, 0},
		{"both failed", deed{"SERVFAIL", 0}, deed{"REFUSED", 0}, "temporary failure", 0, 1, 0},
		{"silence and failure", deed{"silence", 0}, deed{"SERVFAIL", 0}, "temporary failure", 2 * time.Second, 1, 1},
		{"both silent", deed{"silence", 0}, deed{"silence", 0}, "temporary failure", 2 * 2500 * ms, 2, 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, net := fakeResolver(t, Config{Timeout: 2 * time.Second}, c.first, c.other)
				begun := time.Now()
				a, err := r.Lookup(t.Context(), "name.test", A)
				took := time.Since(begun)
				if got := words(a, err); got != c.want || took != c.took {
					t.Errorf("got %q after %s, want %q after %s (%v)", got, took, c.want, c.took, err)
				}
				if n := net.count("192.0.2.2", "name.test"); n != c.asked || net.ended != c.ended {
					t.Errorf("asked the second %d times and ended %d tries, want %d and %d", n, net.ended, c.asked, c.ended)
				}
			})
		})
	}
}

// TestPatience: a server is waited for about as long as 19 of 20 of its answers take.
func TestPatience(t *testing.T) {
	cases := []struct {
		name        string
		took        []time.Duration
		least, most time.Duration
	}{
		{"nothing known", nil, 500 * ms, 500 * ms},
		{"fast", many(200, 2*ms), minPatience, minPatience},
		{"slow", many(200, 300*ms), 300 * ms, 430 * ms},
		{"slower than half of the limit", many(200, 1900*ms), time.Second, time.Second},
		{"one in a hundred late", append(many(99, 80*ms), 1500*ms), 80 * ms, 120 * ms},
		{"one in ten late", append(many(90, 80*ms), many(10, 700*ms)...), 700 * ms, time.Second},
		{"fast of late", append(many(200, 900*ms), many(5000, 100*ms)...), 100 * ms, 150 * ms},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u := upstream{limit: 2 * time.Second}
			for _, d := range c.took {
				u.note(answered, d)
			}
			if p := u.patience(); p < c.least || p > c.most {
				t.Errorf("got %s, want between %s and %s", p, c.least, c.most)
			}
		})
	}
}

func many(n int, d time.Duration) (list []time.Duration) {
	for range n {
		list = append(list, d)
	}
	return list
}

// TestDeadServer: a server that is gone costs its time-out a few times, not with each
// question, and is asked again once it is back.
func TestDeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []string
		r, net := fakeResolver(t, Config{Timeout: 2 * time.Second, Report: func(c Condition) { reports = append(reports, fmt.Sprint(c.Server, " ", c.Trouble)) }},
			deed{"silence", 0}, deed{"A 192.0.2.102", 10 * ms})
		ask := func(i int) time.Duration {
			begun := time.Now()
			a, err := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), A)
			if words(a, err) != "192.0.2.102" {
				t.Errorf("question %d: %v", i, err)
			}
			return time.Since(begun)
		}
		for i := range silences {
			if took := ask(i); took != 510*ms {
				t.Errorf("question %d took %s", i, took)
			}
		}
		bubble.Sleep(2 * time.Second) // in which the probe has no answer
		for i := range 100 {
			if took := ask(100 + i); took != 10*ms {
				t.Fatalf("the dead server still costs %s", took)
			}
		}
		if c := r.Conditions()[0]; c.Trouble == nil || !c.Silent || r.Conditions()[1].Trouble != nil || r.Err() != nil {
			t.Errorf("conditions %+v, %v", r.Conditions(), r.Err())
		}
		bubble.Sleep(10 * time.Minute)
		if n := net.count("192.0.2.1", "."); n < 30 || n > 45 {
			t.Errorf("%d probes in ten minutes", n)
		}
		net.set("192.0.2.1", deed{"A 192.0.2.102", 30 * ms})
		bubble.Sleep(maxRest + 2*time.Second)
		if took := ask(999); took != 30*ms {
			t.Errorf("it is back, and the question took %s", took)
		}
		synctest.Wait()
		want := []string{"192.0.2.1:53 no answer in time", "192.0.2.1:53 <nil>"}
		if fmt.Sprint(reports) != fmt.Sprint(want) {
			t.Errorf("reports %q, want %q", reports, want)
		}
	})
}

// TestSilentNamesBlameNobody: names whose own servers are silent make a resolver silent
// about them. Whoever sends mail from many such names must not talk it out of service.
func TestSilentNamesBlameNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second, Rounds: 1}, deed{"silence", 0}, deed{"silence", 0})
		net.probes["192.0.2.1:53"], net.probes["192.0.2.2:53"] = "NS a.root-servers.net.", "NS a.root-servers.net."
		for i := range 50 {
			if _, err := r.Lookup(t.Context(), fmt.Sprintf("hole%d.test", i), A); !errors.Is(err, ErrTemporary) {
				t.Fatal(err)
			}
			if r.Err() != nil || r.Conditions()[0].Trouble != nil {
				t.Fatalf("after %d silent names: %+v", i, r.Conditions())
			}
		}
		if n := net.count("192.0.2.1", "."); n == 0 || n > 25 {
			t.Errorf("%d probes", n)
		}
	})
}

// TestRefusingServer: a server that tells nobody anything is asked after one that does.
func TestRefusingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second}, deed{"REFUSED", 0}, deed{"A 192.0.2.102", 0})
		for i := range 50 {
			if _, err := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), A); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		asked := 0
		for i := range 50 {
			asked += net.count("192.0.2.1", fmt.Sprintf("n%d.test", i))
		}
		if asked != failures {
			t.Errorf("it was asked %d times, want %d", asked, failures)
		}
		if c := r.Conditions()[0]; c.Silent || c.Trouble == nil || c.Trouble.Error() != "it answers everything with REFUSED" {
			t.Errorf("condition %+v", c)
		}
	})
}

// TestAllDead: where no server answers, failing takes no time, and says why.
func TestAllDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, net := fakeResolver(t, Config{Timeout: time.Second, Rounds: 1}, deed{"silence", 0})
		for i := range silences {
			_, _ = r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), A)
		}
		bubble.Sleep(time.Second)
		begun := time.Now()
		if _, err := r.Lookup(t.Context(), "more.test", A); !errors.Is(err, ErrTemporary) || time.Since(begun) > 0 {
			t.Errorf("got %v after %s", err, time.Since(begun))
		}
		if err := r.Err(); err == nil {
			t.Error("no reason given")
		}
		net.set("192.0.2.1", deed{"A 192.0.2.7", 0})
		bubble.Sleep(maxRest)
		if a, err := r.Lookup(t.Context(), "again.test", A); words(a, err) != "192.0.2.7" || r.Err() != nil {
			t.Errorf("after it came back: %v, %v", err, r.Err())
		}
	})
}
