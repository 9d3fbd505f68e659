package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// A probe is a filter made of a function.
type probe func(ctx context.Context, q Query) (Finding, error)

func (p probe) Check(ctx context.Context, q Query) (Finding, error) { return p(ctx, q) }

func entryOf(name string, scope Scope, waits bool, p probe, on map[string]Effect) *Entry {
	k := &Kind{Name: name, Stage: Rcpt, Scope: scope, Waits: waits, Results: []Result{{Word: "yes"}, {Word: "no"}}}
	return &Entry{Name: name, Kind: k, Filter: p, Key: name, On: on, Timeout: time.Second}
}

func atRcpt(t *testing.T) *Transaction {
	return NewTransaction(t.Context(), "id", time.Now(), mail.Client{}, nil).WithMail("s@x.example", mail.Params{}).WithRcpt()
}

// A message for 100 recipients costs one question of each message-wide filter.
func TestFindingsAreShared(t *testing.T) {
	for _, waits := range []bool{false, true} {
		var asked atomic.Int64
		e := entryOf("f", PerMessage, waits, func(context.Context, Query) (Finding, error) {
			asked.Add(1)
			return Finding{Result: "no"}, nil
		}, nil)
		p := &Policy{Name: "p", Entries: []*Entry{e}}
		tx := atRcpt(t)
		for i := range 100 {
			if err := NewWalk(p, mail.Path(fmt.Sprintf("u%d@x.example", i)), true).Advance(t.Context(), tx); err != nil {
				t.Fatal(err)
			}
		}
		tx.Close()
		if got := asked.Load(); got != 1 {
			t.Errorf("waits=%t: asked %d times, want 1", waits, got)
		}
	}
}

// What is read ahead runs beside its neighbours, and is cancelled when an
// ending above it makes it worthless.
func TestReadAheadIsParallelAndCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(d time.Duration, result string) probe {
			return func(ctx context.Context, _ Query) (Finding, error) {
				select {
				case <-time.After(d):
					return Finding{Result: result}, nil
				case <-ctx.Done():
					return Finding{}, ctx.Err()
				}
			}
		}
		cancelled := make(chan struct{})
		endless := func(ctx context.Context, _ Query) (Finding, error) {
			<-ctx.Done()
			close(cancelled)
			return Finding{}, ctx.Err()
		}
		p := &Policy{Entries: []*Entry{
			entryOf("a", PerMessage, true, slow(300*time.Millisecond, "no"), nil),
			entryOf("b", PerMessage, true, slow(300*time.Millisecond, "yes"), map[string]Effect{"yes": {Action: Reject}}),
			entryOf("c", PerMessage, true, endless, nil),
		}}
		tx := atRcpt(t)
		defer tx.Close()
		begin := time.Now()
		w := NewWalk(p, "a@x.example", true)
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begin); got != 300*time.Millisecond {
			t.Errorf("took %s, want 300ms: the two are asked together", got)
		}
		if got, want := len(w.Steps), 2; got != want || w.Decision.Action != Reject {
			t.Errorf("got %d steps and %v, want %d and reject", got, w.Decision.Action, want)
		}
		<-cancelled
	})
}

// A batch ends at an entry from memory that is sure to end the walk: nothing
// below it is asked.
func TestNothingIsAskedBelowASureEnding(t *testing.T) {
	var asked atomic.Int64
	count := func(context.Context, Query) (Finding, error) {
		asked.Add(1)
		return Finding{Result: "no"}, nil
	}
	yes := func(context.Context, Query) (Finding, error) { return Finding{Result: "yes"}, nil }
	p := &Policy{Entries: []*Entry{
		entryOf("dns", PerMessage, true, count, nil),
		entryOf("list", PerMessage, false, yes, map[string]Effect{"yes": {Action: Reject}}),
		entryOf("dns2", PerMessage, true, count, nil),
	}}
	tx := atRcpt(t)
	defer tx.Close()
	if err := NewWalk(p, "a@x.example", true).Advance(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times over the network, want 1", got)
	}
}

