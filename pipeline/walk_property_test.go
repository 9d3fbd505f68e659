package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// A script says what a scripted filter answers to one scope, at each stage. It is the
// whole truth about the filter, so that the oracle can ask it without any of the
// machinery under test.
type script struct {
	result string
	score  float64
	until  Stage // Wait, or Later in the gate, before it
	later  bool
	err    bool
	panics bool
	hangs  bool // never answers: the time limit speaks
	delay  time.Duration
}

// A scripted filter follows its scripts.
type scripted struct {
	kind    *Kind
	scripts map[string]script // by scope
	ledger  *ledger
	name    string
	prompt  bool // what it says of itself, right or wrong
}

// Prompt implements Prompter.
func (f *scripted) Prompt(Query) bool { return f.prompt }

type ledger struct {
	mu sync.Mutex
	m  map[string]int
}

func (l *ledger) note(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m[s]++
}

func (f *scripted) scope(q Query) string {
	switch f.kind.Scope {
	case PerDomain:
		return q.Domain
	case PerRecipient:
		return string(q.Recipient)
	}
	return ""
}

func (f *scripted) Check(ctx context.Context, q Query) (Finding, error) {
	if f.kind.Scope == PerWalk {
		return seesWalk(q.Walk.Score, len(q.Walk.Steps)), nil
	}
	s := f.scripts[f.scope(q)]
	if q.Tx.Stage < s.until {
		if f.kind.Waits && s.delay > 0 {
			select {
			case <-time.After(s.delay):
			case <-ctx.Done():
				return Finding{}, ctx.Err()
			}
		}
		return Finding{Wait: !s.later, Later: s.later}, nil
	}
	if s.hangs {
		<-ctx.Done()
		return Finding{}, ctx.Err()
	}
	if f.kind.Waits && s.delay > 0 {
		select {
		case <-time.After(s.delay):
		case <-ctx.Done():
			return Finding{}, ctx.Err()
		}
	}
	if s.panics {
		panic("scripted")
	}
	if s.err {
		return Finding{}, errors.New("scripted")
	}
	return Finding{Result: s.result, Score: s.score, Reason: f.kind.Name + " says " + s.result}, nil
}

func (f *scripted) Record(_ context.Context, q Query, finding Finding) error {
	switch {
	case f.kind.Scope == PerWalk: // whose findings nobody shares
	case finding.Later:
		f.ledger.note(f.name + " later at " + q.Tx.Stage.String())
	default:
		f.ledger.note(f.name + " " + f.scope(q))
	}
	return nil
}

// seesWalk is the answer of a filter that looks at the walk so far.
func seesWalk(score float64, steps int) Finding {
	result := "a"
	if int(score*2)+steps%2 > 3 {
		result = "b"
	}
	return Finding{Result: result, Score: score / 2, Reason: fmt.Sprintf("walk says %s", result)}
}

// naive walks one entry at a time, as the text of the specification reads. It returns
// the stage at which the walk comes to its end.
func naive(p *Policy, rcpt mail.Path, live bool, records map[string]bool) (stage Stage, w Walk) {
	w = Walk{Recipient: rcpt, Policy: p, Required: p.Required}
	ended, spare := false, map[string]string{}
	for _, e := range p.Entries {
		if ended && !e.Always {
			continue
		}
		if reason, spared := spare[e.Unless]; spared {
			w.Steps = append(w.Steps, Step{Entry: e.Name, Filter: e.Kind.Name, Shadow: e.Shadow,
				Finding: Finding{Result: Skipped, Reason: "not asked, since " + e.Unless + " says: " + reason}})
			continue
		}
		stage = max(stage, e.Kind.Stage)
		f := e.Filter.(*scripted)
		var finding Finding
		if e.Kind.Scope == PerWalk {
			finding = seesWalk(w.Score, len(w.Steps))
		} else {
			s := f.scripts[f.scope(e.query(nil, &w))]
			stage = max(stage, s.until)
			switch {
			case s.hangs, s.err, s.panics:
				finding = Finding{Result: TempError}
			default:
				finding = Finding{Result: s.result, Score: s.score, Reason: e.Kind.Name + " says " + s.result}
			}
		}
		effect := e.On[finding.Result]
		step := Step{Entry: e.Name, Filter: e.Kind.Name, Finding: finding, Effect: effect, Points: effect.points(finding, &w), Shadow: e.Shadow}
		w.Steps = append(w.Steps, step)
		if e.Shadow {
			continue
		}
		if live && e.Kind.Scope != PerWalk {
			records[f.name+" "+f.scope(e.query(nil, &w))] = true
		}
		w.Score += step.Points
		if finding.Result == "b" && e.Kind.Results[1].Spares {
			spare[e.Name] = finding.Reason
		}
		if a := effect.Action; a.Ends() && (!ended || strength[a] > strength[w.Decision.Action]) {
			ended = true
			w.Decision = Decision{Action: a, Entry: e.Name, Filter: e.Kind.Name, Result: finding.Result, Reason: finding.Reason, Reply: effect.Reply}
			if a == Reject || a == Defer || a == Discard {
				return stage, w
			}
		}
	}
	if !ended && p.RejectAt > 0 && w.Score >= p.RejectAt {
		w.Decision = Decision{Action: Reject, Entry: "score", Reason: w.overScore(p.RejectAt)}
	} else if !ended && p.Required > 0 && w.Score >= p.Required {
		w.Decision = Decision{Action: Spam, Entry: "score", Reason: w.overScore(p.Required)}
	}
	return Data, w
}

