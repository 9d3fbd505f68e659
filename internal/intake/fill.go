package intake

import (
	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// fill puts into the commit what each recipient's outcome asks for. A mailbox that
// is reached by two of the recipients gets one copy in each folder, and is held
// one.
func (t *Transaction) fill(c *Commit, m *mail.Message, id blob.ID, received []byte) {
	type place struct {
		box    int64
		folder string
	}
	filled := map[place]bool{}
	for _, r := range t.rcpts {
		folder, holds := "", false
		switch r.outcome {
		case mail.Delivered, mail.Tagged:
		case mail.Junked:
			folder = `\Junk`
		case mail.Held, mail.HeldTold:
			holds = true
		default:
			continue
		}
		view := mail.BuildView(m, t.fields(r, received), t.forged, t.subject(r, m))
		for _, box := range r.boxes {
			if holds {
				folder = "held"
			}
			to := place{box.ID, folder}
			if filled[to] {
				continue
			}
			filled[to] = true
			if holds {
				c.Held = append(c.Held, t.held(r, box, id, view, m))
			} else {
				d := mailbox.Prepare(box.ID, folder, view.Message(m), t.tx.Time)
				d.Blob, d.View = string(id), view
				c.Deliveries = append(c.Deliveries, &d)
			}
		}
	}
}

// subject returns the new subject of a copy that is to be marked, or "".
func (t *Transaction) subject(r *recipient, m *mail.Message) string {
	if r.outcome != mail.Tagged {
		return ""
	}
	return t.in.Config.SubjectMark + m.Header().Text("Subject")
}

func (t *Transaction) held(r *recipient, box directory.Mailbox, id blob.ID, view mail.View, m *mail.Message) *quarantine.Held {
	d := r.walk.Decision
	return &quarantine.Held{
		ID: mail.NewID(t.tx.Time), Tx: t.tx.ID, Recipient: r.path, Box: box.ID, Domain: r.domain.Name,
		Sender: t.tx.Envelope.ReversePath, Client: t.tx.Client.Addr, Subject: clip(m.Header().Text("Subject")),
		Filter: d.Entry, Reason: d.Reason, Score: r.walk.Score, Blob: string(id), View: view, Size: view.Size(m.Size()),
		Time: t.tx.Time, Expires: t.tx.Time.Add(t.in.Config.QuarantineFor), State: quarantine.StateHeld,
	}
}
