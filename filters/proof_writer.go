package filters

import (
	"context"
	"errors"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// Writer says who is proven to have written a message, and by what: who has logged in
// ("log-in"), the one author of the header by a DKIM signature of his organisation ("dkim
// example.org"), or else the reverse-path by SPF ("spf"); null where nothing proves
// anybody. What is proven is the domain: that a domain lets nobody write under another's
// address in it is taken for granted. The content must be in. It fails where that can't be
// told now.
func (p Proof) Writer(ctx context.Context, tx *pipeline.Transaction) (who mail.Path, how string, err error) {
	if tx.Message == nil {
		return mail.Null, "", errors.New("proof: asked before the content is in")
	}
	if login := tx.Client.Login; !login.IsNull() {
		return login, "log-in", nil
	}
	signed, err := dkimFact(ctx, tx, p.Resolver)
	if err != nil {
		return mail.Null, "", err
	}
	if author, ok := tx.Message.Author(); ok {
		if d := signed.alignedPass(author.Domain()); d != "" {
			return author.Fold(), "dkim " + d, nil
		}
	}
	sender := tx.Envelope.ReversePath
	if sender.IsNull() {
		return mail.Null, "", nil
	}
	byPath, err := spfFact(ctx, tx, p.Resolver)
	if err != nil {
		return mail.Null, "", err
	}
	switch {
	case byPath.Result == "pass":
		return sender.Fold(), "spf", nil
	case byPath.Result == "temperror" || signed.Result == "temperror":
		return mail.Null, "", errors.New("SPF or DKIM could not be evaluated")
	}
	return mail.Null, "", nil
}
