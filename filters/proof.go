package filters

import (
	"context"
	"errors"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// A Proof finds out whether a message is from the domain of its reverse-path: since the
// client has logged in, by SPF, or by a DKIM signature of the same organisation. What
// filters found out of the transaction is not asked again.
type Proof struct{ Resolver Resolver }

// Proven says how the reverse-path's domain is proven, "log-in", "spf" or "dkim
// example.org", "" if it is not, and what SPF says (RFC 7208 §2.6; "" after a log-in).
// The content must be in. It fails where that can't be told now.
func (p Proof) Proven(ctx context.Context, tx *pipeline.Transaction) (how, spf string, err error) {
	if tx.Envelope.ReversePath.IsNull() {
		return "", "", nil
	}
	how, spf, wait, err := p.find(ctx, tx)
	if wait {
		return "", spf, errors.New("proof: asked before the content is in")
	}
	return how, spf, err
}

// find is Proven at any stage: wait is set where it can't be told before the content is in.
func (p Proof) find(ctx context.Context, tx *pipeline.Transaction) (how, spf string, wait bool, err error) {
	if !tx.Client.Login.IsNull() {
		return "log-in", "", false, nil
	}
	byPath, err := spfFact(ctx, tx, p.Resolver)
	if err != nil {
		return "", "", false, err
	}
	switch {
	case byPath.Result == "pass":
		return "spf", byPath.Result, false, nil
	case tx.Stage < pipeline.Data:
		return "", byPath.Result, true, nil
	}
	signed, err := dkimFact(ctx, tx, p.Resolver)
	if err != nil {
		return "", byPath.Result, false, err
	}
	if d := signed.alignedPass(tx.Envelope.ReversePath.Domain()); d != "" {
		return "dkim " + d, byPath.Result, false, nil
	}
	if byPath.Result == "temperror" || signed.Result == "temperror" {
		return "", byPath.Result, false, errors.New("SPF or DKIM could not be evaluated")
	}
	return "", byPath.Result, false, nil
}

// Author says how the domain of an author of the message is proven: by a log-in with an
// address of its organisation, by SPF for a reverse-path or HELO name of it, or by a DKIM
// signature of it (RFC 7489 §3.1, relaxed); "" if it is not. The content must be in. It
// fails where that can't be told now.
func (p Proof) Author(ctx context.Context, tx *pipeline.Transaction, author mail.Path) (how string, err error) {
	domain := author.Domain()
	if aligned(tx.Client.Login.Domain(), domain) {
		return "log-in", nil
	}
	byPath, err := spfFact(ctx, tx, p.Resolver)
	if err != nil {
		return "", err
	}
	ofPath := aligned(byPath.Domain, domain)
	if byPath.Result == "pass" && ofPath {
		return "spf", nil
	}
	signed, err := dkimFact(ctx, tx, p.Resolver)
	if err != nil {
		return "", err
	}
	if d := signed.alignedPass(domain); d != "" {
		return "dkim " + d, nil
	}
	if byPath.Result == "temperror" && ofPath || signed.Result == "temperror" {
		return "", errors.New("SPF or DKIM could not be evaluated")
	}
	return "", nil
}
