package intake

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// maxDirect is how many mailboxes get their copy in the accepting commit. Others
// get theirs after the answer, from the queue.
const maxDirect = 50

// A plan is what is to follow from a message, while it is gathered. It says
// nothing of where the content is: that may not be known yet.
type plan struct {
	t        *Transaction
	m        *mail.Message
	received []byte

	commit   *Commit
	filled   map[place]bool
	direct   int                              // mailboxes in the commit
	looks    map[string]int                   // how messages are served: their prefixes, numbered
	messages map[look]*queue.Message          // that are carried on
	sent     map[[2]mail.Path]*queue.Transfer // by reverse-path and address
	of       map[*queue.Transfer][]*recipient // whose they are
	marks    map[mail.Path][]byte             // the message in the ledger of what was sent, by reverse-path
	later    map[*recipient]bool              // those with mailboxes that get their copy from the queue
	again    []again                          // what came before and is held still
	whose    []copyOf                         // the deliveries are, as they were planned
	drafts   []draft                          // what mailboxes' rules have written

	signatures map[string][]byte // of copies, by what they differ in
}

// A look is what transfers have in common that share a message.
type look struct {
	sender mail.Path
	prefix int
	list   bool // the sender is a list's owner, who asked for nothing (RFC 3461 §5.2.7.2)
}

// A place is a folder of a mailbox, or its quarantine, which no folder's name can stand for.
type place struct {
	box    int64
	folder string
	held   bool
}

// plan gathers what each recipient's outcome asks for, once the rules of domains have had their say about it. A mailbox
// that is reached by two of the recipients gets one copy in each folder, and is held one.
func (t *Transaction) plan(ctx context.Context, m *mail.Message, received []byte) (*plan, error) {
	p := &plan{
		t: t, m: m, received: received, commit: &Commit{}, filled: map[place]bool{}, looks: map[string]int{},
		messages: map[look]*queue.Message{}, sent: map[[2]mail.Path]*queue.Transfer{}, of: map[*queue.Transfer][]*recipient{},
		later: map[*recipient]bool{}, marks: map[mail.Path][]byte{}, signatures: map[string][]byte{},
	}
	if err := t.orders(ctx, p); err != nil {
		return nil, err
	}
	for _, r := range t.rcpts {
		switch r.outcome {
		case mail.Delivered, mail.Queued:
			p.end(r)
			p.deliver(r, "")
			if r.order.goesOn() {
				p.carry(ctx, r)
			}
			p.give(r)
		case mail.Tagged:
			p.deliver(r, "")
			p.holdStrays(r)
		case mail.Junked:
			p.deliver(r, `\Junk`)
			p.holdStrays(r)
		case mail.Held, mail.HeldTold:
			p.hold(r)
		}
	}
	p.copies(ctx)
	p.onlyEnds()
	return p, nil
}

// deliver gives copies to a recipient's mailboxes: in the folder that the policy has for it, unless rules of his domain say
// otherwise, and in those that they add.
func (p *plan) deliver(r *recipient, folder string) {
	for _, f := range r.order.folders {
		p.deliverInto(r, f, true)
	}
	if r.order.keep {
		p.deliverInto(r, folder, false)
	}
}

// deliverInto gives a copy to a recipient's mailboxes: in the commit, or, where they
// are too many for that, by one row of the queue.
func (p *plan) deliverInto(r *recipient, folder string, filed bool) {
	boxes := r.without(r.boxes)
	if r.outcome != mail.Delivered && r.outcome != mail.Queued { // spam is not copied on
		boxes = slices.DeleteFunc(slices.Clone(boxes), func(b directory.Mailbox) bool { return r.way.Copied(b.ID) })
	}
	for ids := p.fresh(boxes, place{folder: folder}); len(ids) > 0; { // by list owner; mostly there is none
		owner := r.way.Bounces[ids[0]]
		rest := slices.IndexFunc(ids, func(id int64) bool { return r.way.Bounces[id] != owner })
		if rest < 0 {
			rest = len(ids)
		}
		p.deliverTo(r, ids[:rest], filing{folder, filed}, owner)
		ids = ids[rest:]
	}
}

