package intake

import (
	"slices"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/trust"
)

// A Ledger knows what this system sent: see internal/sent.
type Ledger interface {
	// Mark returns by what a message is known there; nil where it can't be.
	Mark(m *mail.Message) []byte
}

// ours reports whether a message that goes to others is one of our people's, or a list's:
// reports about it come back here, to an address of ours. Those about what is sent on for
// strangers come to addresses that prove themselves (SRS).
func (p *plan) ours(to directory.Remote) bool {
	return !p.t.tx.Client.Login.IsNull() || !to.Bounces.IsNull()
}

// mark is the message in the ledger.
func (p *plan) mark() []byte {
	if p.marked == nil && p.t.in.Ledger != nil {
		p.marked = p.t.in.Ledger.Mark(p.m)
	}
	return p.marked
}

// teaches is the scope that learns to trust an address when this message reaches it: that
// of one who has logged in, and wrote to it himself. What programs send teaches nothing,
// nor does mail to any domain here: their addresses are those that are forged most.
func (p *plan) teaches(to directory.Remote) string {
	t := p.t
	from, login := t.tx.Envelope.ReversePath, t.tx.Client.Login
	if login.IsNull() || from.IsNull() || !to.By.IsNull() || automatic(p.m.Header()) {
		return ""
	}
	box, known := t.snapshot.Mailbox(login)
	dom, home := t.snapshot.Domain(login.Domain())
	if _, here := t.snapshot.Domain(to.Address.Domain()); !known || !home || here || !t.snapshot.AutoAllowable(from, to.Address) {
		return ""
	}
	switch dom.LearnOutgoing {
	case directory.LearnOff:
		return ""
	case directory.LearnDomain:
		return string(trust.ForDomain(dom.ID))
	}
	return string(trust.ForMailbox(box.ID))
}

// automatic reports whether a message says of itself that no person wrote it to its
// recipients (RFC 3834 §5, RFC 2919, and older words for the same).
func automatic(h *mail.Header) bool {
	if auto := strings.ToLower(strings.TrimSpace(h.Get("Auto-Submitted"))); auto != "" && auto != "no" {
		return true
	}
	if slices.Contains([]string{"bulk", "junk", "list"}, strings.ToLower(strings.TrimSpace(h.Get("Precedence")))) {
		return true
	}
	return h.Count("List-Id") > 0
}
