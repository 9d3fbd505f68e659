package intake

import (
	"context"
	"slices"
	"strings"

	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A Learner is told of each message that was judged, once its answer is settled: before it
// is given, so that the content is there still.
type Learner interface {
	Judged(ctx context.Context, tx *pipeline.Transaction, walks []*pipeline.Walk)
}

// record is the transaction's evidence as it stands.
func (t *Transaction) record(v mail.Verdict, state string) *journal.Record {
	r := evidence(t.tx, t.gate)
	r.Reply, r.State = words(v), state
	for _, rcpt := range t.rcpts {
		outcome := rcpt.outcome.String()
		if !t.settled {
			outcome = state
		}
		r.Walks = append(r.Walks, rcpt.evidence(outcome)...)
	}
	for _, rcpt := range t.refused {
		walks := rcpt.evidence(rcpt.answer.String())
		if t.shut.Answer != mail.OK && rcpt.walk == nil { // by the gate, whose walk is nobody's
			walks[0].Decision = decisionEvidence(t.gate.Decision)
		}
		r.Walks = append(r.Walks, walks...)
	}
	return r
}

// evidence is what the journal keeps of a recipient: the walk, and that of the
// shadow policy. One who is unknown has no walk.
func (r *recipient) evidence(outcome string) []journal.Walk {
	if r.walk == nil {
		return []journal.Walk{{Recipient: r.path, Decision: journal.Decision{Action: "none"}, Outcome: outcome}}
	}
	if d := r.walk.Decision; outcome == mail.Postponed.String() && d.Action == pipeline.Defer && d.State != "" {
		outcome = d.State
	}
	walks := []journal.Walk{walkEvidence(r.walk, outcome, false)}
	walks[0].Steps = append(walks[0].Steps, r.sameEvidence()...)
	walks[0].Steps = append(walks[0].Steps, r.order.steps...)
	walks[0].Steps = append(walks[0].Steps, r.ruled...)
	if r.shadow != nil {
		walks = append(walks, walkEvidence(r.shadow, "", true))
	}
	return walks
}

// evidence begins the record of a transaction: its envelope, what its content
// says of itself, and the gate's walk (nil: none).
func evidence(tx *pipeline.Transaction, gate *pipeline.Walk) *journal.Record {
	r := &journal.Record{
		ID: tx.ID, Time: tx.Time, Client: tx.Client.Addr.String(), Helo: tx.Client.Helo, TLS: tx.Client.TLS,
		Login: tx.Client.Login, ReversePath: tx.Envelope.ReversePath,
	}
	if m := tx.Message; m != nil {
		r.Subject, r.MessageID, r.Size = clip(m.Header().Text("Subject")), clip(strings.TrimSpace(m.Header().Get("Message-ID"))), m.Size()
	}
	if gate != nil {
		r.Walks = make([]journal.Walk, 0, 2)
		r.Walks = append(r.Walks, walkEvidence(gate, "", false))
	}
	return r
}

// WalkEvidence is one walk as the journal keeps it.
func WalkEvidence(w *pipeline.Walk, outcome string) journal.Walk {
	return walkEvidence(w, outcome, false)
}

func walkEvidence(w *pipeline.Walk, outcome string, shadow bool) journal.Walk {
	out := journal.Walk{
		Recipient: w.Recipient, Policy: w.Policy.Name, Shadow: shadow, Score: w.Score, Required: w.Required, Outcome: outcome,
		Decision: decisionEvidence(w.Decision),
		Steps:    make([]journal.Step, 0, len(w.Steps)),
	}
	for _, s := range w.Steps {
		out.Steps = append(out.Steps, stepEvidence(s))
	}
	return out
}

func decisionEvidence(d pipeline.Decision) journal.Decision {
	return journal.Decision{Action: d.Action.String(), Entry: d.Entry, Filter: d.Filter, Result: d.Result, Reason: d.Reason}
}

// maxText bounds texts of strangers that are kept beside the content, in octets.
const maxText = 500

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

func stepEvidence(s pipeline.Step) journal.Step {
	step := journal.Step{
		Entry: s.Entry, Filter: s.Filter, Result: s.Finding.Result, Score: s.Finding.Score, Points: s.Points,
		Reason: s.Finding.Reason, Effect: s.Effect.String(), Micros: s.Micros, Shadow: s.Shadow,
	}
	if n := len(s.Finding.Evidence); n > 0 {
		step.Evidence = make([]journal.KV, 0, n)
	}
	for _, e := range s.Finding.Evidence {
		step.Evidence = append(step.Evidence, journal.KV{Key: e.Key, Value: e.Value})
	}
	return step
}

// log writes the one line of a transaction.
func (t *Transaction) log(v mail.Verdict, state string) {
	tx := t.tx
	size := int64(0)
	if tx.Message != nil {
		size = tx.Message.Size()
	}
	var to, outcomes []string
	decision := t.gate.Decision
	for i, r := range slices.Concat(t.rcpts, t.refused) {
		to = append(to, string(r.path))
		outcome := r.outcome.String()
		if i >= len(t.rcpts) { // at RCPT
			outcome = r.answer.String()
		}
		outcomes = append(outcomes, outcome)
		if r.walk != nil && decision.Entry == "" {
			decision = r.walk.Decision
		}
	}
	args := []any{
		"id", tx.ID, "client", tx.Client.Addr, "helo", tx.Client.Helo, "from", tx.Envelope.ReversePath,
		"to", strings.Join(to, ","), "size", size, "answer", said(v), "state", state,
	}
	if tx.Client.Login != "" {
		args = append(args, "login", tx.Client.Login)
	}
	if len(outcomes) > 1 && t.settled {
		args = append(args, "outcomes", strings.Join(outcomes, ","))
	}
	if v.Reason != "" && !byPolicy(v.Answer) {
		args = append(args, "reason", v.Reason)
	} else if decision.Entry != "" {
		args = append(args, "filter", decision.Entry, "action", decision.Action, "reason", decision.Reason)
	} else if v.Reason != "" {
		args = append(args, "reason", v.Reason)
	}
	if same := t.sameIDs(); same != "" {
		args = append(args, "same", same)
	}
	args = append(args, "ms", t.in.Now().Sub(t.began).Milliseconds())
	t.in.Log.Info("transaction", args...)
}

// byPolicy reports whether an answer is what the filters made of a message: else its reason is not
// theirs, whatever they found.
func byPolicy(a mail.Answer) bool {
	return a == mail.OK || a == mail.Refused || a == mail.Deferred || a == mail.Shut
}

// words is a verdict for a person.
func words(v mail.Verdict) string {
	if v.Reason == "" {
		return said(v)
	}
	return said(v) + ": " + v.Reason
}

// said is the answer's name. A reason beside OK tells why there was no answer.
func said(v mail.Verdict) string {
	if v.Answer == mail.OK && v.Reason != "" {
		return "none"
	}
	return v.Answer.String()
}
