package intake

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// Data takes the content, walks every recipient's policy to its end, settles on
// one answer and, where anything is to be kept, keeps it before it returns.
// received is the Received field to put in front. ctx must leave time for all of
// it; where it ends first the message stays with the client.
func (t *Transaction) Data(ctx context.Context, m *mail.Message, received []byte) mail.Verdict {
	t.unwrap(ctx, m)
	m, v, err := t.submitted(ctx, m)
	t.tx = t.tx.WithData(t.paths(), m)
	switch {
	case err != nil:
		return t.fail(mail.Verdict{Answer: mail.Failed, ID: t.ID()}, err)
	case v.Answer != mail.OK:
		t.finish(v, v.Answer.String())
		return v
	}
	if m.Header().Cut { // fields that forge ours could stand where nobody looks
		v := mail.Verdict{Answer: mail.Malformed, ID: t.ID(), Reason: "the header is too long"}
		t.finish(v, v.Answer.String())
		return v
	}
	if t.in.passes(m) > maxPasses {
		v := mail.Verdict{Answer: mail.Loop, ID: t.ID()}
		t.finish(v, v.Answer.String())
		return v
	}
	t.breakLoops(m)
	if err := t.walk(ctx); err != nil {
		return t.fail(mail.Verdict{Answer: mail.Failed, ID: t.ID(), Reason: "no time left"}, err)
	}
	t.walkShadows(ctx)
	for try := 1; ; try++ {
		v, err := t.take(ctx, m, received)
		switch {
		case err == nil:
			if t.in.Learner != nil {
				t.in.Learner.Judged(ctx, t.tx, t.walks())
			}
			return v
		case errors.Is(err, ErrSame) && !t.twice && t.unheard != "": // nobody was faster: it was not asked
			t.twice, try = true, 0
			continue
		case errors.Is(err, ErrSame) && try < maxTries:
			continue
		case errors.Is(err, blob.ErrFull):
			return t.fail(mail.Verdict{Answer: mail.NoSpace, ID: t.ID()}, err)
		}
		return t.fail(mail.Verdict{Answer: mail.Failed, ID: t.ID()}, err)
	}
}

// maxTries bounds how often the answer is found again since the same message was dealt
// with elsewhere in the meantime.
const maxTries = 3

// take settles on the answer to what was judged and keeps what follows. An error means
// that nothing is kept, and nobody has the message.
func (t *Transaction) take(ctx context.Context, m *mail.Message, received []byte) (mail.Verdict, error) {
	if err := t.recognize(ctx, m); err != nil {
		return mail.Verdict{}, err
	}
	v := t.settle()
	if !t.keeps() {
		t.finish(v, v.Answer.String())
		return v, nil
	}
	t.prove(ctx)
	p, err := t.plan(ctx, m, received)
	if err != nil {
		return mail.Verdict{}, err
	}
	p.commit.Complaints = t.complaints(ctx, m)
	p.commit.DMARC = t.reported(ctx, m)
	if t.collected != nil {
		p.commit.Collected = &t.collected.Mark
	}
	if refused, done := t.handOn(ctx, p); done {
		t.finish(refused, refused.Answer.String())
		return refused, nil
	}
	refused, done, err := t.rule(ctx, p)
	if err != nil {
		return mail.Verdict{}, err
	}
	if done {
		t.finish(refused, refused.Answer.String())
		return refused, nil
	}
	if v.Answer == mail.Refused { // what is held in spite of it is told there
		if v.Links, err = t.links(ctx, p); err != nil {
			return mail.Verdict{}, err
		}
	}
	t.heldAgain()
	handedOn := p.handedOn()
	p.record()
	p.fileSent(ctx)
	if handedOn { // others have it: the commit must not fail for that
		p.commit.Given = nil
	}
	if err := t.keep(ctx, p, v); err != nil && handedOn && len(p.commit.Records) == 0 {
		// A client that heard of this would send again what others have.
		t.in.Log.Error("what was handed on before the answer is not in the journal", "id", t.ID(), "error", err)
	} else if err != nil {
		return mail.Verdict{}, err
	}
	t.announce(p.commit)
	t.conclude(v, t.state(v))
	return v, nil
}