var recipients = []mail.Path{"ann@one.example", "bob@one.example", "cid@two.example", "dee@two.example"}

// world makes random policies over random scripted filters.
func world(r *rand.Rand, log *ledger) []*Policy {
	effects := []string{"none", "none", "none", "score 1", "score 2.5", "score -1", "score", "accept", "tag", "junk", "spam", "quarantine", "discard", "defer", "reject"}
	var kinds []*scripted
	for i := range 4 + r.IntN(6) {
		k := &Kind{Name: fmt.Sprintf("f%d", i), Stage: Stage(r.IntN(4)), Scope: Scope(r.IntN(4)), Waits: r.IntN(3) > 0, Timeout: time.Second,
			Results: []Result{{Word: "a"}, {Word: "b", Spares: r.IntN(3) == 0}, {Word: "c"}}}
		if r.IntN(3) == 0 {
			k.Stage = Data
		}
		f := &scripted{kind: k, scripts: map[string]script{}, ledger: log, name: k.Name, prompt: r.IntN(3) == 0}
		for _, scope := range []string{"", "one.example", "two.example", string(recipients[0]), string(recipients[1]), string(recipients[2]), string(recipients[3])} {
			s := script{result: string("abc"[r.IntN(3)]), score: float64(r.IntN(5)), delay: time.Duration(r.IntN(900)) * time.Millisecond}
			switch r.IntN(12) {
			case 0:
				s.err = true
			case 1:
				s.panics = true
			case 2:
				s.hangs = k.Waits
			case 3, 4:
				s.until = k.Stage + Stage(r.IntN(int(Data-k.Stage)+1))
			}
			f.scripts[scope] = s
		}
		kinds = append(kinds, f)
	}
	var policies []*Policy
	for i := range 2 {
		p := &Policy{Name: fmt.Sprintf("p%d", i), Required: float64(r.IntN(8)), RejectAt: float64(r.IntN(3) * 6)}
		for j := range r.IntN(12) {
			f := kinds[r.IntN(len(kinds))]
			e := &Entry{Name: fmt.Sprintf("e%d", j), Kind: f.kind, Filter: f, Key: f.kind.Name, On: map[string]Effect{},
				Always: r.IntN(5) == 0, Shadow: r.IntN(7) == 0}
			for _, word := range []string{"a", "b", "c", TempError} {
				e.On[word], _ = ParseEffect(effects[r.IntN(len(effects))])
			}
			if j > 0 && r.IntN(4) == 0 {
				e.Needs = []string{p.Entries[r.IntN(j)].Name}
			}
			if j > 0 && r.IntN(2) == 0 {
				e.Unless = p.Entries[r.IntN(j)].Name
			}
			p.Entries = append(p.Entries, e)
		}
		policies = append(policies, p)
	}
	return policies
}

