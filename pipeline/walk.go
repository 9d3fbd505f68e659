package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

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
	Unknown   bool     // the recipient does not exist
	Owned     bool     // see Query.Owned
	Again     bool     // some filter said so; see Result.Again

	next  int       // index of the entry to be judged next
	later []pending // entries before it that said Later, in order
	asked Stage     // at which those were asked last
	ended bool
	by    int // index of the highest entry in the list that ended it
	done  bool
	spare map[string]string // by name of an entry that spares others: its reason
	ahead []*call           // read ahead, by index, not judged yet
	read  int               // entries above it need not be looked at again for what to read ahead at this stage
}

// A pending entry has said Later.
type pending struct {
	entry int
	err   error // of its Recorder, for the step to come
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
	Told    bool   // the reason may be told to the sender
	Guarded bool   // what is held may be released by an operator alone
	State   string // what the journal calls the message where it is deferred; "": "deferred"
	Firm    bool   // the sender is offered no way to have the message delivered
	Reply   mail.Reply
}

// NewWalk begins a walk at the top of p.
func NewWalk(p *Policy, rcpt mail.Path, live bool) *Walk {
	return &Walk{
		Recipient: rcpt, Policy: p, Live: live, Required: p.Required, ahead: make([]*call, len(p.Entries)), Steps: make([]Step, 0, p.early()),
	}
}

// early is how many entries a walk may come to before the content is in: many get no
// further, and steps are large.
func (p *Policy) early() int {
	for i, e := range p.Entries {
		if e.Kind.Stage == Data {
			return i
		}
	}
	return len(p.Entries)
}

// NewUnknownWalk begins a walk for a recipient that does not exist, down p.Unknown, which is
// not nil. It has come to its end at Rcpt, whether it is Done or not.
func NewUnknownWalk(p *Policy, rcpt mail.Path, live bool) *Walk {
	w := NewWalk(p.Unknown, rcpt, live)
	w.Unknown = true
	return w
}

// Fork returns a walk that goes on from where w stands, on its own: the gate,
// walked once a connection, goes on so for each of its transactions.
func (w *Walk) Fork() *Walk {
	n := *w
	n.Steps = append(make([]Step, 0, cap(w.Steps)), w.Steps...)
	n.later = slices.Clone(w.later)
	n.ahead, n.spare = make([]*call, len(w.ahead)), maps.Clone(w.spare)
	return &n
}

// Done reports whether the walk has reached its decision.
func (w *Walk) Done() bool { return w.done }

// isGate reports whether the walk is the gate's, which has no content to wait for.
func (w *Walk) isGate() bool { return w.Recipient.IsNull() }

// Advance goes down the list as far as what tx knows allows: to the first entry
// that needs a later stage, or to the decision. It returns an error only when ctx
// ends; the walk has then no decision and the message must be deferred.
func (w *Walk) Advance(ctx context.Context, tx *Transaction) error {
	w.read = 0
	if err := w.askAgain(ctx, tx); err != nil {
		return err
	}
	for !w.done && w.next < len(w.Policy.Entries) {
		on, err := w.step(ctx, tx, w.next)
		if err != nil || !on {
			return err
		}
		w.next++
	}
	// Scores are summed when all are in: at the end of data, not before.
	if !w.done && len(w.later) == 0 && (tx.Stage == Data || w.isGate()) {
		w.sum()
	}
	if w.done {
		w.Release(tx)
	}
	return nil
}

// askAgain asks those who said Later at an earlier stage, in list order. Who stands above
// what ended the walk since is not passed by; the strongest ending holds.
func (w *Walk) askAgain(ctx context.Context, tx *Transaction) error {
	if tx.Stage <= w.asked {
		return nil
	}
	again := w.later
	w.later = nil
	for n, p := range again {
		if w.done {
			return nil
		}
		if w.passes(p.entry) {
			continue
		}
		if _, err := w.ask(ctx, tx, p); err != nil {
			w.later = append(w.later, again[n:]...)
			return err
		}
	}
	w.asked = tx.Stage
	return nil
}

// step deals with entry i in its turn; it reports whether the walk may go on behind it.
func (w *Walk) step(ctx context.Context, tx *Transaction, i int) (on bool, err error) {
	switch {
	case w.passes(i):
		return true, nil
	case w.spared(i):
		w.skip(i)
		return true, nil
	case w.Policy.Entries[i].Kind.Stage > tx.Stage:
		return false, nil
	}
	return w.ask(ctx, tx, pending{entry: i})
}

