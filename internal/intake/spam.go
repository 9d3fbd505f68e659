package intake

import (
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// begin begins a recipient's walk, and that of the shadow policy. A mailbox's level moves
// the score from which its mail is spam.
func (t *Transaction) begin(r *recipient, p *pipeline.Policy, live bool) {
	factor, owned := t.level(r), t.snapshot.Has(r.path)
	r.policy, r.walk = p, pipeline.NewWalk(p, r.path, live)
	r.walk.Required *= factor
	r.walk.Owned = owned
	if p.Shadow != nil {
		r.shadow = pipeline.NewWalk(p.Shadow, r.path, false)
		r.shadow.Required *= factor
		r.shadow.Owned = owned
	}
}

// middle is the level at which the policy's own score holds.
const middle = 4

// level is what the score from which mail is spam is multiplied by: a quarter at level 1,
// 1.75 at level 7. With a policy's 5 each level is 1.25 points.
func (t *Transaction) level(r *recipient) float64 {
	if !t.tx.Client.Login.IsNull() { // it is the sender's domain that judges
		return 1
	}
	if box, home, ok := t.owner(r); ok && home.LevelOf(box) > 0 {
		return float64(home.LevelOf(box)) / middle
	}
	return 1
}

// owner returns the one mailbox that a recipient leads to, and its domain, which says
// what its owner may set. Several mailboxes don't agree: then the recipient's domain's
// word holds.
func (t *Transaction) owner(r *recipient) (box directory.Mailbox, home directory.Domain, ok bool) {
	n := 0
	for _, b := range r.boxes {
		if !r.way.Copied(b.ID) { // spam is not copied
			box, n = b, n+1
		}
	}
	if n != 1 {
		return box, home, false
	}
	home, ok = t.snapshot.Domain(box.Address.Domain())
	return box, home, ok
}

// disposition is the domain's, or, where it leaves it to them, the mailbox owner's, for
// who has a mailbox here: spam is never carried on, but to a mail host that wants it
// marked.
func (t *Transaction) disposition(r *recipient) pipeline.Disposition {
	switch {
	case r.way.TagsSpam():
		return pipeline.ToTag
	case len(r.boxes) == 0:
		return pipeline.ToQuarantine
	}
	// An alias of one domain may lead to another's mailbox: the owner's word is by leave
	// of his own domain, and without one that of the alias's holds.
	if box, home, ok := t.owner(r); ok && box.Disposition != "" && home.Leaves(directory.MayDisposition) {
		return pipeline.Disposition(home.DispositionOf(box))
	}
	return pipeline.Disposition(r.domain.Disposition)
}

// away is an outcome as it is for a recipient without a mailbox here.
func (r *recipient) away(o mail.Outcome) mail.Outcome {
	switch {
	case len(r.boxes) > 0:
	case o == mail.Delivered:
		return mail.Queued
	case o == mail.Junked, o == mail.Tagged:
		if r.way.TagsSpam() {
			r.marked = true
			return mail.Queued
		}
		return mail.Held
	}
	return o
}
