package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/pipeline"
)

// A Meter knows what mailboxes here may still take up, and take in.
type Meter interface {
	// Room returns nil where a message of so many octets fits (0: it is not known how
	// many), else mailbox.ErrOverQuota or mailbox.ErrBeyondQuota. Another error means that it
	// can't tell now.
	Room(ctx context.Context, box int64, octets int64) error
	// Refuses says whether mail for a full mailbox is refused for good, in place of for now.
	Refuses() bool
	// Flooded says whether a mailbox had all the mail of strangers that it takes in an
	// hour.
	Flooded(ctx context.Context, box directory.Mailbox, sender mail.Path) bool
	// Stored is told of boxes that a stranger's message came into, after the commit. It
	// must not wait.
	Stored(box, octets int64)
}

// room judges at RCPT what a recipient's mailbox may take. It is the last word: a message
// that was taken is delivered, also where others that came meanwhile have filled the mailbox.
// Where an address leads to several places, those that are full have their copy put off, and
// are no reason to refuse it. postmaster and abuse always have room, whoever stands behind them.
func (t *Transaction) room(ctx context.Context, r *recipient) mail.Verdict {
	m := t.in.Meter
	if m == nil || r.way.Role || len(r.boxes) == 0 || len(r.boxes) > maxDirect || r.walk.Done() && r.walk.Decision.Action == pipeline.Discard {
		return mail.Verdict{}
	}
	open := slices.ContainsFunc(r.remotes, strays)
	var last error
	for _, box := range r.boxes {
		switch err := m.Room(ctx, box.ID, t.tx.Envelope.Params.Size); {
		case err == nil:
			open = open || !r.way.Copied(box.ID)
		case errors.Is(err, mailbox.ErrOverQuota):
			r.full = append(r.full, box.ID)
			if !r.way.Copied(box.ID) {
				last = err
			}
		default:
			t.in.Log.Error("quota not known", "recipient", r.path, "box", box.ID, "error", err)
			return mail.Verdict{Answer: mail.Failed}
		}
	}
	if !open {
		return overQuota(last, m.Refuses())
	}
	return t.flood(ctx, r)
}

// flood judges whether strangers bring too much to a mailbox. Who has logged in, and whom
// the walk has accepted already, as an allowed sender, is none.
func (t *Transaction) flood(ctx context.Context, r *recipient) mail.Verdict {
	accepted := r.walk.Decision.Action == pipeline.Accept
	if len(r.boxes) != 1 || len(r.remotes) > 0 || accepted || !t.tx.Client.Login.IsNull() || !t.in.Meter.Flooded(ctx, r.boxes[0], t.tx.Envelope.ReversePath) {
		return mail.Verdict{}
	}
	return mail.Verdict{Answer: mail.MailboxBusy}
}

// overQuota is the answer for a mailbox that is full. A message that would not fit into an
// empty one need not come again.
func overQuota(err error, refuse bool) mail.Verdict {
	v := mail.Verdict{Answer: mail.MailboxFull}
	if refuse || errors.Is(err, mailbox.ErrBeyondQuota) {
		v.Reply = mail.Reply{Code: 552, Enhanced: "5.2.2", Text: "mailbox full"}
	}
	if err == mailbox.ErrBeyondQuota {
		v.Reply.Text = "message larger than the mailbox may hold"
	}
	return v
}

// withoutFull takes those boxes of a recipient out of some that were full at RCPT.
func (r *recipient) withoutFull(boxes []int64) (room, full []int64) {
	if len(r.full) == 0 {
		return boxes, nil
	}
	for _, id := range boxes {
		if slices.Contains(r.full, id) {
			full = append(full, id)
		} else {
			room = append(room, id)
		}
	}
	return room, full
}

// withRoom splits mailboxes to which the queue brings a message by whether they have room
// for it.
func (l Local) withRoom(ctx context.Context, boxes []int64, octets int64) (room, full []int64, err error) {
	if l.In.Meter == nil {
		return boxes, nil, nil
	}
	for _, id := range boxes {
		switch err := l.In.Meter.Room(ctx, id, octets); {
		case err == nil:
			room = append(room, id)
		case errors.Is(err, mailbox.ErrOverQuota):
			full = append(full, id)
		default:
			return nil, nil, fmt.Errorf("intake: quota of box %d: %w", id, err)
		}
	}
	return room, full, nil
}

// stored tells the meter of what a stranger's message was stored in.
func (t *Transaction) stored(c *Commit) {
	if t.in.Meter == nil || !t.tx.Client.Login.IsNull() {
		return
	}
	boxes := make(map[int64]int64, 1) // once, into however many folders it went
	for _, d := range c.Deliveries {
		boxes[d.Box] = d.Size
	}
	for box, octets := range boxes {
		t.in.Meter.Stored(box, octets)
	}
}