// deliverTo gives a copy to mailboxes that one list leads to, by its owner; or none, by null.
func (p *plan) deliverTo(r *recipient, boxes []int64, to filing, owner mail.Path) {
	sender := cmp.Or(owner, p.t.tx.Envelope.ReversePath)
	view := mail.BuildView(p.m, p.t.fields(r, sender, p.received), p.t.forged(), p.t.subject(r, p.m))
	boxes, full := r.withoutFull(boxes)
	if p.direct+len(boxes) > maxDirect || p.t.waits() {
		boxes, full = nil, append(boxes, full...)
	}
	if len(full) > 0 {
		tr := p.transfer(r, view, look{sender, p.look(view), !owner.IsNull()}, r.path, queue.Local)
		tr.Boxes, tr.Folder, tr.Filed = full, to.folder, to.filed
		p.asks(tr, r)
	}
	if len(boxes) == 0 {
		return
	}
	p.direct += len(boxes)
	served := view.Message(p.m)
	for _, box := range boxes {
		d := mailbox.Prepare(box, to.folder, served, p.t.tx.Time)
		d.View, d.Create = view, to.filed
		p.commit.Deliveries = append(p.commit.Deliveries, &d)
		p.whose = append(p.whose, copyOf{r, sender, to.filed})
	}
}

// asks gives a transfer to mailboxes what the sender wants to hear of it. A list is a sender of its
// own; that it has the message is told with the commit.
func (p *plan) asks(tr *queue.Transfer, r *recipient) {
	if p.ofList(tr, r) {
		return
	}
	tr.Params, tr.Hold = p.t.wishes(r), p.t.disproven(r) || p.t.tx.Envelope.ReversePath.IsNull()
	if p.later[r] { // one report for all of them
		tr.Params = silentSuccess(tr.Params)
	}
	p.later[r] = true
}

// ofList reports whether a transfer to mailboxes comes from a list here.
func (p *plan) ofList(tr *queue.Transfer, r *recipient) bool {
	return !r.way.Bounces[tr.Boxes[0]].IsNull()
}

// fresh returns those mailboxes that have nothing yet in a place, which is of no box so far.
func (p *plan) fresh(boxes []directory.Mailbox, to place) (ids []int64) {
	for _, box := range boxes {
		if to.box = box.ID; !p.filled[to] {
			p.filled[to] = true
			ids = append(ids, box.ID)
		}
	}
	return ids
}

// hold keeps a row for each of a recipient's mailboxes, with which go its copies, and
// one for what goes elsewhere; or, where the mailboxes are too many, one for all. What
// has no mailbox finds out again, at its release, where it leads.
func (p *plan) hold(r *recipient) {
	own := slices.DeleteFunc(slices.Clone(r.boxes), func(b directory.Mailbox) bool { return r.way.Copied(b.ID) })
	view := mail.BuildView(p.m, p.t.onward(r, mail.Null, p.received), p.t.forged(), "")
	switch {
	case len(own) == 0 || len(own) > maxDirect: // then none of them has a place of its own
		p.holdAt(r, quarantine.Anywhere, view)
		return
	case slices.ContainsFunc(r.remotes, strays):
		p.holdAt(r, quarantine.Elsewhere, view)
	}
	view = mail.BuildView(p.m, p.t.fields(r, p.t.tx.Envelope.ReversePath, p.received), p.t.forged(), "")
	for _, box := range p.fresh(own, place{held: true}) {
		p.holdAt(r, box, view)
	}
}

// holdStrays holds what would be sent on of a message that a mailbox here gets as spam.
func (p *plan) holdStrays(r *recipient) {
	if slices.ContainsFunc(r.remotes, strays) {
		p.holdAt(r, quarantine.Elsewhere, mail.BuildView(p.m, p.t.onward(r, mail.Null, p.received), p.t.forged(), ""))
	}
}

// strays reports whether a copy that leaves is none of a mailbox here.
func strays(to directory.Remote) bool { return to.CopyOf == 0 }

// carry queues what goes to other servers. What a report says of it goes by the
// reverse-path that it leaves under.
func (p *plan) carry(ctx context.Context, r *recipient) {
	p.carryTo(ctx, r, slices.DeleteFunc(slices.Clone(r.remotes), r.hasCopy), mandate{})
}

