package intake

import (
	"context"
	"strings"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
	"gatepost/pipeline"
)

// Phases of RFC 5183 §4.2.
const (
	during = "during"
	post   = "post"
)

// A copyOf says whose a delivery of the plan is, and under which reverse-path it comes.
type copyOf struct {
	r      *recipient
	sender mail.Path
	filed  bool // rules of the domain chose the folder: those of the mailbox are not asked
}

// rule has the rules of mailboxes decide about the plan's deliveries. Where all of them send the
// message back the client is refused it, which tells its sender without a letter (RFC 5429 §2.1).
func (t *Transaction) rule(ctx context.Context, p *plan) (refused mail.Verdict, done bool, err error) {
	for _, r := range t.rcpts {
		r.ruled = nil
	}
	if t.in.Rules == nil || !t.ruled(ctx, p) {
		return mail.Verdict{}, false, nil
	}
	begun, all := t.in.Now(), make([]*filed, len(p.commit.Deliveries))
	for i, d := range p.commit.Deliveries {
		whose := p.whose[i]
		if whose.filed || !t.in.Rules.Has(d.Box) {
			all[i] = &filed{deliveries: []*mailbox.Delivery{d}}
			continue
		}
		piece, known := t.piece(ctx, p, d, whose)
		switch {
		case !known:
			all[i] = &filed{deliveries: []*mailbox.Delivery{d}}
		case t.in.Now().Sub(begun) > rulesTime:
			all[i] = &filed{transfers: []*queue.Transfer{t.later(ctx, p, d, whose)}}
		default:
			if all[i], err = t.in.file(ctx, piece); err != nil {
				return mail.Verdict{}, false, err
			}
		}
	}
	if reason, ok := t.rejected(p, all); ok {
		for i, f := range all {
			r := p.whose[i].r
			f.step("reject", f.reject.Line, f.reject.In, "refused")
			r.ruled = append(r.ruled, f.steps...)
		}
		for _, r := range t.rcpts { // two may lead to one mailbox
			r.outcome = mail.Declined
		}
		return mail.Verdict{Answer: mail.Refused, ID: t.ID(), Reason: reason, Reply: mail.Reply{Code: 550, Enhanced: "5.7.1"}}, true, nil
	}
	t.adopt(p, all)
	return mail.Verdict{}, false, nil
}

// ruled reports whether any rules are to be asked now, and notes what those are to know that will
// be from the queue.
func (t *Transaction) ruled(ctx context.Context, p *plan) (now bool) {
	for i, d := range p.commit.Deliveries {
		now = now || !p.whose[i].filed && t.in.Rules.Has(d.Box)
	}
	for _, tr := range p.commit.Transfers {
		for _, box := range tr.Boxes {
			if r := p.of[tr][0]; !tr.Filed && t.in.Rules.Has(box) {
				tr.Judged = t.judged(r)
				tr.Judged.Proof = t.rulesProof(ctx, r, box)
				break
			}
		}
	}
	return now
}

// piece is one delivery of the plan as rules get it; false where the mailbox is gone.
func (t *Transaction) piece(ctx context.Context, p *plan, d *mailbox.Delivery, whose copyOf) (*piece, bool) {
	box, ok := t.snapshot.Box(d.Box)
	one := &piece{
		d: d, served: d.View.Message(p.m), snapshot: t.snapshot, box: box, sender: whose.sender, rcpt: whose.r.path, client: t.tx.Client,
		tx: t.tx.ID, params: t.tx.Envelope.Params, wishes: t.wishes(whose.r), judged: t.judged(whose.r),
		proof: func() string { return t.rulesProof(ctx, whose.r, d.Box) }, phase: during,
	}
	if !whose.r.way.Bounces[d.Box].IsNull() {
		one.params, one.wishes = listParams(one.params), mail.RcptParams{}
	}
	return one, ok
}

// rulesProof is by what the sender of a copy is proven for those who write to him: by nothing, where
// his domain says that it is not he, or nobody knows who brought the message.
func (t *Transaction) rulesProof(ctx context.Context, r *recipient, box int64) string {
	if !r.way.Bounces[box].IsNull() {
		return queue.OfList
	}
	if t.findProof(ctx); t.blind || t.sender.spf == "fail" {
		return ""
	}
	return t.sender.proof
}

