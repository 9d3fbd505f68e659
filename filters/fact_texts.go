package filters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/pipeline"
	"gatepost/rules"
)

// textsLimit is how long the text of one message is read and brought to one form.
const textsLimit = 10 * time.Second

// textsFact returns the texts of a message in the one form in which words are compared (see
// rules.Fold): decoded, of HTML what a reader sees, folded. Each part is folded once, when the
// first filter asks for it. An error means that the content can't be read.
func textsFact(ctx context.Context, tx *pipeline.Transaction) (*rules.Texts, error) {
	if tx.Message == nil {
		return nil, errors.New("texts: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, "texts", textsLimit, func(context.Context) (*rules.Texts, error) {
		tx.Message.Extract()
		if err := tx.Message.Err(); err != nil {
			return nil, fmt.Errorf("texts: read message: %w", err)
		}
		return rules.Of(tx.Message), nil
	})
}