// carryTo queues copies for other servers, by order of a domain's rules or by none.
func (p *plan) carryTo(ctx context.Context, r *recipient, remotes []directory.Remote, by mandate) {
	var view mail.View // the last one: a list's members are served the same
	var prefix int
	for i, to := range remotes {
		sender := p.t.in.leaves(p.t.snapshot, p.t.tx.Envelope.ReversePath, to)
		if !p.t.tx.Client.Login.IsNull() {
			sender = p.t.in.signedReturn(ctx, p.t.snapshot, sender, to, p.t.begins())
		}
		if tr := p.sent[[2]mail.Path{sender, to.Address}]; tr != nil {
			p.share(tr, r, to)
			continue
		}
		if i == 0 || remotes[i-1].By != to.By {
			subject := p.t.subject(r, p.m)
			view = mail.BuildView(p.m, p.t.onward(r, to.By, p.received), p.t.forged(), subject)
			view = p.signed(ctx, view, to.By.Domain(), subject)
			prefix = p.look(view)
		}
		tr := p.transfer(r, view, look{sender, prefix, !to.Bounces.IsNull()}, to.Address, p.t.in.Router.Destination(to.Address, cmp.Or(by.domain, p.t.by(r, to))))
		p.sent[[2]mail.Path{sender, to.Address}] = tr
		tr.Message.Mark = p.mark(sender)
		switch {
		case by.beside || by.domain != "" && p.t.tx.Envelope.ReversePath.IsNull(): // its sender knows nothing of it: what can't be brought there is held here
			tr.Params, tr.Hold = mail.RcptParams{Notify: mail.NotifyNever}, true
		case to.Bounces.IsNull():
			tr.Params, tr.Hold = p.t.wishes(r), p.t.disproven(r) || p.t.nobodys(to)
		}
		if by.domain == "" {
			tr.Teach = p.teaches(to)
			continue
		}
		if tr.Home = by.domain; !by.tells { // no other domain's admins see it, were it held
			tr.Params = silentSuccess(tr.Params)
		}
	}
}

// nobodys reports whether nobody would hear that an address of ours can't have its mail: what has no
// sender is held then. What only comes back to who had sent it through here is not.
func (t *Transaction) nobodys(to directory.Remote) bool {
	return t.tx.Envelope.ReversePath.IsNull() && (!to.By.IsNull() || to.Home != "")
}

// share makes a transfer another recipient's, too: the sender hears what either wants
// to have told.
func (p *plan) share(tr *queue.Transfer, r *recipient, to directory.Remote) {
	if slices.Contains(p.of[tr], r) {
		return
	}
	p.of[tr] = append(p.of[tr], r)
	tr.For = append(tr.For, r.path.Fold())
	if to.Bounces.IsNull() {
		tr.Params.Notify = tr.Params.Notify.Or(p.t.wishes(r).Notify)
	}
}

// waits reports whether the sender has the message wait (RFC 4865): then all of it goes by the
// queue, mailboxes here too.
func (t *Transaction) waits() bool { return t.tx.Envelope.Params.Release.After(t.tx.Time) }

// begins is when the message is first carried on.
func (t *Transaction) begins() time.Time {
	if t.waits() {
		return t.tx.Envelope.Params.Release
	}
	return t.tx.Time
}

// look numbers a view by its prefix, which may be long.
func (p *plan) look(v mail.View) int {
	n, known := p.looks[string(v.Prefix)]
	if !known {
		n = len(p.looks)
		p.looks[string(v.Prefix)] = n
	}
	return n
}

// by is the domain here that sends a recipient's mail to others.
func (t *Transaction) by(r *recipient, to directory.Remote) string {
	if to.By.IsNull() {
		return r.domain.Name
	}
	return to.By.Domain()
}

// wishes is what the sender wants to hear of a recipient. Success is told only to
// one who has proven to be the sender: others' addresses are not written to without
// need.
func (t *Transaction) wishes(r *recipient) mail.RcptParams {
	w := r.params
	if !t.proven(r) {
		return silentSuccess(w)
	}
	return w
}

// silentSuccess is the same wishes but for success.
func silentSuccess(w mail.RcptParams) mail.RcptParams {
	if w.Notify == mail.NotifySuccess {
		w.Notify = mail.NotifyNever
	}
	w.Notify &^= mail.NotifySuccess
	return w
}

