package intake

import (
	"context"
	"fmt"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// Onward returns where a held message goes, beside its mailbox, when it is released: the
// way that mail for its recipient would take now. It fails with quarantine.ErrNowhere
// where it is for no mailbox and there is no way, and with the directory's errors.
func (in *Intake) Onward(ctx context.Context, h quarantine.Held) ([]quarantine.Onward, error) {
	s := in.Directory.Snapshot()
	found, err := in.resolve(ctx, s, h.Sender, h.Recipient)
	if _, ours := s.Domain(h.Recipient.Domain()); !ours && leftUs(h) {
		d := in.Router.Destination(h.Recipient, h.Domain)
		return []quarantine.Onward{{To: h.Recipient, Sender: in.releasedReturn(ctx, s, h, directory.Remote{Address: h.Recipient}), Destination: string(d)}}, nil
	}
	if err != nil {
		return nil, err
	}
	var list []quarantine.Onward
	if boxes := beside(h, found); len(boxes) > 0 {
		list = append(list, quarantine.Onward{To: h.Recipient, Sender: h.Sender, Destination: string(queue.Local), Boxes: boxes})
	}
	for _, to := range found.Remotes {
		if !goesWith(h, to) {
			continue
		}
		by := found.Domain.Name
		var mark []byte
		if !to.By.IsNull() {
			by, mark = to.By.Domain(), mail.AppendStructured(nil, "Delivered-To", string(to.By))
		}
		list = append(list, quarantine.Onward{
			To: to.Address, Sender: in.releasedReturn(ctx, s, h, to), Destination: string(in.Router.Destination(to.Address, by)), Mark: mark, By: to.By.Domain(),
		})
	}
	if len(list) == 0 && h.Box <= 0 {
		return nil, fmt.Errorf("intake: %s: %w", h.Recipient, quarantine.ErrNowhere)
	}
	return list, nil
}

// releasedReturn is the reverse-path under which what was held leaves.
func (in *Intake) releasedReturn(ctx context.Context, s *directory.Snapshot, h quarantine.Held, to directory.Remote) mail.Path {
	sender := in.leaves(s, h.Sender, to)
	if h.Proof == "log-in" {
		sender = in.signedReturn(ctx, s, sender, to, in.Now())
	}
	return sender
}

// leftUs reports whether a row's recipient was never an address here: its mail was sent
// on, or sent by somebody who had logged in. What was for one of ours must not leave for
// whoever has the domain now.
func leftUs(h quarantine.Held) bool {
	if h.Box != quarantine.Anywhere {
		return false
	}
	return h.Proof == "log-in" || h.Filter == quarantine.Undeliverable && h.Recipient.Domain() != h.Domain
}

// beside returns the mailboxes that get a row's message by the queue: all of the
// recipient's, or those that its own mailbox is copied to.
func beside(h quarantine.Held, found directory.Resolution) (boxes []int64) {
	for _, box := range found.Boxes {
		if h.Box == quarantine.Anywhere || h.Box > 0 && found.CopyOf(box.ID) == h.Box {
			boxes = append(boxes, box.ID)
		}
	}
	return boxes
}

// goesWith reports whether a copy that leaves belongs to a row: those of a mailbox to
// the mailbox's, all others to the one for elsewhere, and to the one for all, all.
func goesWith(h quarantine.Held, to directory.Remote) bool {
	switch h.Box {
	case quarantine.Anywhere:
		return true
	case quarantine.Elsewhere:
		return strays(to)
	}
	return to.CopyOf == h.Box
}
