package intake

import (
	"slices"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// A way is one domain's archive and whether the message came to that domain or left it.
type way struct {
	domain    string
	direction mailbox.Direction
}

// record adds the message to the archives of the domains whose mail it is, once in each
// direction, whatever becomes of it: delivered, held, carried on. Only what nobody was to get, since
// it was refused, put off or discarded by a policy, is no mail of anybody; what is held already is there. What rules delete is there: nobody
// keeps his mail out of an archive, nor others' mail out of theirs. It comes last, when all outcomes are known.
func (p *plan) record() {
	t := p.t
	p.commit.Records = nil
	var ways []way
	whose := map[way][]*recipient{}
	add := func(d directory.Domain, to mailbox.Direction, r *recipient) {
		if d.ArchiveDays == 0 {
			return
		}
		w := way{d.Name, to}
		if whose[w] == nil {
			ways = append(ways, w)
		}
		whose[w] = append(whose[w], r)
	}
	login, _ := t.snapshot.Domain(t.tx.Client.Login.Domain())
	for _, r := range t.rcpts {
		switch {
		case r.outcome == mail.Declined, r.outcome == mail.Postponed, r.outcome == mail.Dropped && !r.erased():
			continue
		case r.outcome == mail.HeldAgain: // it has been there since it was held
			continue
		}
		_, ours := t.snapshot.Domain(r.path.Domain())
		switch {
		case ours:
			add(r.domain, mailbox.In, r)
		case login.Name == "": // one of its own servers sends
			add(r.domain, mailbox.Out, r)
		}
		if login.Name != "" {
			add(login, mailbox.Out, r)
		}
	}
	for _, w := range ways {
		if archive, ok := t.snapshot.ArchiveOf(w.domain); ok {
			p.commit.Records = append(p.commit.Records, p.recordOf(archive.ID, w, whose[w]))
		}
	}
}

// erased reports whether rules have deleted what is a recipient's.
func (r *recipient) erased() bool { return len(r.ruled)+len(r.order.steps) > 0 }

// recordOf is the message as an archive has it: as it came, beneath who sent it to whom. Of what
// came in only the domain's own recipients are named, since the others are not its to know of.
func (p *plan) recordOf(box int64, to way, whose []*recipient) *mailbox.Delivery {
	t := p.t
	b := mail.AppendStructured(nil, "Return-Path", "<"+string(t.tx.Envelope.ReversePath)+">")
	b = t.found(append(b, p.received...), whose[0])
	login := t.tx.Client.Login
	home, _ := t.snapshot.Domain(login.Domain())
	if !login.IsNull() && (!t.hides() || to.domain == home.Name) { // others' archives show no more than their mail does
		b = mail.AppendStructured(b, "X-Gatepost-Login", string(login))
	}
	for _, r := range whose {
		b = mail.AppendStructured(b, "X-Gatepost-Recipient", string(r.path))
	}
	for _, outcome := range outcomes(whose) {
		b = mail.AppendField(b, "X-Gatepost-Outcome", outcome)
	}
	view := mail.BuildView(p.m, b, t.forged(), "")
	d := mailbox.Prepare(box, mailbox.RecordFolder(to.direction, t.tx.Time), view.Message(p.m), t.tx.Time)
	d.View, d.Record = view, true
	return &d
}

// outcomes are what became of recipients: of all alike in one word, else of each.
func outcomes(whose []*recipient) (texts []string) {
	first := whose[0].outcome
	if !slices.ContainsFunc(whose, func(r *recipient) bool { return r.outcome != first }) {
		return []string{first.String()}
	}
	for _, r := range whose {
		texts = append(texts, r.outcome.String()+" "+string(r.path))
	}
	return texts
}
