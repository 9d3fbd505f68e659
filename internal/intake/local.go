package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// A LocalStore writes what a transfer to mailboxes here leads to.
type LocalStore interface {
	// CommitLocal writes c and, in the same commit, takes the transfer out of the
	// queue, or leaves it there for the mailboxes that are left. It fails with
	// queue.ErrLost where the claim does not hold any more, and with ErrSame as Commit does, and
	// writes nothing then.
	CommitLocal(ctx context.Context, t *queue.Transfer, c *Commit, left []int64) error
}

// A Local delivers what waits in the queue for mailboxes here: mail for more
// mailboxes than the accepting commit takes, and what we write by ourselves. It
// implements queue.Carrier for queue.Local, and for domains that lived elsewhere when
// their mail was queued.
type Local struct {
	In    *Intake
	Store LocalStore
}

var _ queue.Carrier = Local{}

// Carry implements queue.Carrier.
func (l Local) Carry(ctx context.Context, job queue.Job) queue.Report {
	report := queue.Report{Results: make([]queue.Result, len(job.Transfers))}
	for i, t := range job.Transfers {
		report.Results[i] = l.result(l.carry(ctx, job, t), t)
	}
	return report
}

func (l Local) result(err error, t *queue.Transfer) queue.Result {
	switch {
	case err == nil:
		return queue.Result{Fate: queue.Carried, Settled: true, Reply: queue.Reply{Enhanced: "2.1.5", Text: "delivered here"}}
	case errors.Is(err, queue.ErrLost):
		return queue.Result{Fate: queue.Abandoned, Reply: queue.Reply{Enhanced: "2.1.5", Text: err.Error()}}
	case errors.Is(err, mailbox.ErrOverQuota): // RFC 3463 §3.3
		if l.In.Meter.Refuses() {
			return queue.Result{Fate: queue.Refused, Reply: queue.Reply{Enhanced: "5.2.2", Text: "the mailbox is full"}}
		}
		return queue.Result{Fate: queue.Deferred, Reply: queue.Reply{Enhanced: "4.2.2", Text: "the mailbox is full"}}
	case errors.Is(err, directory.ErrClosed):
		return queue.Result{Fate: queue.Refused, Reply: queue.Reply{Enhanced: "5.2.1", Text: "the mailbox is closed"}}
	case errors.Is(err, directory.ErrPost): // RFC 3463 §3.8
		return queue.Result{Fate: queue.Refused, Reply: queue.Reply{Enhanced: "5.7.2", Text: "this list does not take mail from the sender"}}
	case errors.Is(err, directory.ErrNoMailbox), errors.Is(err, directory.ErrNoDomain), errors.Is(err, directory.ErrTooMany):
		if t.Destination != queue.Local { // who moves a domain may not be done yet
			return queue.Result{Fate: queue.Deferred, Reply: queue.Reply{Enhanced: "4.1.1", Text: "the domain lives here now, and has no such mailbox"}}
		}
		return queue.Result{Fate: queue.Refused, Reply: queue.Reply{Enhanced: "5.1.1", Text: "there is no such mailbox"}}
	}
	l.In.Log.Error("not delivered to mailboxes here", "id", t.Message.Tx, "transfer", t.ID, "error", err)
	return queue.Result{Fate: queue.Deferred, Reply: queue.Reply{Enhanced: "4.3.0", Text: "local error"}}
}

// carry delivers in steps of maxDirect mailboxes, a commit each, so that others'
// mail waits only shortly and nobody gets a second copy after a crash.
func (l Local) carry(ctx context.Context, job queue.Job, t *queue.Transfer) error {
	to, err := l.leads(ctx, job, t)
	if err != nil {
		return err
	}
	boxes, full := to.boxes, []int64(nil)
	if !to.role {
		if boxes, full, err = l.withRoom(ctx, to.boxes, job.Message.Size); err != nil {
			return err
		}
	}
	unserved, why := slices.Concat(full, to.closed), unservedWhy(full, to.closed)
	if len(boxes)+len(to.onward) == 0 && why != nil {
		return why
	}
	for first := true; first || len(boxes) > 0; first = false {
		n := min(len(boxes), maxDirect)
		step := localStep{boxes: boxes[:n], owners: to.owners, left: slices.Concat(boxes[n:], unserved)}
		if first { // a row that is left names mailboxes alone
			step.onward = to.onward
		}
		if err := l.take(ctx, job, t, step); err != nil {
			return err
		}
		boxes = boxes[n:]
	}
	return why // the row is theirs now
}

