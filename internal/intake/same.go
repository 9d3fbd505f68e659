package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/quarantine"
	"gatepost/quarantine/challenge"
)

// ErrSame: what was known of the same message when the answer was found does not hold any
// more, since it came at the same moment from elsewhere, or somebody released it. Nothing
// was written, and the answer is to be found again.
var ErrSame = errors.New("intake: the same message was dealt with in the meantime")

// A Known is a held message by which the same one that comes again is known.
type Known struct {
	ID      string           // of the held message
	Tx      string           // the transaction's that brought it
	Origin  string           // challenge.Origin, "" where it had none
	Time    time.Time        // when it was held
	Expires time.Time        // when the hold ends
	State   quarantine.State // "" where its row is gone
}

// SameGiven stands before the transaction, in Known.ID, of what is remembered since it was
// delivered, and is its State.
const SameGiven = "delivered "

// Sames remembers held messages by challenge.Key, and delivered ones that may come twice.
type Sames interface {
	// Heard reports whether anything is remembered with that challenge.Origin.
	Heard(ctx context.Context, origin string) (bool, error)
	// Same returns what is remembered, by key, however old.
	Same(ctx context.Context, keys []string) (map[string]Known, error)
}

// An Again is a held message that came once more, which has no row of its own.
type Again struct {
	ID   string          // it must be held still
	Told quarantine.Told // what its sender hears of it now; "": as before
}

// An End is a hold that ends since the same message is delivered now.
type End struct {
	ID  string // it must be held still
	Act quarantine.Act
}

// again is an Again with what its link is made of.
type again struct {
	Known
	told quarantine.Told
}

