package intake

import (
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// Onward returns where a held message goes that is nobody's mailbox's alone, when it
// is released: the way that mail for its recipient would take now.
func (in *Intake) Onward(h quarantine.Held) ([]quarantine.Onward, error) {
	s := in.Directory.Snapshot()
	found, err := in.resolve(s, h.Sender, h.Recipient)
	if err != nil {
		return nil, err
	}
	var list []quarantine.Onward
	if len(found.Boxes) > 0 {
		local := quarantine.Onward{To: h.Recipient, Sender: h.Sender, Destination: string(queue.Local)}
		for _, box := range found.Boxes {
			local.Boxes = append(local.Boxes, box.ID)
		}
		list = append(list, local)
	}
	for _, to := range found.Remotes {
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
