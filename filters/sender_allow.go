package filters

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// senderAllow looks the reverse-path up in the allow lists of addresses and domains:
// global, the recipient domain's and the mailbox's. Since anybody can write any
// reverse-path, it takes effect only where the sender's domain is authenticated: by SPF,
// or by a DKIM signature of the same organisation, for which it waits for the content;
// a client that has logged in is authenticated, too. `require_auth: false` believes
// the reverse-path as it stands. An entry that names the network that the sender's mail
// comes from asks for no other proof.
type senderAllow struct {
	resolver    Resolver
	requireAuth bool
}

type senderAllowOptions struct {
	RequireAuth bool `setting:"require_auth" doc:"allow only senders whose domain is authenticated by SPF or an aligned DKIM signature"`
}

func senderAllowKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "sender-allow", Stage: pipeline.Mail, Scope: pipeline.PerRecipient, Waits: true, Timeout: spfLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "allowed", Effect: "accept", Doc: "the sender is allowed, and it is he"},
			{Word: "unauthenticated", Effect: "none", Doc: "the sender is allowed, but nothing proves that it is he"},
			{Word: "none", Effect: "none", Doc: "the sender is in no allow list"},
			{Word: "temperror", Effect: "none", Doc: "the sender is allowed, but the DNS did not answer whether it is he"},
		},
		Options: func() any { return &senderAllowOptions{RequireAuth: true} },
		New: func(options any) (pipeline.Filter, error) {
			return senderAllow{d.Resolver, options.(*senderAllowOptions).RequireAuth}, nil
		},
	}
}

// Check implements pipeline.Filter.
func (s senderAllow) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	sender := q.Tx.Envelope.ReversePath
	if sender.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	l, listed := listing(q, pipeline.Subject{Sender: sender}, true)
	how, wait, err := "", false, error(nil)
	if listed {
		how, wait, err = s.authenticated(ctx, q.Tx)
	}
	if how != "" {
		return senderAllowed(sender, l, how), nil
	}
	if l, ok := listing(q, pipeline.Subject{Sender: sender, Client: q.Tx.Client.Addr}, true); ok {
		return senderAllowed(sender, l, "client network"), nil
	}
	switch {
	case !listed:
		return pipeline.Finding{Result: "none"}, nil
	case wait:
		return pipeline.Finding{Wait: true}, nil
	case err != nil:
		return pipeline.Finding{}, err
	}
	f := byList("unauthenticated", "sender "+string(sender), l)
	f.Reason = fmt.Sprintf("%s is allowed, but neither SPF nor an aligned DKIM signature proves that the message is from there", sender)
	return f, nil
}

func senderAllowed(sender mail.Path, l pipeline.Listing, how string) pipeline.Finding {
	f := byList("allowed", "sender "+string(sender), l)
	f.Evidence = append(f.Evidence, pipeline.Evidence{Key: "authenticated", Value: how})
	return f
}

// authenticated says how the reverse-path's domain is proven, "" if it is not, and
// whether that can't be told before the content is in.
func (s senderAllow) authenticated(ctx context.Context, tx *pipeline.Transaction) (how string, wait bool, err error) {
	if !s.requireAuth {
		return "not asked for", false, nil
	}
	how, _, wait, err = Proof{s.resolver}.find(ctx, tx)
	return how, wait, err
}

// Record implements pipeline.Recorder: it counts the hit.
func (senderAllow) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if id, ok := listed(f); ok && f.Result == "allowed" {
		q.Tx.Lists.Hit(id)
	}
	return nil
}