// walk brings every recipient's walk to its decision. One without would mean
// "deliver", unseen by the rest of its policy.
func (t *Transaction) walk(ctx context.Context) error {
	if err := pipeline.AdvanceAll(ctx, t.tx, t.walks()); err != nil {
		return err
	}
	for _, r := range t.rcpts {
		if !r.walk.Done() {
			return fmt.Errorf("intake: walk of %s stopped before %d of its entries", r.path, len(r.walk.Policy.Entries))
		}
	}
	return nil
}

// fail ends a transaction that could not be kept: nobody has the message.
func (t *Transaction) fail(v mail.Verdict, err error) mail.Verdict {
	t.in.Log.Error("message not taken", "id", t.ID(), "error", err)
	t.settled = false
	t.finish(v, v.Answer.String())
	return v
}

func (t *Transaction) paths() []mail.Path {
	paths := make([]mail.Path, len(t.rcpts))
	for i, r := range t.rcpts {
		paths[i] = r.path
	}
	return paths
}

func (t *Transaction) walks() []*pipeline.Walk {
	walks := make([]*pipeline.Walk, len(t.rcpts))
	for i, r := range t.rcpts {
		walks[i] = r.walk
	}
	return walks
}

// shadowTime bounds what shadow policies may add to the wait for the reply.
const shadowTime = 5 * time.Second

// walkShadows walks the shadow policies over the findings that are there, and
// those that only they ask for. Nothing follows from them, not even a failure.
func (t *Transaction) walkShadows(ctx context.Context) {
	var walks []*pipeline.Walk
	for _, r := range t.rcpts {
		if r.shadow != nil {
			walks = append(walks, r.shadow)
		}
	}
	if len(walks) == 0 {
		return
	}
	limit := shadowTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2) // the message must still be kept
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := pipeline.AdvanceAll(ctx, t.tx, walks); err != nil {
		t.in.Log.Warn("shadow policy not walked to its end", "id", t.ID(), "error", err)
	}
	for _, w := range walks {
		w.Release(t.tx)
	}
}

// settle sets each recipient's outcome and returns the one answer. Its reason is
// that of the first recipient whose walk led to it.
func (t *Transaction) settle() mail.Verdict {
	endings := make([]pipeline.Ending, len(t.rcpts))
	for i, r := range t.rcpts {
		endings[i] = t.ending(r)
	}
	outcomes, answer := pipeline.Settle(endings)
	t.settled = true
	var decided *pipeline.Decision
	for i, r := range t.rcpts {
		if r.outcome = r.away(outcomes[i]); r.outcome == mail.Delivered && t.waits() {
			r.outcome = mail.Queued
		}
		d := &r.walk.Decision
		if decided == nil && (answer == mail.Deferred && d.Action == pipeline.Defer || answer == mail.Refused && d.Action == pipeline.Reject) {
			decided = d
		}
	}
	v := mail.Verdict{Answer: answer, ID: t.ID()}
	if decided != nil {
		v = told(answer, *decided)
		v.ID = t.ID()
		if !t.tx.Client.Login.IsNull() && decided.Reason != "" { // one of ours may know what is wrong
			v.Reason = decided.Entry + ": " + decided.Reason
		}
	}
	if slices.Contains(outcomes, mail.HeldTold) {
		v.Reason, v.Reply, v.Some = heldTold, mail.Reply{}, slices.Contains(outcomes, mail.Declined)
		if v.Some {
			v.Reason = someTold
		}
	}
	return v
}

// keeps reports whether anything of the message, or the fact that it was
// discarded, must be on disk before the answer.
func (t *Transaction) keeps() bool {
	for _, r := range t.rcpts {
		if r.outcome != mail.Declined && r.outcome != mail.Postponed {
			return true
		}
	}
	return false
}

