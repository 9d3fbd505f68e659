package intake

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// A Trier carries a job whose transfers are not queued so far; *queue.Queue is one.
type Trier interface {
	// Try returns false where it did nothing: the destination rests, or it or we have
	// enough to do.
	Try(ctx context.Context, job queue.Job) (queue.Report, bool)
}

// Bounds of what relaying before the answer may take: what is left must do for
// storing the message where it fails.
const (
	inlineTime  = time.Minute
	inlineLeast = 10 * time.Second // with less it is not begun
	inlineLeft  = 20 * time.Second
)

// handOn brings a message that is for one customer's own servers there before the
// client is answered. What they take need not be kept here; where they refuse it for
// every recipient the client hears their words. The rest is queued as ever, and so is
// all of it where they can't be reached.
func (t *Transaction) handOn(ctx context.Context, p *plan) (refused mail.Verdict, done bool) {
	c := p.commit
	if !t.in.config().RelayInline || !p.inline() {
		return mail.Verdict{}, false
	}
	if t.waits() {
		return mail.Verdict{}, false
	}
	if t.relay.IsValid() { // a backup MX of ours would report a refusal to a sender who is mostly forged
		return mail.Verdict{}, false
	}
	if t.in.Ready != nil && !t.in.Ready() { // of what they take there would be no evidence
		return mail.Verdict{}, false
	}
	limit := inlineTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)-inlineLeft)
	}
	if limit < inlineLeast {
		return mail.Verdict{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m := c.Transfers[0].Message
	job := queue.Job{Destination: c.Transfers[0].Destination, Message: m, Content: m.View.Message(p.m), Transfers: c.Transfers}
	report, tried := t.in.Inline.Try(ctx, job)
	if !tried {
		return mail.Verdict{}, false
	}
	results := report.Results
	if len(results) == len(c.Transfers) && !slices.ContainsFunc(results, func(r queue.Result) bool { return r.Fate != queue.Refused }) {
		for _, r := range t.rcpts {
			r.outcome = mail.Declined
		}
		said := results[0].Reply
		return mail.Verdict{Answer: mail.Refused, ID: t.ID(), Reason: said.Text, Reply: mail.Reply{Code: said.Code, Enhanced: said.Enhanced}}, true
	}
	var left []*queue.Transfer
	for i, tr := range c.Transfers {
		if i >= len(results) || results[i].Fate != queue.Carried {
			left = append(left, tr)
			continue
		}
		for _, r := range p.of[tr] {
			r.outcome = mail.Relayed
		}
		c.Events = append(c.Events, queue.Event{Tx: t.tx.ID, Recipient: tr.Recipient, Time: t.in.Now(), What: queue.Carried.String(), Reply: results[i].Reply})
	}
	c.Transfers = left
	return mail.Verdict{}, false
}

// inline reports whether a message can be handed on before the answer: it is for the
// mail hosts of one domain, and nobody else gets it, has it, or is to be told of success.
// The one answer is for all: who has it already, or for whom it was thrown away, would be
// answered with what the hosts say of others.
func (p *plan) inline() bool {
	c := p.commit
	if len(c.Deliveries)+len(c.Held)+len(c.Again)+len(c.Ends) > 0 || len(c.Transfers) == 0 || len(c.Transfers) > 100 {
		return false
	}
	if slices.ContainsFunc(p.t.rcpts, func(r *recipient) bool { return len(r.has) > 0 || r.outcome == mail.Dropped }) {
		return false
	}
	first := c.Transfers[0]
	kind, _ := first.Destination.Split()
	return kind == "domain" && !slices.ContainsFunc(c.Transfers, func(tr *queue.Transfer) bool {
		return tr.Message != first.Message || tr.Destination != first.Destination || tr.Params.Notify&mail.NotifySuccess != 0
	})
}

// handedOn reports whether others have all of a message, so that nothing of it is left
// to keep but what tells of it.
func (p *plan) handedOn() bool { return !p.commit.keeps() && len(p.commit.Events) > 0 }
