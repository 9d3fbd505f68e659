package intake

import (
	"context"
	"strings"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// rule adds to the commit what the rules of a mailbox make of a delivery from the queue. The
// commit that has it takes the mailbox out of the transfer: each script has its say once.
func (l Local) rule(ctx context.Context, c *Commit, job queue.Job, t *queue.Transfer, d *mailbox.Delivery, served *mail.Message) error {
	in := l.In
	s := in.Directory.Snapshot()
	box, known := s.Box(d.Box)
	if in.Rules == nil || !known || box.State == directory.Closed || !in.Rules.Has(d.Box) {
		c.Deliveries = append(c.Deliveries, d)
		return nil
	}
	p := &piece{
		d: d, served: served, snapshot: s, box: box, sender: job.Message.Sender, rcpt: t.Recipient, tx: job.Message.Tx, params: job.Message.Params,
		judged: t.Judged, proof: func() string { return t.Judged.Proof }, phase: post, released: t.Released != "",
	}
	if len(t.For) > 0 {
		p.rcpt = t.For[0]
	}
	f, err := in.file(ctx, p)
	if err != nil {
		return err
	}
	if f.reject != nil {
		in.sendBack(f)
	}
	c.Deliveries = append(c.Deliveries, f.deliveries...)
	c.Transfers = append(c.Transfers, f.transfers...)
	c.Transfers = append(c.Transfers, in.write(ctx, c, f.drafts, blob.ID(job.Message.Blob))...)
	c.remember(f.remember)
	var said []string
	for _, step := range f.steps {
		said = append(said, step.Reason)
	}
	if len(said) > 0 {
		c.Events = append(c.Events, queue.Event{Tx: p.tx, Recipient: t.Recipient, Time: in.Now(), What: "rules", Reply: queue.Reply{Text: clip(strings.Join(said, "; "))}})
	}
	return nil
}
