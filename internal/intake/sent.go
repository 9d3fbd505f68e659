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
	// Mark returns by what a message that leaves under a reverse-path is known there; nil
	// where it can't be.
	Mark(sender mail.Path, m *mail.Message) []byte
}

// mark is the message in the ledger, as it leaves under a reverse-path: nil but for what one
// of our people wrote who had logged in. A stranger's mail that a list or a forward sends on
// has a Message-ID that he chose, so that it would prove what he forges next.
func (p *plan) mark(sender mail.Path) []byte {
	if p.t.in.Ledger == nil || p.t.tx.Client.Login.IsNull() {
		return nil
	}
	mark, known := p.marks[sender]
	if !known {
		mark = p.t.in.Ledger.Mark(sender, p.m)
		p.marks[sender] = mark
	}
	return mark
}

// teaches is the scope that learns to trust an address when this message reaches it: that
// of one who has logged in, and wrote to it himself. What programs send teaches nothing,
// nor does mail to any domain here: their addresses are those that are forged most.
func (p *plan) teaches(to directory.Remote) string {
	t := p.t
	from, login := t.tx.Envelope.ReversePath, t.tx.Client.Login
	if login.IsNull() || from.IsNull() || !to.By.IsNull() || automatic(p.m) {
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
// recipients (RFC 3834 §5, RFC 2919, and older words for the same), or is a report, which
// a mail program sends by itself (RFC 8098 §2.1, RFC 6522).
func automatic(m *mail.Message) bool {
	h := m.Header()
	for _, value := range h.All("Auto-Submitted") {
		if word := firstWord(value); word != "" && word != "no" {
			return true
		}
	}
	for _, value := range h.All("Precedence") {
		if slices.Contains([]string{"bulk", "junk", "list", "auto_reply", "auto-reply"}, firstWord(value)) {
			return true
		}
	}
	for _, name := range []string{"List-Id", "X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Response-Suppress"} {
		if h.Count(name) > 0 {
			return true
		}
	}
	return m.Root().Is("multipart/report") || m.Root().Is("message/disposition-notification")
}

// firstWord is what stands before parameters and comments, in lower case.
func firstWord(value string) string {
	word, _, _ := strings.Cut(strings.ToLower(value), ";")
	word, _, _ = strings.Cut(word, "(")
	return strings.TrimSpace(word)
}
