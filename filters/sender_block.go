package filters

import (
	"context"

	"gatepost/pipeline"
)

// senderBlock looks the reverse-path, and the authors in the From header, up in the
// block lists of addresses and domains: global, the recipient domain's and the
// mailbox's. An entry may name the network that the sender's mail comes from, too. No proof is asked for: who forges a blocked sender is blocked. It waits
// for the content only where the recipient is in the scope of a list that blocks an
// author, and the reverse-path is not blocked already.
type senderBlock struct{}

func senderBlockKind() pipeline.Kind {
	return pipeline.Kind{
		Name: "sender-block", Stage: pipeline.Mail, Scope: pipeline.PerRecipient,
		Results: []pipeline.Result{
			{Word: "blocked", Effect: "spam", Firm: true, Doc: "the sender or an author is blocked"},
			{Word: "none", Effect: "none", Doc: "neither is"},
		},
		New: func(any) (pipeline.Filter, error) { return senderBlock{}, nil },
	}
}

// Check implements pipeline.Filter.
func (s senderBlock) Check(_ context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if l, who, ok := s.listing(q); ok {
		return byList("blocked", who, l), nil
	}
	if q.Tx.Message != nil && q.Tx.Message.Err() != nil {
		return pipeline.Finding{}, q.Tx.Message.Err()
	}
	wait := q.Tx.Message == nil && q.Tx.Lists != nil && q.Tx.Lists.Authors(false, q.Recipient)
	if wait {
		return pipeline.Finding{Wait: true}, nil
	}
	return pipeline.Finding{Result: "none"}, nil
}

// listing finds the entry that blocks, and says whom.
func (senderBlock) listing(q pipeline.Query) (l pipeline.Listing, who string, ok bool) {
	if sender := q.Tx.Envelope.ReversePath; !sender.IsNull() {
		if l, ok := listing(q, pipeline.Subject{Sender: sender, Client: q.Tx.Client.Addr}, false); ok {
			return l, "sender " + string(sender), true
		}
	}
	if q.Tx.Message == nil || q.Tx.Lists == nil || !q.Tx.Lists.Authors(false, q.Recipient) {
		return l, "", false
	}
	for _, author := range authors(q.Tx.Message) {
		if l, ok := listing(q, pipeline.Subject{Author: author}, false); ok {
			return l, "author " + string(author), true
		}
	}
	return l, "", false
}

// Record implements pipeline.Recorder: it counts the hit.
func (s senderBlock) Record(_ context.Context, q pipeline.Query, f pipeline.Finding) error {
	if l, _, ok := s.listing(q); ok && f.Result == "blocked" {
		q.Tx.Lists.Hit(l.ID)
	}
	return nil
}