// A time-out is temperror, with its effect; the end of the whole transaction's
// time is not: the walk then has no decision at all.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, _ Query) (Finding, error) {
			<-ctx.Done()
			return Finding{}, ctx.Err()
		}
		p := &Policy{Entries: []*Entry{entryOf("a", PerMessage, true, hang, map[string]Effect{TempError: {Action: Defer}})}}
		tx := atRcpt(t)
		defer tx.Close()
		w := NewWalk(p, "a@x.example", true)
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if s := w.Steps[0]; s.Finding.Result != TempError || s.Finding.Reason != "no answer within 1s" || w.Decision.Action != Defer {
			t.Errorf("got %+v, decision %v", s.Finding, w.Decision.Action)
		}

		tx2 := atRcpt(t)
		defer tx2.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		w = NewWalk(p, "a@x.example", true)
		if err := w.Advance(ctx, tx2); !errors.Is(err, context.DeadlineExceeded) || w.Done() {
			t.Errorf("out of time: got error %v, done %t", err, w.Done())
		}
		w.Release(tx2)
	})
}

// A fact is found out once, and one asker's impatience is not the others' loss.
func TestFact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx := atRcpt(t)
		defer tx.Close()
		calls := 0
		find := func(ctx context.Context) (int, error) {
			calls++
			time.Sleep(time.Second)
			return 7, ctx.Err()
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := Fact(hasty, tx, "seven", time.Minute, find); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hasty asker: got %v", err)
		}
		for range 3 {
			if n, err := Fact(t.Context(), tx, "seven", time.Minute, find); n != 7 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		}
		if calls != 1 {
			t.Errorf("found out %d times, want 1", calls)
		}
		if _, err := Fact(t.Context(), tx, "bad", time.Minute, func(context.Context) (int, error) { panic("x") }); err == nil {
			t.Error("a panic in a fact is no error")
		}
	})
}

// An entry that was begun before a stage, and says Wait only when it has come, is asked
// again at it: what stands below is judged as ever.
func TestLateWait(t *testing.T) {
	for _, stage := range []Stage{Mail, Rcpt, Data} {
		t.Run(stage.String(), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { lateWait(t, stage) }) })
	}
}

func lateWait(t *testing.T, stage Stage) {
	waits := func(d time.Duration) probe {
		return func(ctx context.Context, q Query) (Finding, error) {
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return Finding{}, ctx.Err()
			}
			return Finding{Result: "no", Wait: q.Tx.Stage < stage}, nil
		}
	}
	yes := func(context.Context, Query) (Finding, error) { return Finding{Result: "yes"}, nil }
	p := &Policy{Entries: []*Entry{
		entryOf("a", PerMessage, true, waits(10*time.Millisecond), nil),
		entryOf("b", PerMessage, true, waits(900*time.Millisecond), nil),
		entryOf("c", PerMessage, false, yes, map[string]Effect{"yes": {Action: Reject}}),
	}}
	for _, e := range p.Entries {
		e.Kind.Stage = Connect
	}
	tx := at(NewTransaction(t.Context(), "id", time.Now(), mail.Client{}, nil), stage-1)
	defer tx.Close()
	w := NewWalk(p, "a@x.example", true)
	if err := w.Advance(t.Context(), tx); err != nil || w.Done() {
		t.Fatalf("before: %v, done %t", err, w.Done())
	}
	if err := w.Advance(t.Context(), at(tx, stage)); err != nil {
		t.Fatal(err)
	}
	if !w.Done() || w.Decision.Action != Reject || len(w.Steps) != 3 {
		t.Errorf("done %t, %v after %d steps; want reject after 3", w.Done(), w.Decision.Action, len(w.Steps))
	}
}

// What AtClose was given runs once the transaction is closed, or at once where it is; a
// key is the first one once.
func TestClose(t *testing.T) {
	tx := atRcpt(t)
	n := 0
	tx.AtClose(func() { n++ })
	if !tx.First("a") || tx.WithRcpt().First("a") || !tx.First("b") || !tx.Asked("b") || tx.Asked("c") {
		t.Error("First: want once a key, for all stages")
	}
	if n != 0 {
		t.Error("called before the end")
	}
	tx.Close()
	tx.AtClose(func() { n++ })
	if n != 2 {
		t.Errorf("called %d times, want 2", n)
	}
}