// ask has an entry answer, and judges it; on is false where the walk stops at it.
func (w *Walk) ask(ctx context.Context, tx *Transaction, p pending) (on bool, err error) {
	i, e := p.entry, w.Policy.Entries[p.entry]
	c := w.call(tx, i)
	if err := c.done.wait(ctx); err != nil {
		return false, fmt.Errorf("pipeline: %s: %w", e.Name, err)
	}
	for c.waits() && c.stage < tx.Stage { // it was begun before what it waits for was in
		w.release(tx, i)
		if e.Kind.Waits {
			w.beginWaiting(tx, i, nil).start() // only what is sure not to wait is asked by the walk itself
		}
		c = w.call(tx, i)
		if err := c.done.wait(ctx); err != nil {
			return false, fmt.Errorf("pipeline: %s: %w", e.Name, err)
		}
	}
	defer w.release(tx, i)
	switch {
	case c.finding.Wait:
		return false, nil
	case c.finding.Later:
		if w.Live && !e.Shadow {
			p.err = cmp.Or(p.err, w.record(ctx, tx, e, c))
		}
		w.later, w.asked = append(w.later, p), tx.Stage
	default:
		w.judge(ctx, tx, p, c)
	}
	return true, nil
}

// passes reports whether the walk goes by entry i without asking: below an ending only
// entries marked always are of interest.
func (w *Walk) passes(i int) bool { return w.ended && i > w.by && !w.Policy.Entries[i].Always }

// spared reports whether an entry above has spared the message entry i.
func (w *Walk) spared(i int) bool {
	_, spared := w.spare[w.Policy.Entries[i].Unless]
	return spared
}

// skip notes that entry i is not asked, and why.
func (w *Walk) skip(i int) {
	e := w.Policy.Entries[i]
	w.note(Step{
		Entry: e.Name, Filter: e.Kind.Name, Effect: Effect{}, Shadow: e.Shadow,
		Finding: Finding{Result: Skipped, Reason: fmt.Sprintf("not asked, since %s says: %s", e.Unless, w.spare[e.Unless])},
	})
}

// note adds a step. Beyond the envelope there is room for all at once.
func (w *Walk) note(s Step) {
	if len(w.Steps) == cap(w.Steps) {
		w.Steps = append(make([]Step, 0, max(len(w.Policy.Entries), len(w.Steps)+1)), w.Steps...)
	}
	w.Steps = append(w.Steps, s)
}

// judge applies what an entry's result leads to.
func (w *Walk) judge(ctx context.Context, tx *Transaction, p pending, c *call) {
	e, f := w.Policy.Entries[p.entry], c.finding
	effect := e.On[f.Result]
	step := Step{
		Entry: e.Name, Filter: e.Kind.Name, Finding: f, Effect: effect, Points: effect.points(f, w),
		Micros: c.micros, Shadow: e.Shadow, Err: cmp.Or(c.err, p.err),
	}
	if e.Shadow {
		w.note(step)
		return
	}
	if w.Live {
		if err := w.record(ctx, tx, e, c); err != nil && step.Err == nil {
			step.Err = err
		}
	}
	w.note(step)
	w.Score += step.Points
	w.Again = w.Again || e.Kind.again(f.Result)
	if e.Kind.spares(f.Result) {
		if w.spare == nil {
			w.spare = map[string]string{}
		}
		w.spare[e.Name] = cmp.Or(f.Reason, f.Result)
	}
	if effect.Action.Ends() {
		w.end(p.entry, Decision{
			Action: effect.Action, Entry: e.Name, Filter: e.Kind.Name,
			Result: f.Result, Reason: f.Reason, Told: e.Kind.Told, Guarded: e.Kind.guards(f.Result) && effect.Action == Quarantine, Firm: e.Kind.firm(f.Result), Reply: effect.Reply,
			State: e.Kind.state(f.Result),
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
		if e.Kind.Waits {
			within := &limited{}
			within.begin(ctx, e.timeout())
			defer within.stop()
			ctx = within
		}
		if err = r.Record(ctx, e.query(tx, w), c.finding); err != nil {
			err = fmt.Errorf("record: %w", err)
		}
	})
	return err
}

// end notes an ending by entry i; the strongest holds.
func (w *Walk) end(i int, d Decision) {
	if !w.ended || i < w.by {
		w.by = i
	}
	worse := strength[d.Action] - strength[w.Decision.Action]
	if w.ended && (worse < 0 || worse == 0 && (w.Decision.Guarded || !d.Guarded)) {
		return // of two that hold it, the one that says it is dangerous counts, whatever their order
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
