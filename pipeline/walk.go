package pipeline

import (
	"context"
	"fmt"

	"gatepost/internal/mail"
)

// A Walk is one recipient's way down a policy, or the gate's over its list (then
// Recipient is null). It is used by one goroutine at a time; several walks of one
// transaction may run at once.
type Walk struct {
	Recipient mail.Path
	Policy    *Policy
	Live      bool // its Recorders write; false for shadow, explain and replay
	Steps     []Step
	Score     float64
	Decision  Decision // meaningful once Done
	Required  float64  // score from which the message is spam; NewWalk takes the policy's, 0 is off

	next  int // index of the entry to be judged next
	ended bool
	done  bool
	ahead map[int]*call // read ahead, by index, not judged yet
}

// A Step is one entry of the policy as the walk judged it.
type Step struct {
	Entry   string
	Filter  string
	Finding Finding
	Effect  Effect
	Points  float64 // what it added to the score
	Micros  int64   // how long the filter took, in microseconds; the same for all that share the finding
	Shadow  bool    // nothing followed
	Err     error   // why the result is TempError, for the log; nil otherwise
}

// A Decision is how a walk ended. Action None means: nothing spoke against it.
type Decision struct {
	Action  Action
	Entry   string // the deciding entry; "score" where the sum decided; "" where none did
	Filter  string
	Result  string
	Reason  string
	Told    bool // the reason may be told to the sender
	Guarded bool // what is held may be released by an operator alone
	Firm    bool // the sender is offered no way to have the message delivered
	Reply   mail.Reply
}

// NewWalk begins a walk at the top of p.
func NewWalk(p *Policy, rcpt mail.Path, live bool) *Walk {
	return &Walk{Recipient: rcpt, Policy: p, Live: live, Required: p.Required, ahead: map[int]*call{}}
}

// Fork returns a walk that goes on from where w stands, on its own: the gate,
// walked once a connection, goes on so for each of its transactions.
func (w *Walk) Fork() *Walk {
	n := *w
	n.Steps = append([]Step(nil), w.Steps...)
	n.ahead = map[int]*call{}
	return &n
}

// Done reports whether the walk has reached its decision.
func (w *Walk) Done() bool { return w.done }

// Advance goes down the list as far as what tx knows allows: to the first entry
// that needs a later stage, or to the decision. It returns an error only when ctx
// ends; the walk has then no decision and the message must be deferred.
func (w *Walk) Advance(ctx context.Context, tx *Transaction) error {
	for !w.done && w.next < len(w.Policy.Entries) {
		e := w.Policy.Entries[w.next]
		if w.passes(e) {
			w.next++
			continue
		}
		if e.Kind.Stage > tx.Stage {
			return nil
		}
		c := w.call(tx, w.next)
		if err := c.wait(ctx); err != nil {
			return fmt.Errorf("pipeline: %s: %w", e.Name, err)
		}
		if c.finding.Wait {
			w.release(tx, w.next)
			if tx.Stage == Data {
				continue // it was begun before the content was in: ask again
			}
			return nil
		}
		w.judge(ctx, tx, e, c)
		w.release(tx, w.next)
		w.next++
	}
	// Scores are summed when all are in: at the end of data, not before.
	if !w.done && (tx.Stage == Data || w.Recipient.IsNull()) {
		w.sum()
	}
	if w.done {
		w.Release(tx)
	}
	return nil
}

// passes reports whether the walk goes by e without asking: after an ending only
// entries marked always are of interest.
func (w *Walk) passes(e *Entry) bool { return w.ended && !e.Always }

// judge applies what e's result leads to.
func (w *Walk) judge(ctx context.Context, tx *Transaction, e *Entry, c *call) {
	f := c.finding
	effect := e.On[f.Result]
	step := Step{
		Entry: e.Name, Filter: e.Kind.Name, Finding: f, Effect: effect, Points: effect.points(f),
		Micros: c.micros, Shadow: e.Shadow, Err: c.err,
	}
	if e.Shadow {
		w.Steps = append(w.Steps, step)
		return
	}
	if w.Live {
		if err := w.record(ctx, tx, e, c); err != nil && step.Err == nil {
			step.Err = fmt.Errorf("record: %w", err)
		}
	}
	w.Steps = append(w.Steps, step)
	w.Score += step.Points
	if effect.Action.Ends() {
		w.end(Decision{
			Action: effect.Action, Entry: e.Name, Filter: e.Kind.Name,
			Result: f.Result, Reason: f.Reason, Told: e.Kind.Told, Guarded: e.Kind.Guarded && effect.Action == Quarantine, Firm: e.Kind.firm(f.Result), Reply: effect.Reply,
		})
	}
}

// record tells a filter with memory that a live walk came by, once a finding.
func (w *Walk) record(ctx context.Context, tx *Transaction, e *Entry, c *call) (err error) {
	r, ok := e.Filter.(Recorder)
	if !ok {
		return nil
	}
	c.record.Do(func() {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, e.timeout())
		defer cancel()
		err = r.Record(ctx, e.query(tx, w), c.finding)
	})
	return err
}

// end notes an ending; the strongest holds.
func (w *Walk) end(d Decision) {
	if w.ended && strength[d.Action] <= strength[w.Decision.Action] {
		return
	}
	w.ended, w.Decision = true, d
	w.done = d.Action.final()
}

// sum ends a walk that came to the end of its list.
func (w *Walk) sum() {
	if !w.ended {
		switch p := w.Policy; {
		case p.RejectAt > 0 && w.Score >= p.RejectAt:
			w.Decision = Decision{Action: Reject, Entry: "score", Reason: w.overScore(p.RejectAt)}
		case w.Required > 0 && w.Score >= w.Required:
			w.Decision = Decision{Action: Spam, Entry: "score", Reason: w.overScore(w.Required)}
		}
	}
	w.done = true
}

func (w *Walk) overScore(limit float64) string {
	return fmt.Sprintf("score %.4g reaches %.4g", w.Score, limit)
}