// recognize finds out for which recipients the message is one that is held already, or
// was released: its server tries again, another MX brings it, its author sends it anew.
// Only what would be held as spam, or delivered, is asked about, in domains that challenge.
// Where some policy has strangers come again (greylisting), what is delivered is asked about,
// too, by whatever policy: a client may bring to all what one recipient's answer told it to
// bring again.
func (t *Transaction) recognize(ctx context.Context, m *mail.Message) error {
	t.known, t.unheard = nil, ""
	for _, r := range t.rcpts {
		r.has, r.ends, r.keys, r.same, r.fresh = nil, nil, nil, nil, false
	}
	if t.in.Sames == nil {
		return nil
	}
	t.origin = challenge.Origin(t.tx.Envelope.ReversePath, m.Header().Get("Message-ID"))
	asked, heard := false, false
	var keys []string
	for _, r := range t.rcpts {
		o, ok := t.alone(r)
		if ok && o == mail.Delivered && !asked {
			var err error
			if asked = true; t.origin != "" { // the cheap question first: mostly it is the only one
				if heard, err = t.repeats(ctx); err != nil {
					return fmt.Errorf("intake: same message: %w", err)
				}
			}
		}
		if !ok || o == mail.Delivered && !heard && !t.mayRepeat(r) {
			continue
		}
		if err := t.name(r, m); err != nil {
			return err
		}
		for _, k := range r.keys {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	var err error
	if t.known, err = t.in.Sames.Same(ctx, keys); err != nil {
		return fmt.Errorf("intake: same message: %w", err)
	}
	for _, r := range t.rcpts {
		t.compare(r)
	}
	return nil
}

// repeats reports whether something is remembered with the message's origin. Mostly there is nothing, and
// the commit finds that out for less than a question of its own costs: so it is taken for granted, unless
// the commit has found something, or must not fail since others may have the message by then.
func (t *Transaction) repeats(ctx context.Context) (bool, error) {
	if t.twice || slices.ContainsFunc(t.rcpts, func(r *recipient) bool { return len(r.remotes) > 0 }) {
		return t.in.Sames.Heard(ctx, t.origin)
	}
	t.unheard = t.origin
	return false, nil
}

// alone is what would become of a recipient's message, mail.Held or mail.Delivered, were
// it for nobody else; false where it is neither, or nobody is to be told.
func (t *Transaction) alone(r *recipient) (mail.Outcome, bool) {
	if !t.challenges(r) && !t.policies.repeat() || !t.tx.Client.Login.IsNull() {
		return 0, false
	}
	e := t.ending(r)
	outcomes, _ := pipeline.Settle([]pipeline.Ending{e})
	switch o := r.away(outcomes[0]); o {
	case mail.Held, mail.HeldTold:
		return mail.Held, e.Decision.Action == pipeline.Spam && t.challenges(r)
	case mail.Delivered, mail.Queued:
		return mail.Delivered, e.Decision.Action != pipeline.Spam
	}
	return 0, false
}

// mayRepeat reports whether what is delivered to a recipient may come again: it came again
// already, or another recipient of the transaction was told to have it brought again.
func (t *Transaction) mayRepeat(r *recipient) bool {
	deferred := func(o *recipient) bool { return o.walk != nil && o.walk.Decision.State != "" }
	return t.origin != "" && (r.walk.Again || slices.ContainsFunc(t.refused, deferred))
}

// give remembers what is delivered to a recipient's mailboxes and may come again, unless
// something else is remembered in its place. What goes elsewhere may yet be refused there, and
// sent anew.
func (p *plan) give(r *recipient) {
	if !p.t.mayRepeat(r) {
		return
	}
	for box, key := range r.keys {
		if box <= 0 {
			continue
		}
		if k, ok := p.t.recent(key); ok && k.State != "" || slices.Contains(p.commit.Given, key) {
			continue
		}
		p.commit.Given, p.commit.Origin = append(p.commit.Given, key), p.t.origin
		p.commit.saw(key, p.t.known[key].ID)
	}
}

// name gives a recipient the keys of all places where the message could be held for him.
func (t *Transaction) name(r *recipient, m *mail.Message) error {
	if t.content == nil {
		c, err := challenge.Hash(m)
		if err != nil {
			return fmt.Errorf("intake: %w", err)
		}
		t.content = &c
	}
	r.keys = map[int64]string{}
	for _, box := range r.places() {
		to := fmt.Sprintf("box %d", box)
		if box <= 0 {
			to = fmt.Sprintf("%s %d", r.path.Fold(), box)
		}
		r.keys[box] = challenge.Key(t.tx.Envelope.ReversePath, to, *t.content)
	}
	return nil
}

// places are where a recipient's mail is held: mailboxes, or what stands for others.
func (r *recipient) places() (list []int64) {
	for _, b := range r.boxes {
		if !r.way.Copied(b.ID) {
			list = append(list, b.ID)
		}
	}
	switch {
	case len(list) == 0 || len(list) > maxDirect:
		return []int64{quarantine.Anywhere}
	case slices.ContainsFunc(r.remotes, strays):
		list = append(list, quarantine.Elsewhere)
	}
	return list
}

// compare notes what a recipient has of the message: what was released to him, and, where
// it is delivered now, what is held and needs no release any more. Both must be the very
// same by their Message-ID, since two mails may well say the same, and the second would be
// lost. A resend of what is held still needs no such proof: the held one stands for it.
func (t *Transaction) compare(r *recipient) {
	if r.keys == nil {
		return
	}
	o, _ := t.alone(r)
	for box, key := range r.keys {
		k, ok := t.recent(key)
		if !ok || k.Origin != t.origin {
			continue
		}
		switch {
		case k.State == quarantine.StateReleased || k.State == SameGiven:
			if r.has == nil {
				r.has = map[int64]Known{}
			}
			r.has[box] = k
		case o == mail.Delivered && k.State == quarantine.StateHeld:
			r.ends = append(r.ends, k)
		}
	}
}

// recent returns what is known by a key, where it is not too old to be the same.
func (t *Transaction) recent(key string) (Known, bool) {
	k, ok := t.known[key]
	return k, ok && t.tx.Time.Sub(k.Time) < t.in.config().SameWithin
}

// hasAll reports whether a recipient has the message wherever it would go.
func (r *recipient) hasAll() bool { return len(r.has) > 0 && len(r.has) == len(r.keys) }

// hasCopy reports whether what would be sent on has gone there before, with the release of
// what was held for a mailbox, or for elsewhere.
func (r *recipient) hasCopy(to directory.Remote) bool {
	place := to.CopyOf
	if strays(to) {
		place = quarantine.Elsewhere
	}
	_, has := r.has[place]
	return has
}

// without leaves out the mailboxes that have the message.
func (r *recipient) without(boxes []directory.Mailbox) []directory.Mailbox {
	if len(r.has) == 0 {
		return boxes
	}
	return slices.DeleteFunc(slices.Clone(boxes), func(b directory.Mailbox) bool {
		_, has := r.has[b.ID]
		_, copied := r.has[r.way.CopyOf(b.ID)] // with that mailbox's release
		return has || copied
	})
}

// holdAt holds a message for one place of a recipient, unless the same is held there, or
// was released from there.
func (p *plan) holdAt(r *recipient, box int64, view mail.View) {
	t := p.t
	key := r.keys[box]
	if _, has := r.has[box]; has {
		return
	}
	if k, ok := t.recent(key); ok && key != "" && k.State == quarantine.StateHeld && k.Expires.After(t.tx.Time.Add(lastHour)) {
		told := t.told(r)
		if told != quarantine.ToldByReply {
			told = ""
		}
		p.again = append(p.again, again{k, told})
		p.commit.Again = append(p.commit.Again, Again{k.ID, told})
		r.same = append(r.same, k)
		return
	}
	h := t.held(r, box, view, p.m)
	if h.Same = key; key != "" {
		p.commit.Origin = t.origin
		p.commit.saw(key, t.known[key].ID)
	}
	p.commit.Held = append(p.commit.Held, h)
	r.fresh = true
}

// heldAgain gives those their outcome for whom nothing new is held: what becomes of the
// message is told where it was held first, and the journal names that. Whose hold ends has
// it by another recipient.
func (t *Transaction) heldAgain() {
	for _, r := range t.rcpts {
		switch {
		case r.fresh || r.outcome != mail.Held && r.outcome != mail.HeldTold:
		case len(r.same) > 0:
			r.outcome = mail.HeldAgain
		case len(r.ends) > 0:
			r.outcome = mail.Duplicate
		}
	}
}

// lastHour is how long before its end a hold is no place any more for what comes again.
const lastHour = time.Hour

// saw notes what was remembered by a key when the commit was planned.
func (c *Commit) saw(key, held string) {
	if held == "" {
		return
	}
	if c.Saw == nil {
		c.Saw = map[string]string{}
	}
	c.Saw[key] = held
}

// end plans the end of the holds that a delivery makes needless.
func (p *plan) end(r *recipient) {
	for _, k := range r.ends {
		if slices.ContainsFunc(p.commit.Ends, func(e End) bool { return e.ID == k.ID }) {
			continue
		}
		who := "the same message, taken as " + p.t.ID()
		p.commit.Ends = append(p.commit.Ends, End{k.ID, quarantine.Act{Who: who, What: quarantine.StateReleased, When: p.t.tx.Time}})
	}
}

// onlyEnds leaves those holds that the plan ends to that alone: where two recipients lead to
// one mailbox, what the one would have held still the other delivers there.
func (p *plan) onlyEnds() {
	ends := func(id string) bool {
		return slices.ContainsFunc(p.commit.Ends, func(e End) bool { return e.ID == id })
	}
	p.commit.Again = slices.DeleteFunc(p.commit.Again, func(a Again) bool { return ends(a.ID) })
	p.again = slices.DeleteFunc(p.again, func(a again) bool { return ends(a.ID) })
	for _, r := range p.t.rcpts {
		var still []Known
		for _, k := range r.same {
			if ends(k.ID) {
				r.ends = append(r.ends, k)
			} else {
				still = append(still, k)
			}
		}
		r.same = still
	}
}

// sameIDs are the held messages of which this one is the same.
func (t *Transaction) sameIDs() string {
	var ids []string
	for _, r := range t.rcpts {
		for _, k := range slices.Concat(slices.Collect(maps.Values(r.has)), r.same, r.ends) {
			ids = append(ids, strings.TrimPrefix(k.ID, SameGiven))
		}
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), ",")
}

// sameEvidence is what the journal says of a message that came before, as one more step.
func (r *recipient) sameEvidence() (steps []journal.Step) {
	say := func(result, id, what string) {
		steps = append(steps, journal.Step{Entry: "same", Filter: "same", Result: result, Effect: "none", Reason: "the same message " + what + " " + id})
	}
	for _, k := range r.has {
		if k.State == SameGiven {
			say("delivered", k.Tx, "was delivered before, as")
			continue
		}
		say("delivered", k.ID, "was released before, held as")
	}
	for _, k := range r.same {
		say("held", k.ID, "is held already as")
	}
	for _, k := range r.ends {
		say("ended", k.ID, "was held until now as")
	}
	return steps
}
