package intake

import (
	"context"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// stranger judges a recipient of one of our domains that does not exist there. Those of
// the domain's filters that want to know of such are asked: who tries addresses out is
// found by it, and what comes for a trap is taken to be thrown away. Where they have
// nothing to say the usual verdict holds. Mail that a log-in or a relay of ours brings is
// not judged so.
func (t *Transaction) stranger(ctx context.Context, r *recipient, usual mail.Verdict) mail.Verdict {
	domain, ours := t.snapshot.Domain(r.path.Domain())
	if !ours || t.relay.IsValid() || !t.tx.Client.Login.IsNull() {
		return usual
	}
	r.domain, r.policy = domain, t.policies.of(domain)
	if r.policy.Unknown == nil {
		return usual
	}
	r.walk = pipeline.NewUnknownWalk(r.policy, r.path, true)
	tx := t.tx.WithRcpt()
	err := r.walk.Advance(ctx, tx)
	r.walk.Release(tx)
	switch {
	case err != nil:
		return mail.Verdict{Answer: mail.Failed, Reason: "no time left"}
	case !r.walk.Done():
		return usual
	}
	return decided(r.walk.Decision)
}

// remember tells the history of the client what came of its message, if it was judged as a
// whole and by filters. What was only put off, or had come before, says nothing.
func (t *Transaction) remember() {
	c := t.tx.Client
	if t.in.Histories == nil || !t.settled || t.relay.IsValid() || !c.Login.IsNull() {
		return
	}
	judged := false
	for _, r := range t.rcpts {
		switch {
		case len(r.ruled) > 0 && (r.outcome == mail.Dropped || r.outcome == mail.Declined): // by one reader's rules, whatever it was
			continue
		case r.outcome == mail.Postponed, r.outcome == mail.Duplicate, r.outcome == mail.HeldAgain, r.policy == nothing, r.way.Role:
			continue
		case r.outcome != mail.Delivered && r.outcome != mail.Queued && r.outcome != mail.Relayed:
			t.in.Histories.Took(c.Addr, false)
			return
		}
		judged = true
	}
	if judged {
		t.in.Histories.Took(c.Addr, true)
	}
}
