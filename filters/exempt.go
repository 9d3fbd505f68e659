package filters

import (
	"context"
	"fmt"

	"gatepost/pipeline"
)

// exempt says why a message may come to many, and be like what was learnt as spam: the recipient deals with its sender,
// or it is a list's or shop's own mail with a good history. "": nothing does.
func (d Deps) exempt(ctx context.Context, q pipeline.Query) (why string, err error) {
	sender := q.Tx.Envelope.ReversePath
	if d.Trust != nil && !sender.IsNull() {
		e, known, err := d.Trust.Weigh(ctx, q.Recipient, sender, q.Tx.Time)
		if err != nil {
			return "", err
		}
		if known {
			how, _, err := Proof{d.Resolver}.Proven(ctx, q.Tx)
			if err != nil {
				return "", err
			}
			if how != "" {
				return fmt.Sprintf("people here deal with %s, by %s", e.Sender, e.How), nil
			}
		}
	}
	author, ok := q.Tx.Message.Author()
	if !ok || q.Tx.Message.Header().Count("List-Unsubscribe") == 0 || !d.Traffic.Good(q.Tx.Client.Addr) {
		return "", nil
	}
	how, err := Proof{d.Resolver}.Author(ctx, q.Tx, author)
	if err != nil || how == "" {
		return "", err
	}
	return fmt.Sprintf("it is %s's own mail to a list, proven by %s, from a network with a good history", author.Domain(), how), nil
}

// spareLearnt takes back that something in a message was learnt as spam where the message is exempt.
func (d Deps) spareLearnt(ctx context.Context, q pipeline.Query, f *pipeline.Finding) error {
	why, err := d.exempt(ctx, q)
	if why != "" {
		f.Result = "exempt"
		f.Reason += ", but " + why
	}
	return err
}