// comparable drops what need not agree: durations, and how an error was worded.
func comparable(w *Walk) string {
	var b strings.Builder
	line := func(f Finding) string {
		if f.Result == TempError {
			return TempError
		}
		return fmt.Sprintf("%s %g %q", f.Result, f.Score, f.Reason)
	}
	for _, s := range w.Steps {
		fmt.Fprintf(&b, "%s %s [%s] %s %+g shadow=%t\n", s.Entry, s.Filter, line(s.Finding), s.Effect, s.Points, s.Shadow)
	}
	d := w.Decision
	if d.Result == TempError {
		d.Reason = ""
	}
	fmt.Fprintf(&b, "score %g decision %+v", w.Score, d)
	return b.String()
}

// The batched run equals the naive one: in trace, decision, answer at RCPT, reply,
// dispositions, and in what filters with memory were told.
func TestBatchedEqualsNaive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for i := range rounds {
		if t.Failed() {
			t.Fatalf("round %d of seed %d", i, seed)
		}
		synctest.Test(t, func(t *testing.T) { oneRound(t, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
}

func oneRound(t *testing.T, r *rand.Rand) {
	told := &ledger{m: map[string]int{}}
	policies := world(r, told)
	tx := NewTransaction(t.Context(), "id", time.Now(), mail.Client{}, nil)
	defer tx.Close()

	wantRecords := map[string]bool{}
	var walks, oracles []*Walk
	var ends []Stage
	var endings, wantEndings []Ending
	for i, rcpt := range recipients[:1+r.IntN(4)] {
		p, live := policies[i/2], r.IntN(6) > 0
		end, oracle := naive(p, rcpt, live, wantRecords)
		walks, oracles, ends = append(walks, NewWalk(p, rcpt, live)), append(oracles, &oracle), append(ends, end)
	}
	for stage := Stage(r.IntN(4)); stage <= Data; stage++ { // from the stage at which the walks begin
		tx = at(tx, stage)
		if stage < Data && r.IntN(4) == 0 {
			continue // nobody asks at this stage; what waits for it is asked at the next
		}
		if err := AdvanceAll(t.Context(), tx, walks); err != nil {
			t.Fatal(err)
		}
		for i, w := range walks {
			if got, want := w.Done(), stage >= ends[i]; got != want {
				t.Errorf("%s: done at %s: got %t, want %t\n%s", w.Recipient, stage, got, want, comparable(w))
			}
		}
	}
	for i, w := range walks {
		if !w.Done() {
			t.Errorf("%s: no decision after the end of data", w.Recipient)
		}
		if got, want := comparable(w), comparable(oracles[i]); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", w.Recipient, got, want)
		}
		dis := []Disposition{ToQuarantine, ToJunk, ToTag}[r.IntN(3)]
		tell := r.IntN(2) == 0
		endings = append(endings, Ending{Decision: w.Decision, Disposition: dis, Tell: tell})
		wantEndings = append(wantEndings, Ending{Decision: oracles[i].Decision, Disposition: dis, Tell: tell})
	}
	if len(walks) > 0 {
		got, gotAnswer := Settle(endings)
		want, wantAnswer := Settle(wantEndings)
		if !reflect.DeepEqual(got, want) || gotAnswer != wantAnswer {
			t.Errorf("settled: got %v %v, want %v %v", got, gotAnswer, want, wantAnswer)
		}
	}
	told.compare(t, wantRecords)
}

// at is tx at a stage.
func at(tx *Transaction, s Stage) *Transaction {
	switch s {
	case Helo:
		return tx.WithHelo(mail.Client{})
	case Mail:
		return tx.WithMail("s@x.example", mail.Params{})
	case Rcpt:
		return tx.WithRcpt()
	case Data:
		return tx.WithData(recipients, mail.NewMessage([]byte("Subject: x\r\n\r\n")))
	}
	return tx
}

func (l *ledger) compare(t *testing.T, want map[string]bool) {
	var got, wanted []string
	for k, n := range l.m {
		if n != 1 {
			t.Errorf("recorded %d times: %s", n, k)
		}
		got = append(got, k)
	}
	for k := range want {
		wanted = append(wanted, k)
	}
	sort.Strings(got)
	sort.Strings(wanted)
	if !reflect.DeepEqual(got, wanted) && len(got)+len(wanted) > 0 {
		t.Errorf("recorded: got %v, want %v", got, wanted)
	}
}