// later is a delivery that is left to the queue, since the client has waited long enough. The mailbox
// may be full or closed until then: its sender hears of that.
func (t *Transaction) later(ctx context.Context, p *plan, d *mailbox.Delivery, whose copyOf) *queue.Transfer {
	now := t.tx.Time
	m := &queue.Message{
		ID: mail.NewID(now), Tx: t.tx.ID, Sender: whose.sender, View: d.View, Size: d.Size, Params: t.tx.Envelope.Params,
		Created: now, Expires: now.Add(t.in.config().Lifetime), By: t.sentBy(),
	}
	tr := &queue.Transfer{
		Message: m, Recipient: whose.r.path, For: []mail.Path{whose.r.path.Fold()}, Home: whose.r.domain.Name, Destination: queue.Local,
		Boxes: []int64{d.Box}, Folder: d.Folder, Judged: t.judged(whose.r),
	}
	if tr.Judged.Proof = t.rulesProof(ctx, whose.r, d.Box); p.ofList(tr, whose.r) {
		m.Params = listParams(m.Params)
	}
	p.asks(tr, whose.r)
	return tr
}

// rejected reports whether the client is to be refused the message: all copies are sent back, there
// is nothing else to do with it, and the client speaks for itself.
func (t *Transaction) rejected(p *plan, all []*filed) (reason string, ok bool) {
	c := p.commit
	if t.relay.IsValid() || len(all) == 0 || len(c.Held)+len(c.Transfers)+len(c.Again)+len(c.Ends)+len(c.Complaints)+len(c.DMARC) > 0 {
		return "", false
	}
	for _, r := range t.rcpts {
		switch r.outcome {
		case mail.Delivered, mail.Junked, mail.Tagged, mail.Declined:
		default:
			return "", false
		}
	}
	for _, f := range all {
		if f.reject == nil {
			return "", false
		}
	}
	return reasonLine(all[0].reject), true
}

// reasonLine is a reason as a reply can tell it; one that is not in ASCII it can't (RFC 5429 §2.1.1).
func reasonLine(a *sieve.Action) string {
	s := strings.Join(strings.Fields(a.Reason), " ")
	for _, c := range s {
		if c < ' ' || c > '~' {
			s = ""
		}
	}
	if s == "" {
		return "the recipient's rules refuse this message"
	}
	return s
}

// adopt puts what the rules made of the deliveries in their place.
func (t *Transaction) adopt(p *plan, all []*filed) {
	c := p.commit
	planned := p.whose
	c.Deliveries = nil
	copies, gone, onward := map[*recipient]int{}, map[*recipient]int{}, map[*recipient]bool{}
	for i, f := range all {
		r := planned[i].r
		if f.reject != nil {
			t.in.sendBack(f)
		}
		copies[r]++
		if len(f.deliveries) == 0 {
			gone[r]++
			onward[r] = onward[r] || len(f.transfers) > 0
		}
		c.Deliveries = append(c.Deliveries, f.deliveries...)
		c.Transfers = append(c.Transfers, f.transfers...)
		c.remember(f.remember)
		p.drafts = append(p.drafts, f.drafts...)
		r.ruled = append(r.ruled, f.steps...)
	}
	for r, n := range copies { // what is thrown away is not told as delivered
		switch {
		case gone[r] < n || p.carried(r):
		case onward[r]:
			r.outcome = mail.Queued
		default:
			r.outcome = mail.Dropped
		}
	}
}

// carried reports whether a recipient's mail goes elsewhere, beside its mailboxes.
func (p *plan) carried(r *recipient) bool {
	for _, list := range p.of {
		for _, other := range list {
			if other == r {
				return true
			}
		}
	}
	return false
}

// judged is what the walk has found out, as rules may know it. Who sent it is found out where a
// letter is to be written.
func (t *Transaction) judged(r *recipient) (j queue.Judged) {
	for _, s := range r.walk.Steps {
		if s.Shadow {
			continue
		}
		if s.Filter == "antivirus" {
			switch s.Finding.Result {
			case "clean":
				j.Virus = 1 // RFC 5235 §3.3
			case "virus":
				j.Virus = 5
			}
		}
	}
	if len(r.walk.Policy.Entries) > 0 {
		j.Spam, j.Known = spamScale(r.walk), true
	}
	return j
}

// spamScale maps a walk to 0 to 100 (RFC 5235 §3.2): 50 is where the policy takes a message for
// spam, by its score or for another reason, and 100 twice that score. What was accepted is 0.
func spamScale(w *pipeline.Walk) float64 {
	if w.Decision.Action == pipeline.Accept {
		return 0
	}
	scale := 0.0
	if w.Required > 0 {
		scale = min(max(spamFrom*w.Score/w.Required, 0), 100)
	}
	if isSpam(w) {
		return max(scale, spamFrom)
	}
	return min(scale, spamFrom-0.5)
}
