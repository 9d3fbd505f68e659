package intake

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A Collected message was fetched from an account elsewhere. Its client is gone: nothing can be
// refused, and no report goes to a sender who was told long ago that it is delivered.
type Collected struct {
	Server netip.Addr // that it was fetched from
	With   string     // the protocol, as the Received field names it: POP3S
	Token  string     // by which the message is known if it is fetched again from here

	To       []mail.Path // whom the other server's header names
	Fallback mail.Path   // who gets it where none of those has a mailbox

	// Hops and Networks are where the client is found in the Received fields: see collector.Settings.
	Hops     int
	Networks []netip.Prefix
	// Unvouched says that the owner of a mailbox chose the server. What it wrote of the client is not believed: he could
	// make up clients whose mail SPF and DMARC let pass, and who are judged by it.
	Unvouched bool

	Mark collector.Mark // committed with the message
}

// Collect judges a fetched message by its recipients' policies, as what a relay of ours brings
// (trusted_relays), and keeps it. The verdict is OK where the message and its mark are durable.
// Refused: no recipient takes it, for good; others of the kind are Loop and Malformed. With all else
// nothing happened, and it may be tried again.
func (in *Intake) Collect(ctx context.Context, c Collected, m *mail.Message) mail.Verdict {
	now := in.Now()
	snapshot, policies := in.lists(), in.Policies()
	client := mail.Client{Addr: mail.Unmap(c.Server), ESMTP: true, Relayed: true}
	t := &Transaction{
		in: in, conv: &Conversation{in: in, policies: policies}, policies: policies, snapshot: snapshot.Snapshot, began: now,
		gate: pipeline.NewWalk(policies.Gate, mail.Null, true), relay: client.Addr, collected: &c,
	}
	t.tx = pipeline.NewTransaction(context.WithoutCancel(ctx), mail.NewID(now), now, client, snapshot).
		WithHelo(client).WithMail(returnPath(m), mail.Params{Size: m.Size()})
	if v := t.address(ctx, c); v.Answer != mail.OK {
		t.finish(v, v.Answer.String())
		return v
	}
	return t.Data(ctx, m, t.fetched(c))
}

// address names the recipients. A mailbox that can't take the message now has all of it wait; an
// address that does not exist, or takes nothing more, leaves it to the others, or to the fallback.
func (t *Transaction) address(ctx context.Context, c Collected) mail.Verdict {
	for _, to := range c.To {
		if v := t.Rcpt(ctx, to, mail.RcptParams{}); v.Answer != mail.OK && !gone(v.Answer) {
			return v
		}
	}
	if len(t.rcpts) > 0 {
		return mail.Verdict{ID: t.ID()}
	}
	v := t.Rcpt(ctx, c.Fallback, mail.RcptParams{})
	if gone(v.Answer) { // the mailbox may come back
		v.Answer = mail.Failed
	}
	return v
}

// gone reports whether an answer says that there is nobody to take the message.
func gone(a mail.Answer) bool {
	return a == mail.NoSuchMailbox || a == mail.NoRelay || a == mail.MailboxClosed || a == mail.Refused
}

// returnPath is the reverse-path that the other server has noted (RFC 5321 §4.4), null where none
// can be read: mail is never sent to it for sure.
func returnPath(m *mail.Message) mail.Path {
	p, err := mail.ParsePath(trimBrackets(m.Header().Get("Return-Path")))
	if err != nil {
		return mail.Null
	}
	return p
}

// fetched is the Received field of the last step. What follows "with" tells POP3 and IMAP from
// mail that came (RFC 3848 has no words for them).
func (t *Transaction) fetched(c Collected) []byte {
	literal := "[" + c.Server.String() + "]"
	if c.Server.Is6() {
		literal = "[IPv6:" + c.Server.String() + "]"
	}
	text := "from " + literal + " by " + t.in.Config.Hostname + " with " + c.With + " id " + t.ID()
	if len(t.rcpts) == 1 {
		text += " for <" + t.rcpts[0].path.String() + ">"
	}
	return mail.AppendStructured(nil, "Received", text+"; "+t.tx.Time.UTC().Format(time.RFC1123Z))
}

// client finds who handed a fetched message to the account's provider. With Hops that is who the last
// field names which the provider has written; else the first address that means something in the
// whole Internet and is none of the provider's networks.
func (c *Collected) client(m *mail.Message) (mail.Client, bool) {
	if c.Unvouched {
		return mail.Client{}, false
	}
	fields := m.Header().All("Received")
	if c.Hops > 0 {
		if len(fields) < c.Hops {
			return mail.Client{}, false
		}
		addr, helo := receivedFrom(fields[c.Hops-1])
		return mail.Client{Addr: mail.Unmap(addr), Helo: helo, ESMTP: true}, addr.IsValid()
	}
	for _, f := range fields[:min(len(fields), maxTrace)] {
		addr, helo := receivedFrom(f)
		if addr = mail.Unmap(addr); addr.IsValid() && !private(addr) && !c.trusts(addr) {
			return mail.Client{Addr: addr, Helo: helo, ESMTP: true}, true
		}
		if !addr.IsValid() { // from here on anybody may have written it
			return mail.Client{}, false
		}
	}
	return mail.Client{}, false
}

func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

func (c *Collected) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(c.Networks, func(n netip.Prefix) bool { return n.Contains(a) })
}
