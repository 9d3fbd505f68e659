package filters

import (
	"context"
	"fmt"
	"time"

	"gatepost/pipeline"
)

// selfSender finds mail whose reverse-path is the recipient's own address: case,
// sub-address ("+tag") and the tag of a signed return path (BATV) don't count; another
// address of the same mailbox is another address. Spammers write so, since many people
// have themselves in their allow lists. It is the recipient where the client has logged in, or SPF or a
// DKIM signature of the same organisation proves the domain; where only a signature can, the filter waits for the
// content. Servers of the recipient's own that send without a log-in (scanners, web forms) belong into
// the domain's SPF record or into ip-allow.
type selfSender struct{ resolver Resolver }

func selfSenderKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "self-sender", Stage: pipeline.Mail, Scope: pipeline.PerRecipient, Waits: true, Told: true, Timeout: spfLimit + time.Second,
		Results: []pipeline.Result{
			{Word: "self", Effect: "spam", Doc: "the sender says to be the recipient, and nothing proves it"},
			{Word: "authenticated", Effect: "none", Doc: "the sender is the recipient"},
			{Word: "none", Effect: "none", Doc: "sender and recipient are two"},
			{Word: "temperror", Effect: "none", Doc: "the DNS did not answer whether the sender is the recipient"},
		},
		New: func(any) (pipeline.Filter, error) { return selfSender{d.Resolver}, nil },
	}
}

// Check implements pipeline.Filter.
func (s selfSender) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	sender := q.Tx.Envelope.ReversePath
	if sender.IsNull() || sender.Unsigned().Base() != q.Recipient.Fold().Base() {
		return pipeline.Finding{Result: "none"}, nil
	}
	how, _, wait, err := Proof{s.resolver}.find(ctx, q.Tx)
	switch {
	case err != nil:
		return pipeline.Finding{}, err
	case wait:
		return pipeline.Finding{Wait: true}, nil
	case how != "":
		return pipeline.Finding{Result: "authenticated", Evidence: []pipeline.Evidence{{Key: "authenticated", Value: how}}}, nil
	}
	return pipeline.Finding{
		Result: "self",
		Reason: fmt.Sprintf("the sender says to be %s, to whom the message is; neither SPF nor an aligned DKIM signature proves it", q.Recipient),
	}, nil
}
