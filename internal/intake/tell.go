package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/quarantine"
	"gatepost/quarantine/challenge"
)

// A Prover finds out whether a message is from its reverse-path's domain.
type Prover interface {
	// Proven says by what, "spf" or "dkim example.org", "" if by nothing, and SPF's result.
	Proven(ctx context.Context, tx *pipeline.Transaction) (how, spf string, err error)
}

// A Linker makes the links with which senders have held messages delivered.
type Linker interface {
	// Link returns the one of a transaction; it is the same for the same times.
	Link(ctx context.Context, tx string, made, expires time.Time) (string, error)
}

// A Notifier is told, after the commit, that a sender's notice is due.
type Notifier interface{ Wake() }

// A sender is what is known of who sent a message, as far as it is held.
type sender struct {
	asked      bool
	proof, spf string
}

// proofTime bounds how long the client waits for what proves the sender: mostly the
// filters asked already.
const proofTime = 5 * time.Second

// prove finds out who sent what is to be held, or is to be told of success. Where that can't be told nothing is proven.
func (t *Transaction) prove(ctx context.Context) {
	if slices.ContainsFunc(t.rcpts, t.holds) || slices.ContainsFunc(t.rcpts, t.wantsProof) {
		t.findProof(ctx)
	}
}

// wantsProof reports whether a recipient's success is asked for and no filter found out who asks: an entry that allows
// may stand before all that do.
func (t *Transaction) wantsProof(r *recipient) bool {
	return r.params.Notify&mail.NotifySuccess != 0 && r.outcome != mail.Declined && r.outcome != mail.Postponed && !t.proven(r)
}

// findProof is prove whatever becomes of the message.
func (t *Transaction) findProof(ctx context.Context) {
	if t.sender.asked || t.in.Prover == nil {
		return
	}
	limit := proofTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2) // the message must still be kept
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t.sender.asked = true
	var err error
	if t.sender.proof, t.sender.spf, err = t.in.Prover.Proven(ctx, t.tx); err != nil {
		t.sender.proof = ""
		t.in.Log.Warn("sender not proven", "id", t.ID(), "sender", t.tx.Envelope.ReversePath, "error", err)
	}
}

// holds reports whether any of a recipient's mail is to be held.
func (t *Transaction) holds(r *recipient) bool {
	switch r.outcome {
	case mail.Held, mail.HeldTold:
		return true
	case mail.Junked, mail.Tagged:
		return slices.ContainsFunc(r.remotes, strays)
	}
	return false
}

// challenges reports whether senders are told of what a recipient's domain holds.
func (t *Transaction) challenges(r *recipient) bool {
	return t.in.Links != nil && (r.domain.Challenge == directory.ByReply || r.domain.Challenge == directory.ByNotice)
}

// tells reports whether the answer may have a link, should the message be held as spam for
// a recipient: somebody would read it.
func (t *Transaction) tells(r *recipient) bool {
	return t.challenges(r) && r.domain.Challenge == directory.ByReply && r.walk.Decision.Action == pipeline.Spam && !r.walk.Decision.Firm && !t.relay.IsValid() &&
		challenge.Unread(t.tx.Envelope.ReversePath, t.tx.Message.Header()) == ""
}

// told is what the sender hears of what is held for a recipient.
func (t *Transaction) told(r *recipient) quarantine.Told {
	d := r.walk.Decision
	switch {
	case !t.challenges(r):
		return quarantine.ToldNothing
	case r.outcome == mail.HeldTold:
		return quarantine.ToldByReply
	case d.Guarded:
		return quarantine.Untold(string(challenge.Dangerous))
	case d.Action != pipeline.Spam:
		return quarantine.Untold(string(challenge.NotSpam))
	case d.Firm:
		return quarantine.Untold(string(challenge.Firm))
	}
	from := t.tx.Envelope.ReversePath
	why := challenge.Case{
		Sender: from, Header: t.tx.Message.Header(), Proof: t.sender.proof, SPF: t.sender.spf, Relayed: t.blind,
		Own: !t.in.config().ToOwnDomain && isOf(from.Domain(), r.domain), Arrived: t.tx.Time, Now: t.tx.Time,
	}.Refusal()
	if why != "" {
		return quarantine.Untold(string(why))
	}
	return quarantine.ToldDue
}

// isOf reports whether a name is a domain's, or one of its other names.
func isOf(name string, d directory.Domain) bool {
	return name == d.Name || slices.Contains(d.Names, name)
}

// heldTold is what logs and journal say in the place of the link, someTold where others of
// the recipients are refused.
const (
	heldTold = "held as possible spam; its sender is given a link to deliver it"
	someTold = "refused for some recipients, held as possible spam for others; its sender is given a link to deliver it to those"
)

// links are those that the answer has: one for each transaction whose held messages it is
// about, this one's or an earlier one's that brought the same.
func (t *Transaction) links(ctx context.Context, p *plan) (list []string, err error) {
	seen := map[string]bool{}
	add := func(tx string, made, expires time.Time) error {
		if seen[tx] {
			return nil
		}
		seen[tx] = true
		link, err := t.in.Links.Link(ctx, tx, made, expires)
		if err != nil {
			return fmt.Errorf("intake: link of %s: %w", tx, err)
		}
		list = append(list, link)
		return nil
	}
	for _, k := range p.again {
		if k.told == quarantine.ToldByReply {
			if err := add(k.Tx, k.Time, k.Expires); err != nil {
				return nil, err
			}
		}
	}
	for _, h := range p.commit.Held {
		if h.Told == quarantine.ToldByReply {
			if err := add(h.Tx, h.Time, h.Expires); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// announce counts what senders hear of what was held now, and wakes who sends notices.
func (t *Transaction) announce(c *Commit) {
	kinds := map[quarantine.Told]bool{}
	for _, h := range c.Held {
		kinds[h.Told] = true
	}
	delete(kinds, quarantine.ToldNothing)
	if len(c.Again) > 0 && len(c.Held) == 0 {
		kinds["same"] = true
	}
	for kind := range kinds {
		t.in.Observer.Told(strings.TrimPrefix(string(kind), string(quarantine.Untold(""))))
	}
	if kinds[quarantine.ToldDue] && t.in.Notices != nil {
		t.in.Notices.Wake()
	}
}
