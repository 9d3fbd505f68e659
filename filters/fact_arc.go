package filters

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/arc"
	"gatepost/internal/dkim"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// An arcAnswer is a message's ARC chain (RFC 8617).
type arcAnswer struct {
	arc.Chain
	Seen []pipeline.Evidence
}

// arcFact verifies a message's ARC chain once, when the content is in. A temporary failure
// is a result, not an error.
func arcFact(ctx context.Context, tx *pipeline.Transaction, r Resolver) (arcAnswer, error) {
	if tx.Message == nil {
		return arcAnswer{}, errors.New("arc: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, "arc", dkimLimit, func(ctx context.Context) (arcAnswer, error) {
		return verifyARC(ctx, r, tx)
	})
}

func verifyARC(ctx context.Context, r Resolver, tx *pipeline.Transaction) (arcAnswer, error) {
	h := tx.Message.Header()
	if err := tx.Message.Err(); err != nil {
		return arcAnswer{}, fmt.Errorf("arc: read message: %w", err)
	}
	if !hasARC(h) {
		return arcAnswer{Chain: arc.Chain{Result: arc.None}}, nil
	}
	if problem := outOfBounds(h); problem != "" {
		return arcAnswer{Chain: arc.Chain{Result: arc.Fail, Reason: problem}}, nil
	}
	keys := &seenTXT{resolver: r}
	chain, err := arc.Verify(ctx, signedParts(tx.Message), dkim.NewKeys(keys), tx.Time)
	if err != nil {
		return arcAnswer{}, fmt.Errorf("arc: %w", err)
	}
	return arcAnswer{chain, keys.evidence()}, nil
}

// hasARC reports whether there is anything of a chain, or may be beyond what is read.
func hasARC(h *mail.Header) bool {
	return h.Cut || h.Count("ARC-Seal")+h.Count("ARC-Message-Signature")+h.Count("ARC-Authentication-Results") > 0
}
