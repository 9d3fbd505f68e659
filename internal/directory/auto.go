package directory

import "gatepost/internal/mail"

// AutoAllowable reports whether a sender may be allowed for a recipient without a person
// deciding it, as a solved challenge, a release or an answer to him does. The
// recipient's own addresses and domain never are: theirs are the names that are forged
// most, and whoever sends from there has other ways in.
//
// Own are the recipient's domain, under all its names, the domains of the mailboxes that
// it leads to, and every address, of whichever domain, that leads to one of these alone.
func (s *Snapshot) AutoAllowable(rcpt, sender mail.Path) bool {
	if sender.IsNull() || rcpt.IsNull() {
		return false
	}
	sender, rcpt = sender.Fold(), rcpt.Fold()
	if _, ours := s.Domain(sender.Domain()); !ours && sender.Domain() != rcpt.Domain() && sender.Domain() != s.hostname {
		return true // as most are: such an address leads to nobody here
	}
	sender, rcpt = s.canonical(sender), s.canonical(rcpt)
	if sender.Domain() == rcpt.Domain() {
		return false
	}
	from := s.homes(sender)
	for _, box := range s.homes(rcpt) {
		if sender.Domain() == box.Address.Domain() || len(from) == 1 && from[0].ID == box.ID {
			return false
		}
	}
	return true
}

// homes returns the mailboxes that an address leads to, without those that are only
// copied to; none where it is not ours.
func (s *Snapshot) homes(a mail.Path) (boxes []Mailbox) {
	r, err := s.resolved(a)
	if err != nil {
		return nil
	}
	for _, box := range r.Boxes {
		if !r.Copied(box.ID) {
			boxes = append(boxes, box)
		}
	}
	return boxes
}
