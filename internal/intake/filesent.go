package intake

import (
	"context"
	"slices"

	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// fileSent adds what a log-in sends as a group to that group's Sent. His program files it in his own, where the other
// members do not see that the group has answered. Which of them it was stands above it. What nobody gets was not sent; and what
// a machine sends as a group is no answer of it. Where it can't be told who files it, it is sent all the same.
func (p *plan) fileSent(ctx context.Context) {
	t := p.t
	if _, machine := t.snapshot.Sender(t.tx.Client.Login); t.tx.Client.Login.IsNull() || machine || t.in.Senders == nil || !t.goesOut() {
		return
	}
	paths, _ := authorsIn(p.m.Header().Get("From"))
	for _, author := range paths {
		found, err := t.snapshot.Resolve(author)
		if err != nil { // it is elsewhere
			continue
		}
		for _, box := range found.Boxes[:min(len(found.Boxes), maxOwners)] {
			if !found.Owns(box.Address) {
				continue
			}
			files, err := t.in.Senders.FilesSent(ctx, box.ID, p.m.Header().Get("Message-ID"))
			if err != nil {
				t.in.Log.Warn("what is sent as a group is not filed", "id", t.ID(), "mailbox", box.Address, "error", err)
			}
			if to := (place{box: box.ID, folder: string(mailbox.Sent)}); files && !p.filled[to] {
				p.filled[to] = true
				p.commit.Deliveries = append(p.commit.Deliveries, p.sentOf(to.box))
			}
		}
	}
}

// sentOf is the message as a group has it that has sent it.
func (p *plan) sentOf(box int64) *mailbox.Delivery {
	t := p.t
	view := mail.BuildView(p.m, mail.AppendStructured(nil, "X-Gatepost-Login", string(t.tx.Client.Login)), t.forged(), "")
	d := mailbox.Prepare(box, string(mailbox.Sent), view.Message(p.m), t.tx.Time)
	d.View, d.Flags = view, []string{`\Seen`}
	return &d
}

// goesOut reports whether there is anybody who gets the message.
func (t *Transaction) goesOut() bool {
	return slices.ContainsFunc(t.rcpts, func(r *recipient) bool {
		switch r.outcome {
		case mail.Delivered, mail.Queued, mail.Tagged, mail.Junked:
			return true
		}
		return r.outcome == mail.Dropped && r.erased() // his own rules threw it away
	})
}
