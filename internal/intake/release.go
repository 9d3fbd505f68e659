package intake

import (
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// Onward returns where a held message goes, beside its mailbox, when it is released: the
// way that mail for its recipient would take now.
func (in *Intake) Onward(h quarantine.Held) ([]quarantine.Onward, error) {
	s := in.Directory.Snapshot()
	if _, ours := s.Domain(h.Recipient.Domain()); !ours { // it was sent on, and refused
		d := in.Router.Destination(h.Recipient, h.Domain)
		return []quarantine.Onward{{To: h.Recipient, Sender: h.Sender, Destination: string(d)}}, nil
	}
	found, err := in.resolve(s, h.Sender, h.Recipient)
	if err != nil {
		return nil, err
	}
	strays := (&recipient{boxes: found.Boxes}).strays
	var list []quarantine.Onward
	if len(found.Boxes) > 0 && h.Box == quarantine.Anywhere {
		local := quarantine.Onward{To: h.Recipient, Sender: h.Sender, Destination: string(queue.Local)}
		for _, box := range found.Boxes {
			local.Boxes = append(local.Boxes, box.ID)
		}
		list = append(list, local)
	}
	for _, to := range found.Remotes {
		if h.Box != quarantine.Anywhere && !in.goesWith(h, to, strays(to)) {
			continue
		}
		by := found.Domain.Name
		var mark []byte
		if !to.By.IsNull() {
			by, mark = to.By.Domain(), mail.AppendField(nil, "Delivered-To", string(to.By))
		}
		list = append(list, quarantine.Onward{
			To: to.Address, Sender: in.leaves(s, h.Sender, to), Destination: string(in.Router.Destination(to.Address, by)), Mark: mark,
		})
	}
	return list, nil
}

// goesWith reports whether a copy that leaves belongs to a row: those of a mailbox to
// the mailbox's, all others to the one for elsewhere.
func (in *Intake) goesWith(h quarantine.Held, to directory.Remote, strays bool) bool {
	if h.Box == quarantine.Elsewhere {
		return strays
	}
	box, ok := in.Directory.Snapshot().Box(h.Box)
	return ok && to.By == box.Address
}
