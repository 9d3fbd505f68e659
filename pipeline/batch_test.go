package pipeline

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// What is answered from memory is asked in one goroutine, in list order; who waits, and
// says so by asking for Done or only by taking long, holds up nobody.
func TestBatch(t *testing.T) {
	tests := []struct {
		name  string
		first probe
		took  time.Duration // until the second is asked
		same  bool          // in the same goroutine
	}{
		{"from memory", answers("no"), 0, true},
		{"waits", func(ctx context.Context, _ Query) (Finding, error) {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
			}
			return Finding{Result: "no"}, nil
		}, 0, false},
		{"waits in a context of its own", func(ctx context.Context, _ Query) (Finding, error) {
			ctx, cancel := WithLimit(ctx, 300*time.Millisecond)
			defer cancel()
			<-ctx.Done()
			return Finding{Result: "no"}, nil
		}, 0, false},
		{"waits for a fact", func(ctx context.Context, q Query) (Finding, error) {
			_, err := Fact(ctx, q.Tx, "slow", time.Second, func(ctx context.Context) (int, error) {
				select {
				case <-time.After(300 * time.Millisecond):
				case <-ctx.Done():
				}
				return 0, nil
			})
			return Finding{Result: "no"}, err
		}, 0, false},
		{"takes long", func(context.Context, Query) (Finding, error) {
			time.Sleep(300 * time.Millisecond)
			return Finding{Result: "no"}, nil
		}, longAnswer, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var asked []time.Duration
				var where []string
				begin := time.Now()
				note := func(p probe) probe {
					return func(ctx context.Context, q Query) (Finding, error) {
						mu.Lock()
						asked, where = append(asked, time.Since(begin)), append(where, goroutine())
						mu.Unlock()
						return p(ctx, q)
					}
				}
				p := &Policy{Entries: []*Entry{
					entryOf("a", PerMessage, true, note(test.first), nil), entryOf("b", PerMessage, true, note(answers("no")), nil),
				}}
				tx := atRcpt(t)
				defer tx.Close()
				w := NewWalk(p, "a@x.example", true)
				if err := w.Advance(t.Context(), tx); err != nil {
					t.Fatal(err)
				}
				for _, s := range w.Steps {
					if s.Err != nil || s.Finding.Result != "no" {
						t.Errorf("%s: got %q, %v", s.Entry, s.Finding.Result, s.Err)
					}
				}
				if asked[1] != test.took || (where[0] == where[1]) != test.same {
					t.Errorf("the second was asked after %s, in goroutine %s beside %s", asked[1], where[1], where[0])
				}
			})
		})
	}
}

// A prompter is a probe that says of itself that it does not wait.
type prompter struct{ probe }

func (prompter) Prompt(Query) bool { return true }

// What says that it does not wait is asked by the walk itself, after what waits below it was
// begun. Where that was wrong its limit holds all the same.
func TestPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		own := goroutine()
		ask := func(name string, p probe) probe {
			return func(ctx context.Context, q Query) (Finding, error) {
				mu.Lock()
				order = append(order, name)
				if beside := goroutine() != own; beside != (name == "slow") {
					t.Errorf("%s: beside the walk %t", name, beside)
				}
				mu.Unlock()
				return p(ctx, q)
			}
		}
		hang := func(ctx context.Context, _ Query) (Finding, error) {
			<-ctx.Done()
			return Finding{}, ctx.Err()
		}
		brief := func(ctx context.Context, q Query) (Finding, error) {
			synctest.Wait() // until what was begun beside waits
			return Finding{Result: "no"}, nil
		}
		p := &Policy{Entries: []*Entry{
			entryOf("brief", PerMessage, true, nil, nil), entryOf("wrong", PerMessage, true, nil, nil),
			entryOf("slow", PerMessage, true, ask("slow", func(ctx context.Context, _ Query) (Finding, error) {
				select {
				case <-time.After(300 * time.Millisecond):
				case <-ctx.Done():
				}
				return Finding{Result: "no"}, nil
			}), nil),
		}}
		p.Entries[0].Filter, p.Entries[1].Filter = prompter{ask("brief", brief)}, prompter{ask("wrong", hang)}
		tx := atRcpt(t)
		defer tx.Close()
		begin := time.Now()
		w := NewWalk(p, "a@x.example", true)
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if order[2] != "wrong" || w.Steps[1].Finding.Reason != "no answer within 1s" || w.Steps[2].Finding.Result != "no" {
			t.Errorf("asked in order %v; steps %+v", order, w.Steps)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %s, want the limit of the one that was wrong", took)
		}
	})
}

