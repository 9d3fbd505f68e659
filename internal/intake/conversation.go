package intake

import (
	"context"

	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/pipeline"
)

// A Conversation is one SMTP connection. The gate is walked once for it, as far
// as the client has come, and on from there for each of its transactions. The
// edge calls it from one goroutine at a time.
type Conversation struct {
	in       *Intake
	policies *Policies
	tx       *pipeline.Transaction // of the gate, at Connect or Helo
	gate     *pipeline.Walk
	relay    bool      // the client is one of ours; see Intake.trusts
	listed   bool      // its address is a sender's; see Intake.isListed
	put      int       // transactions that the gate has put off
	empty    int       // transactions that ended without a recipient
	last     mail.Path // the last one's sender
}

// Connect judges a new connection. The Conversation is to be closed also where the
// verdict is not OK.
func (in *Intake) Connect(ctx context.Context, c mail.Client) (*Conversation, mail.Verdict) {
	p := in.Policies()
	conv := &Conversation{in: in, policies: p, gate: pipeline.NewWalk(p.Gate, mail.Null, true)}
	// ctx is this answer's; what the transaction looks up may go on between answers.
	conv.relay = in.trusts(c.Addr)
	conv.listed = !conv.relay && in.isListed(c)
	conv.tx = pipeline.NewTransaction(context.WithoutCancel(ctx), mail.NewID(in.Now()), in.Now(), c, in.lists())
	if in.Histories != nil && !conv.relay && !c.Users && !c.Addr.IsLoopback() {
		open, left := in.Histories.Arrived(c.Addr)
		conv.tx.Open = open
		conv.tx.AtClose(left)
	}
	return conv, conv.advance(ctx)
}

func (in *Intake) lists() *lists {
	return &lists{Snapshot: in.Directory.Snapshot(), hit: in.Directory.Hit}
}

// Helo judges the client's name. A second HELO, as after STARTTLS, only changes
// what later transactions know of the client.
func (c *Conversation) Helo(ctx context.Context, client mail.Client) mail.Verdict {
	c.tx = c.tx.WithHelo(client)
	return c.advance(ctx)
}

func (c *Conversation) advance(ctx context.Context) mail.Verdict {
	if c.relay || c.listed { // the gate is for strangers
		return mail.Verdict{}
	}
	if err := c.gate.Advance(ctx, c.tx); err != nil {
		return mail.Verdict{Answer: mail.Busy}
	}
	v := gateVerdict(c.gate)
	if v.Answer != mail.OK {
		d := c.gate.Decision
		c.in.observe(c.gate)
		c.in.Observer.Transaction("gate", 0)
		c.in.Log.Info("connection refused", "id", c.tx.ID, "client", c.tx.Client.Addr, "helo", c.tx.Client.Helo,
			"filter", d.Entry, "reason", d.Reason, "action", d.Action.String())
		v.ID = c.tx.ID
	}
	return v
}

// gateVerdict is what the gate says so far: without an ending, OK.
func gateVerdict(w *pipeline.Walk) mail.Verdict {
	switch w.Decision.Action {
	case pipeline.Reject:
		return told(mail.Shut, w.Decision)
	case pipeline.Defer, pipeline.Discard:
		return told(mail.Busy, w.Decision)
	}
	return mail.Verdict{}
}

// Close gives up what the gate still asks. Transactions that asked for nobody are told of
// here, together: they come cheap, and would fill log and journal.
func (c *Conversation) Close() {
	c.tx.Close()
	if c.empty > 0 {
		client := c.tx.Client
		c.in.Log.Info("transactions without a recipient", "id", c.tx.ID, "client", client.Addr, "helo", client.Helo,
			"transactions", c.empty, "last_from", c.last)
	}
}

// Mail begins a transaction. Where the verdict is not OK there is none, and what
// led to it is in the journal. What the gate says against it at this stage is the answer
// to each RCPT, so that the journal names for whom it was: the recipients' admins can
// see it.
func (c *Conversation) Mail(ctx context.Context, client mail.Client, from mail.Path, p mail.Params) (*Transaction, mail.Verdict) {
	in := c.in
	now := in.Now()
	snapshot := in.lists()
	t := &Transaction{in: in, conv: c, policies: c.policies, snapshot: snapshot.Snapshot, began: now, gate: c.gate.Fork()}
	t.tx = pipeline.NewTransaction(context.WithoutCancel(ctx), mail.NewID(now), now, client, snapshot).WithHelo(client).WithMail(from, p)
	if !mayLogIn(snapshot.Snapshot, client.Login) {
		return nil, t.refuse(mail.Verdict{Answer: mail.NotYours, ID: t.ID(), Reason: string(client.Login) + " may not log in any more"})
	}
	switch how, err := in.identity(ctx, snapshot.Snapshot, client.Login, from); {
	case err != nil:
		return nil, t.fail(mail.Verdict{Answer: mail.Failed, ID: t.ID()}, err)
	case how == mailbox.NoSending:
		return nil, t.refuse(notYours(t.ID(), client.Login, from))
	}
	t.tx = t.tx.WithMail(bounces(snapshot.Snapshot, client.Login, from), p)
	if v := in.allowed(client.Login, t.ID()); v.Answer != mail.OK {
		return nil, t.refuse(v)
	}
	if c.relay {
		t.relay = client.Addr
	}
	if client.Login.IsNull() && !c.relay { // a log-in has proven itself: the gate is for strangers
		if err := t.gate.Advance(ctx, t.tx); err != nil {
			return nil, t.refuse(mail.Verdict{Answer: mail.Failed, ID: t.ID(), Reason: "no time left"})
		}
	}
	t.shut = c.late(gateVerdict(t.gate))
	return t, mail.Verdict{ID: t.ID()}
}

// maxPut is how many transactions of a connection the gate puts off; then it is closed,
// since what is put off costs a client nothing.
const maxPut = 5

// late is the gate's verdict on a transaction: one that is put off in other words than 421
// leaves the connection open.
func (c *Conversation) late(v mail.Verdict) mail.Verdict {
	if v.Answer != mail.Busy || v.Reply.Code == 0 || v.Reply.Code == 421 {
		return v
	}
	if c.put++; c.put <= maxPut {
		v.Answer = mail.Deferred
	} else {
		v.Reply = mail.Reply{}
	}
	return v
}
