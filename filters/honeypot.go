package filters

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gatepost/internal/mail"
	"gatepost/internal/traffic"
	"gatepost/pipeline"
)

// honeypot knows addresses that nobody uses and nobody has given away, so that only those
// write to them who gathered or guessed them: the list of traps, and those that the entry
// names. What comes for one is taken and thrown away, so that its sender learns nothing; a
// journal row is all that stays. The client is banned for a while, but where the
// reverse-path is null (a report about mail that somebody forged is no offence), where
// the history of the client's network is good, and where the ban list knows better. An
// address that a mailbox or an alias here has is no trap, whoever listed it. Who is
// allowed above this entry never comes to it; other recipients of the same message go
// their own way.
type honeypot struct {
	traps   map[mail.Path]bool
	traffic *traffic.Traffic
	banner  Banner
}

type honeypotOptions struct {
	Addresses []string `setting:"addresses" doc:"traps beside those of the list (gatepost list add trap)"`
}

func honeypotKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "honeypot", Stage: pipeline.Rcpt, Scope: pipeline.PerRecipient, Unknown: true,
		Results: []pipeline.Result{
			{Word: "trap", Effect: "discard", Doc: "the recipient is a trap"},
			{Word: "mailbox", Effect: "none", Doc: "the entry names it as a trap, but somebody here has that address"},
			{Word: "none", Effect: "none", Doc: "it is none"},
		},
		Options: func() any { return &honeypotOptions{Addresses: []string{}} },
		New: func(options any) (pipeline.Filter, error) {
			h := honeypot{traps: map[mail.Path]bool{}, traffic: d.Traffic, banner: d.Banner}
			for _, s := range options.(*honeypotOptions).Addresses {
				p, err := mail.ParsePath(s)
				if err != nil || p.IsNull() {
					return nil, fmt.Errorf("addresses: %q is no address", s)
				}
				h.traps[p.Fold()] = true
			}
			return h, nil
		},
	}
}

// Check implements pipeline.Filter.
func (h honeypot) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if l, ok := h.listed(q); ok {
		return byList("trap", "recipient "+string(q.Recipient), l), nil
	}
	rcpt := q.Recipient.Fold()
	switch {
	case !h.traps[rcpt] && !h.traps[rcpt.Base()]:
		return pipeline.Finding{Result: "none"}, nil
	case q.Owned:
		return pipeline.Finding{Result: "mailbox", Reason: fmt.Sprintf("%s is named as a trap, but somebody has that address", q.Recipient)}, nil
	}
	return pipeline.Finding{Result: "trap", Reason: fmt.Sprintf("recipient %s is a trap", q.Recipient)}, nil
}

// Traps are those that the entry names, for who checks whether somebody has one.
func (h honeypot) Traps() []mail.Path { return slices.Sorted(maps.Keys(h.traps)) }

// listed finds the recipient in the list of traps, in which what somebody has is not found.
func (h honeypot) listed(q pipeline.Query) (pipeline.Listing, bool) {
	if q.Tx.Lists == nil {
		return pipeline.Listing{}, false
	}
	return q.Tx.Lists.Find(pipeline.Subject{Trap: q.Recipient}, q.Recipient)
}

// Record implements pipeline.Recorder: it counts the hit and bans the client, once a
// transaction.
func (h honeypot) Record(ctx context.Context, q pipeline.Query, f pipeline.Finding) error {
	if f.Result != "trap" {
		return nil
	}
	if l, ok := h.listed(q); ok {
		q.Tx.Lists.Hit(l.ID)
	}
	c := q.Tx.Client
	switch {
	case h.banner == nil, q.Tx.Envelope.ReversePath.IsNull(), !c.Login.IsNull(), c.Addr.IsLoopback(), h.traffic.Good(c.Addr):
		return nil
	case !q.Tx.First("honeypot: ban"):
		return nil
	}
	if err := h.banner.Impose(ctx, c.Addr, causeHoneypot, f.Reason); err != nil {
		return fmt.Errorf("honeypot: ban %s: %w", c.Addr, err)
	}
	return nil
}
