package pipeline

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// The gate is walked as the client connects, greets and, on a fork of its own for each
// transaction, says MAIL. It equals a walk that is made anew at each stage, entry by entry.
func TestGateEqualsNaive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i := range 2000 {
		if t.Failed() {
			t.Fatalf("round %d of seed %d", i, seed)
		}
		synctest.Test(t, func(t *testing.T) { gateRound(t, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
}

func gateRound(t *testing.T, r *rand.Rand) {
	told := &ledger{m: map[string]int{}}
	p := gateWorld(r, told)
	conn := NewTransaction(t.Context(), "conn", time.Now(), mail.Client{}, nil)
	defer conn.Close()
	gate, records := NewWalk(p, mail.Null, true), map[string]bool{}
	check := func(w *Walk, tx *Transaction, at Stage, records map[string]bool) {
		t.Helper()
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		done, oracle := naiveGate(p, at, records)
		if got, want := fmt.Sprint(w.Done(), " ", comparable(w)), fmt.Sprint(done, " ", comparable(&oracle)); got != want {
			t.Errorf("at %s: got\n%s\nwant\n%s", at, got, want)
		}
	}
	check(gate, conn, Connect, records)
	conn = conn.WithHelo(mail.Client{})
	check(gate, conn, Helo, records)
	if r.IntN(2) == 0 { // a second HELO, as after STARTTLS
		check(gate, conn, Helo, records)
	}
	told.compare(t, records)
	before := maps.Clone(records)
	for range 2 { // transactions
		clear(told.m)
		tx := NewTransaction(t.Context(), "tx", time.Now(), mail.Client{}, nil).WithHelo(mail.Client{}).WithMail("s@x.example", mail.Params{})
		own := maps.Clone(before)
		check(gate.Fork(), tx, Mail, own)
		tx.Close()
		for k := range before { // what the connection was told is not told again
			delete(own, k)
		}
		told.compare(t, own)
	}
}

// gateWorld makes a random gate: entries that speak at once, and those that say Later up
// to some stage.
func gateWorld(r *rand.Rand, log *ledger) *Policy {
	effects := []string{"none", "none", "accept", "accept", "defer", "reject"}
	p := &Policy{Name: "gate"}
	for i := range r.IntN(9) {
		k := &Kind{Name: fmt.Sprintf("f%d", i), Stage: Stage(r.IntN(3)), Gate: true, Waits: r.IntN(2) > 0, Results: []Result{{Word: "a"}, {Word: "b"}}}
		s := script{result: string("ab"[r.IntN(2)]), delay: time.Duration(r.IntN(900)) * time.Millisecond, later: r.IntN(3) > 0}
		if r.IntN(2) == 0 {
			s.until = k.Stage + Stage(r.IntN(int(Mail-k.Stage)+1))
		}
		f := &scripted{kind: k, scripts: map[string]script{"": s}, ledger: log, name: k.Name}
		e := &Entry{Name: k.Name, Kind: k, Filter: f, Key: k.Name, On: map[string]Effect{}, Shadow: r.IntN(7) == 0}
		for _, word := range []string{"a", "b"} {
			e.On[word], _ = ParseEffect(effects[r.IntN(len(effects))])
		}
		p.Entries = append(p.Entries, e)
	}
	return p
}

// naiveGate is the gate as it stands when the client has come to a stage: at each stage
// the list is gone down from the top, by those who have spoken already and up to one that
// waits for a later stage, and a refusal at one stage is final. Below an ending nobody is
// asked.
func naiveGate(p *Policy, last Stage, records map[string]bool) (done bool, w Walk) {
	w = Walk{Policy: p}
	spoken, ended, pending := map[int]bool{}, -1, false
	for stage := Connect; stage <= last; stage++ {
		pending, done = false, true
		for i, e := range p.Entries {
			if spoken[i] || ended >= 0 && i > ended {
				continue
			}
			f := e.Filter.(*scripted)
			s := f.scripts[""]
			if e.Kind.Stage > stage || s.until > stage && !s.later {
				done = false
				break
			}
			if s.until > stage {
				pending = true
				if !e.Shadow {
					records[f.name+" later at "+stage.String()] = true
				}
				continue
			}
			spoken[i] = true
			effect := e.On[s.result]
			finding := Finding{Result: s.result, Reason: e.Kind.Name + " says " + s.result}
			w.Steps = append(w.Steps, Step{Entry: e.Name, Filter: e.Kind.Name, Finding: finding, Effect: effect, Shadow: e.Shadow})
			if e.Shadow {
				continue
			}
			records[f.name+" "] = true
			if a := effect.Action; a.Ends() {
				if ended < 0 || strength[a] > strength[w.Decision.Action] {
					w.Decision = Decision{Action: a, Entry: e.Name, Filter: e.Kind.Name, Result: finding.Result, Reason: finding.Reason, Reply: effect.Reply}
				}
				if ended < 0 || i < ended {
					ended = i
				}
				if a == Defer || a == Reject {
					return true, w
				}
			}
		}
	}
	return done && !pending, w
}

// What the gate can't wait for, or a policy, is an error at once, not a walk that stands.
func TestWaitsThatNeverEnd(t *testing.T) {
	tests := []struct {
		name    string
		finding Finding
		rcpt    mail.Path
		stage   Stage
		want    string
	}{
		{"content in the gate", Finding{Wait: true}, mail.Null, Mail, "could not tell: waits for what the gate never has"},
		{"later at the gate's end", Finding{Later: true}, mail.Null, Mail, "could not tell: waits for what the gate never has"},
		{"later in a policy", Finding{Later: true}, "ann@x.example", Rcpt, "could not tell: answers later, which only the gate can wait for"},
		{"content that is there", Finding{Wait: true}, "ann@x.example", Data, "could not tell: waits for the content, which it has"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := &Kind{Name: "f", Results: []Result{{Word: "no"}}}
			e := &Entry{Name: "f", Kind: k, Key: "f", Filter: probe(func(context.Context, Query) (Finding, error) { return test.finding, nil })}
			tx := at(NewTransaction(t.Context(), "id", time.Now(), mail.Client{}, nil), test.stage)
			defer tx.Close()
			w := NewWalk(&Policy{Entries: []*Entry{e}}, test.rcpt, true)
			if err := w.Advance(t.Context(), tx); err != nil {
				t.Fatal(err)
			}
			if len(w.Steps) != 1 || w.Steps[0].Finding.Result != TempError || w.Steps[0].Finding.Reason != test.want {
				t.Errorf("got %+v, want %q", w.Steps, test.want)
			}
		})
	}
}