// listParams are what a list asks for that sends a message on.
func listParams(m mail.Params) mail.Params {
	m.Return, m.EnvelopeID = "", ""
	return m
}

// transfer queues one recipient of a message, which it shares with those that are
// served the same.
func (p *plan) transfer(r *recipient, view mail.View, as look, to mail.Path, d queue.Destination) *queue.Transfer {
	m := p.messages[as]
	if m == nil {
		now := p.t.tx.Time
		m = &queue.Message{
			ID: mail.NewID(now), Tx: p.t.tx.ID, Sender: as.sender, View: view, Size: view.Size(p.m.Size()),
			Params: p.t.tx.Envelope.Params, Created: now, Expires: p.t.begins().Add(p.t.in.config().Lifetime),
			By: p.t.sentBy(),
		}
		if as.list {
			m.Params = listParams(m.Params)
		}
		p.messages[as] = m
	}
	tr := &queue.Transfer{Message: m, Recipient: to, For: []mail.Path{r.path.Fold()}, Home: r.domain.Name, Destination: d}
	p.commit.Transfers = append(p.commit.Transfers, tr)
	p.of[tr] = []*recipient{r}
	return tr
}

// stored tells all that refer to the content where it is.
func (c *Commit) stored(id blob.ID) {
	for _, d := range c.Deliveries {
		d.Blob = string(id)
	}
	for _, d := range c.Records {
		d.Blob = string(id)
	}
	for _, h := range c.Held {
		h.Blob = string(id)
	}
	for _, t := range c.Transfers {
		t.Message.Blob = string(id)
	}
}

// keeps reports whether the message has a place here, now or later: one that is
// discarded for all leaves a journal row alone.
func (c *Commit) keeps() bool {
	return len(c.Deliveries)+len(c.Held)+len(c.Transfers)+len(c.Records) > 0
}

// subject returns the new subject of a copy that is to be marked, or "".
func (t *Transaction) subject(r *recipient, m *mail.Message) string {
	if r.outcome != mail.Tagged && !r.marked {
		return ""
	}
	return t.in.config().SubjectMark + m.Header().Text("Subject")
}

func (t *Transaction) held(r *recipient, box int64, view mail.View, m *mail.Message) *quarantine.Held {
	d := r.walk.Decision
	return &quarantine.Held{
		ID: mail.NewID(t.tx.Time), Tx: t.tx.ID, Recipient: r.path, Box: box, Domain: r.domain.Name, DomainID: r.domain.ID,
		Sender: t.tx.Envelope.ReversePath, Client: t.tx.Client.Addr, Subject: clip(m.Header().Text("Subject")),
		Filter: d.Entry, Reason: d.Reason, Score: r.walk.Score, View: view, Size: view.Size(m.Size()),
		Time: t.tx.Time, Expires: t.tx.Time.Add(t.in.config().QuarantineFor), State: quarantine.StateHeld,
		Author: clip(strings.Join(strings.Fields(m.Header().Text("From")), " ")), Proof: t.sender.proof, Guarded: d.Guarded, Told: t.told(r),
		RequireTLS: t.tx.Envelope.Params.RequireTLS, By: t.sentBy(),
	}
}

// sentBy is the mailbox whose log-in sends the message; 0: none's.
func (t *Transaction) sentBy() int64 {
	m, _ := t.snapshot.Mailbox(t.tx.Client.Login) // none has the null path
	return m.ID
}

// reports are what senders are told of copies that are in their mailboxes with the
// commit. Reports about the others come from the queue.
func (p *plan) reports() (m *queue.Message, to []*queue.Transfer) {
	t := p.t
	m = &queue.Message{
		ID: t.tx.ID, Tx: t.tx.ID, Sender: t.tx.Envelope.ReversePath, Params: t.tx.Envelope.Params, Created: t.tx.Time,
		Expires: t.tx.Time.Add(time.Hour),
	}
	for _, r := range t.rcpts {
		if !p.later[r] && (r.outcome == mail.Delivered || r.outcome == mail.Junked || r.outcome == mail.Tagged) && t.wishes(r).Notify&mail.NotifySuccess != 0 {
			to = append(to, &queue.Transfer{Message: m, Recipient: r.path, Params: r.params, Destination: queue.Local})
		}
	}
	return m, to
}