// unservedWhy is why some mailboxes have no copy. While one may still get room the closed ones wait with
// it: what is told of them is told once.
func unservedWhy(full, closed []int64) error {
	switch {
	case len(full) > 0:
		return mailbox.ErrOverQuota
	case len(closed) > 0:
		return directory.ErrClosed
	}
	return nil
}

// A localStep is what one commit takes off a transfer.
type localStep struct {
	boxes  []int64
	owners map[int64]mail.Path // of the lists that lead to them
	onward []*queue.Transfer
	left   []int64 // for later commits
}

// take delivers one step. Where rules decided by what another message has changed in the meantime
// they are asked again.
func (l Local) take(ctx context.Context, job queue.Job, t *queue.Transfer, step localStep) error {
	wishes := t.Params
	for try := 1; ; try++ {
		c, sentBack, err := l.commit(ctx, job, t, step)
		if err != nil {
			return err
		}
		if t.Params = wishes; sentBack { // also for what is left: it did not reach all
			t.Params = silentSuccess(wishes)
		} else if len(step.left) == 0 && step.reaches(t, c) {
			if err := l.success(ctx, t, c); err != nil {
				return err
			}
		}
		err = l.Store.CommitLocal(ctx, t, c, step.left)
		if errors.Is(err, ErrSame) && try < maxTries {
			continue
		}
		if err != nil {
			return fmt.Errorf("intake: deliver transfer %d: %w", t.ID, err)
		}
		if len(step.left) > 0 { // what comes of it now is theirs alone: nobody is held what he has
			t.Boxes = step.left
		}
		l.In.wake(c)
		return nil
	}
}

// commit is what a step leads to, and whether its sender is told of a refusal.
func (l Local) commit(ctx context.Context, job queue.Job, t *queue.Transfer, step localStep) (c *Commit, sentBack bool, err error) {
	c = &Commit{}
	owner := mail.Null
	view, served := delivered(job, job.Message.Sender)
	for _, box := range step.boxes {
		if step.owners[box] != owner {
			owner = step.owners[box]
			view, served = delivered(job, cmp.Or(owner, job.Message.Sender))
		}
		d := mailbox.Prepare(box, t.Folder, served, l.In.Now())
		d.Blob, d.View = job.Message.Blob, view
		back, err := l.rule(ctx, c, job, t, arrival{&d, served, owner})
		if err != nil {
			return nil, false, err
		}
		sentBack = sentBack || back
	}
	c.Transfers = append(c.Transfers, step.onward...)
	return c, sentBack, nil
}

// reaches reports whether the step, the last one of its transfer, leaves the message with somebody, so
// that success can be told. What goes elsewhere tells of itself.
func (s localStep) reaches(t *queue.Transfer, c *Commit) bool {
	ofList := func(tr *queue.Transfer) bool { return tr.Judged.Proof == queue.OfList }
	return len(c.Deliveries) > 0 || len(t.Boxes) > 1 || slices.ContainsFunc(s.onward, ofList)
}

// delivered is how a message is served in a mailbox: with its reverse-path on top (RFC
// 5321 §4.4), which what was to go on, and what we write by ourselves, does not have.
func delivered(job queue.Job, sender mail.Path) (mail.View, *mail.Message) {
	view := job.Message.View
	for _, f := range job.Content.Header().Fields {
		if strings.EqualFold(f.Name, "Return-Path") {
			return view, job.Content
		}
		if !strings.EqualFold(f.Name, "X-Gatepost-Released") { // ours stands below that one, or first
			break
		}
	}
	path := mail.AppendStructured(nil, "Return-Path", "<"+string(sender)+">")
	view.Prefix = append(path, view.Prefix...)
	return view, mail.View{Prefix: path}.Message(job.Content)
}

