package intake

import (
	"context"
	"strings"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// An arrival is a message that comes into a mailbox from the queue.
type arrival struct {
	d      *mailbox.Delivery
	served *mail.Message
	owner  mail.Path // of the list that led here; null: none did
}

// rule adds to the commit what the rules of a mailbox make of a delivery from the queue, and says
// whether its sender is told that it was refused. The commit that has it takes the mailbox out of the
// transfer: each script has its say once.
func (l Local) rule(ctx context.Context, c *Commit, job queue.Job, t *queue.Transfer, one arrival) (sentBack bool, err error) {
	in := l.In
	s := in.Directory.Snapshot()
	box, known := s.Box(one.d.Box)
	one.d.Create = t.Filed
	if t.Filed || in.Rules == nil || !known || !box.State.Takes() || !in.Rules.Has(one.d.Box) {
		c.Deliveries = append(c.Deliveries, one.d)
		return false, nil
	}
	p := l.piece(job, t, one)
	p.snapshot, p.box = s, box
	f, err := in.file(ctx, p)
	if err != nil {
		return false, err
	}
	if f.reject != nil {
		in.sendBack(f)
	}
	c.Deliveries = append(c.Deliveries, f.deliveries...)
	c.Transfers = append(c.Transfers, f.transfers...)
	reports := in.write(ctx, c, f.drafts, blob.ID(job.Message.Blob))
	c.Transfers = append(c.Transfers, reports...)
	c.remember(f.remember)
	var said []string
	for _, step := range f.steps {
		said = append(said, step.Reason)
	}
	if len(said) > 0 {
		c.Events = append(c.Events, queue.Event{Tx: p.tx, Recipient: t.Recipient, Time: in.Now(), What: "rules", Reply: queue.Reply{Text: clip(strings.Join(said, "; "))}})
	}
	return len(reports) > 0, nil
}

// piece is an arrival as rules get it.
func (l Local) piece(job queue.Job, t *queue.Transfer, one arrival) *piece {
	p := &piece{
		d: one.d, served: one.served, sender: job.Message.Sender, rcpt: t.Recipient, tx: job.Message.Tx, params: job.Message.Params, wishes: t.Params,
		judged: t.Judged, phase: post, released: t.Released != "",
	}
	if !one.owner.IsNull() {
		p.sender, p.params, p.wishes, p.judged.Proof = one.owner, listParams(p.params), mail.RcptParams{}, queue.OfList
	}
	p.proof = func() string { return p.judged.Proof }
	return p
}