// state is the transaction's in one word: that of its recipients where they
// agree.
func (t *Transaction) state(v mail.Verdict) string {
	if v.Answer != mail.OK && len(v.Links) == 0 {
		return v.Answer.String()
	}
	state := t.rcpts[0].outcome.String()
	for _, r := range t.rcpts[1:] {
		if r.outcome.String() != state {
			return "mixed"
		}
	}
	return state
}

// keep puts the content and the evidence on disk, side by side, and then all that
// follows in one commit.
func (t *Transaction) keep(ctx context.Context, p *plan, v mail.Verdict) error {
	c := p.commit
	content := make(chan error, 1)
	var id blob.ID
	if c.keeps() || len(p.drafts) > 0 {
		go func() {
			var err error
			id, err = t.in.Blobs.Put(ctx, p.m.Reader(), p.m.Size())
			content <- err
		}()
	} else {
		content <- nil
	}
	row, err := t.in.Journal.Write(ctx, t.record(v, t.state(v)))
	if err := errors.Join(err, <-content); err != nil {
		return fmt.Errorf("intake: keep %s: %w", t.ID(), err)
	}
	c.Row, c.Unheard = row, t.unheard
	reports := t.in.write(ctx, c, p.drafts, id)
	c.stored(id)
	c.Transfers = append(c.Transfers, reports...)
	if err := t.report(ctx, p, id); err != nil {
		return fmt.Errorf("intake: report on %s: %w", t.ID(), err)
	}
	if err := t.in.Store.Commit(ctx, c); err != nil {
		return fmt.Errorf("intake: commit %s: %w", t.ID(), err)
	}
	t.in.wake(c)
	t.stored(c)
	return nil
}

// report adds to the commit what the sender is told of success.
func (t *Transaction) report(ctx context.Context, p *plan, id blob.ID) error {
	m, to := p.reports()
	if len(to) == 0 {
		return nil
	}
	m.Blob = string(id)
	notice, err := t.in.Reports.Delivered(ctx, m, to)
	if notice != nil {
		p.commit.Transfers = append(p.commit.Transfers, notice)
	}
	return err
}

// unwrap puts the client in the place of the relay of ours that brought the message.
func (t *Transaction) unwrap(ctx context.Context, m *mail.Message) {
	if !t.relay.IsValid() {
		return
	}
	old := t.tx
	c, found := t.trueClient(m)
	switch {
	case found:
	case t.collected != nil: // of the provider's address SPF must not be asked: whose mail it is nobody knows
		c = mail.Client{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), ESMTP: true}
	default:
		c = old.Client
	}
	t.blind, c.Relayed = !found, true
	t.tx = pipeline.NewTransaction(context.WithoutCancel(ctx), old.ID, old.Time, c, old.Lists).WithHelo(c).WithMail(old.Envelope.ReversePath, old.Envelope.Params)
	old.Close()
}

// ending is how a recipient's walk ended. What one of our relays brings is held where
// it would be refused: the relay would report to a sender who is mostly forged.
func (t *Transaction) ending(r *recipient) pipeline.Ending {
	if r.loop {
		r.walk.Decision = looped(r)
	}
	if d := &r.walk.Decision; d.Action == pipeline.Spam && r.policy != nil && r.policy == t.outgoing() {
		d.Action = pipeline.Reject
		if t.in.config().HoldOutgoing {
			d.Action = pipeline.Quarantine
		}
	}
	if d := &r.walk.Decision; r.way.Role && d.Action == pipeline.Quarantine { // nothing for postmaster and abuse is held: the sender hears of it
		d.Action = pipeline.Reject
	}
	e := pipeline.Ending{Decision: r.walk.Decision, Disposition: t.disposition(r), Tell: t.tells(r), Has: r.hasAll()}
	if t.relay.IsValid() && e.Decision.Action == pipeline.Reject {
		e.Decision.Action = pipeline.Quarantine
	}
	return e
}
