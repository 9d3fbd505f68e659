package intake

import (
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// mayLogIn reports whether who has logged in, a mailbox's owner or a sender without a person, still
// may: a connection may be older than what was decided of him.
func mayLogIn(s *directory.Snapshot, login mail.Path) bool {
	if login.IsNull() {
		return true
	}
	if n, ok := s.Sender(login); ok {
		return !n.Off
	}
	box, known := s.Mailbox(login)
	return known && s.Serves(box.ID, directory.ServiceSubmission)
}

// senderMay returns how a sender may use an address: as its own where it is in one of its domains.
func senderMay(s *directory.Snapshot, n directory.Sender, address mail.Path) mailbox.Sending {
	if s.SendsAs(n, address) {
		return mailbox.SendAs
	}
	return mailbox.NoSending
}

// isListed reports whether a client's address is one that a sender is known by. The gate does not
// look at it before it has said as whom it sends: it mostly is a device, or a server behind which many people are.
func (in *Intake) isListed(c mail.Client) bool {
	n, ok := in.Directory.Snapshot().SenderAt(c.Addr)
	return ok && !n.Off
}