func answers(result string) probe {
	return func(context.Context, Query) (Finding, error) { return Finding{Result: result}, nil }
}

// goroutine names the one that calls.
func goroutine() string {
	b := make([]byte, 32)
	return string(b[:runtime.Stack(b, false)])
}

// A filter that looks for a fact which takes longer than the filter has is given up soon
// after its limit; another that has longer gets the fact.
func TestFactOutlastsItsAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		find := func(ctx context.Context, q Query) (Finding, error) {
			_, err := Fact(ctx, q.Tx, "slow", time.Minute, func(ctx context.Context) (int, error) {
				calls++
				select {
				case <-time.After(3 * time.Second):
				case <-ctx.Done():
				}
				return 0, ctx.Err()
			})
			return Finding{Result: "yes"}, err
		}
		hasty, patient := entryOf("a", PerMessage, true, find, nil), entryOf("b", PerMessage, true, find, nil)
		patient.Timeout = time.Minute
		tx := atRcpt(t)
		defer tx.Close()
		begin := time.Now()
		w := NewWalk(&Policy{Entries: []*Entry{hasty}}, "a@x.example", true)
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if s, took := w.Steps[0], time.Since(begin); s.Finding.Result != TempError || s.Finding.Reason != "no answer within 1s" || took != time.Second+grace {
			t.Errorf("hasty: got %q (%s) after %s", s.Finding.Result, s.Finding.Reason, took)
		}
		w = NewWalk(&Policy{Entries: []*Entry{patient}}, "a@x.example", true)
		if err := w.Advance(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if s, took := w.Steps[0], time.Since(begin); s.Finding.Result != "yes" || took != 3*time.Second || calls != 1 {
			t.Errorf("patient: got %q after %s and %d calls", s.Finding.Result, took, calls)
		}
	})
}

// A context of WithLimit behaves as one of context.WithTimeout, whether somebody asked
// for Done before its end or not.
func TestWithLimit(t *testing.T) {
	for _, armed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			parent, stop := context.WithCancelCause(t.Context())
			open := func(limit time.Duration) (context.Context, context.CancelFunc) {
				ctx, cancel := WithLimit(parent, limit)
				if armed {
					ctx.Done()
				}
				return ctx, cancel
			}
			late, cancel := open(time.Second)
			defer cancel()
			if d, ok := late.Deadline(); !ok || time.Until(d) != time.Second || late.Err() != nil {
				t.Errorf("armed %t: deadline in %s, %t; %v", armed, time.Until(d), ok, late.Err())
			}
			bubble.Sleep(time.Second)
			if !errors.Is(late.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(late), context.DeadlineExceeded) {
				t.Errorf("armed %t: at its end %v, because %v", armed, late.Err(), context.Cause(late))
			}
			<-late.Done()
			given, cancel := open(time.Second)
			cancel()
			if given.Err() != context.Canceled {
				t.Errorf("armed %t: cancelled %v", armed, given.Err())
			}
			<-given.Done()
			child, cancel := open(time.Second)
			defer cancel()
			within, cancel := WithLimit(child, time.Hour)
			defer cancel()
			if d, _ := within.Deadline(); time.Until(d) != time.Second {
				t.Errorf("armed %t: ends after its parent, in %s", armed, time.Until(d))
			}
			why := errors.New("because")
			stop(why)
			if within.Err() != context.Canceled || context.Cause(within) != why {
				t.Errorf("armed %t: with its parent %v, because %v", armed, within.Err(), context.Cause(within))
			}
			<-within.Done()
		})
	}
}