// success adds the report to a sender who asked for it.
func (l Local) success(ctx context.Context, t *queue.Transfer, c *Commit) error {
	if t.Params.Notify&mail.NotifySuccess == 0 {
		return nil
	}
	notice, err := l.In.Reports.Delivered(ctx, t.Message, []*queue.Transfer{t})
	if notice != nil {
		c.Transfers = append(c.Transfers, notice)
	}
	return err
}

// A lead is where a transfer goes.
type lead struct {
	boxes  []int64
	closed []int64             // that it names, and that take no mail any more
	owners map[int64]mail.Path // of the lists that lead to mailboxes
	onward []*queue.Transfer
	role   bool // its recipient is postmaster or abuse: see room
}

// leads returns where a transfer goes: to the mailboxes that it names, else to where
// the directory says that its recipient's mail goes now.
func (l Local) leads(ctx context.Context, job queue.Job, t *queue.Transfer) (to lead, err error) {
	s := l.In.Directory.Snapshot()
	found, err := l.In.resolve(ctx, s, t.Message.Sender, t.Recipient) // a report may be for a sender whose mail we sent on
	to.role = found.Role
	if to.owners = found.Bounces; len(t.Boxes) > 0 { // whatever the directory says of their recipient now
		for _, id := range t.Boxes {
			if box, ok := s.Box(id); ok && box.State.Takes() {
				to.boxes = append(to.boxes, id)
			} else {
				to.closed = append(to.closed, id)
			}
		}
		return to, nil
	}
	if err != nil {
		return to, err
	}
	// Nobody asked before: a report, whose recipient a stranger's DNS names, or a bounce
	// to a sender who was forged.
	if err := found.Post(t.Message.Sender); err != nil {
		return to, err
	}
	for _, box := range found.Boxes {
		to.boxes = append(to.boxes, box.ID)
	}
	for _, remote := range found.Remotes {
		to.onward = append(to.onward, l.In.onwardTransfer(ctx, s, job, t, remote))
	}
	return to, nil
}

// onwardTransfer sends a queued message on for one more address.
func (in *Intake) onwardTransfer(ctx context.Context, s *directory.Snapshot, job queue.Job, t *queue.Transfer, to directory.Remote) *queue.Transfer {
	m := job.Message
	next := *m
	next.ID, next.Sender = mail.NewID(in.Now()), in.leaves(s, m.Sender, to)
	if submitted(in.ownFindings(job.Content)) {
		next.Sender = in.signedReturn(ctx, s, next.Sender, to, in.Now())
	}
	by := t.Recipient.Domain()
	if !to.By.IsNull() {
		by = to.By.Domain()
		above := mail.View{Prefix: mail.AppendStructured(nil, "Delivered-To", string(to.By))}
		next.View.Prefix = append(in.signed(ctx, s, above, job.Content, by).Prefix, m.View.Prefix...)
		next.Size += int64(len(next.View.Prefix) - len(m.View.Prefix))
	}
	tr := &queue.Transfer{
		Message: &next, Recipient: to.Address, For: t.For, Params: t.Params, Hold: t.Hold, Released: t.Released, Home: t.Home,
		Destination: in.Router.Destination(to.Address, by), Judged: t.Judged,
	}
	if !to.Bounces.IsNull() { // a list is a sender of its own
		next.Params, tr.Params, tr.Hold, tr.Judged.Proof = listParams(next.Params), mail.RcptParams{}, t.Released != "", queue.OfList
	}
	return tr
}

// wake tells those who wait of what a commit brought.
func (in *Intake) wake(c *Commit) {
	for _, d := range c.Deliveries {
		in.Waker.Notify(d.Box)
	}
	for _, h := range c.Held {
		if h.Box > 0 {
			in.Waker.Notify(h.Box)
		}
	}
	told := map[queue.Destination]bool{}
	wake := func(t *queue.Transfer) {
		if !told[t.Destination] {
			told[t.Destination] = true
			in.Queue.Wake(t.Destination)
		}
	}
	for _, t := range c.Transfers {
		wake(t)
	}
	for _, a := range c.Answers {
		wake(a.Transfer)
	}
}
