package mailbox

import (
	"time"

	"gatepost/internal/mail"
)

// Prepare reads a message in the form in which it will be served, once, and
// returns the delivery of it, still without the Blob and the View that serve it
// so. This is the mailstore's end of an MDA (RFC 5598 §4.3.3).
func Prepare(box int64, folder string, m *mail.Message, now time.Time) Delivery {
	return Delivery{
		Box:           box,
		Folder:        folder,
		Size:          m.Size(),
		Time:          now,
		Envelope:      AppendEnvelope(nil, m.Header()),
		BodyStructure: AppendStructure(nil, m.Root()),
		Preview:       Preview(m),
		Previewed:     true,
	}
}
