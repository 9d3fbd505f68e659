package filters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/attachment"
	"gatepost/pipeline"
)

// attachmentsTime is how long the filters wait that ask for attachments. Looking into them
// ends by itself before.
const attachmentsTime = 20 * time.Second

// attachmentsFact looks into a message's attachments once, however many ask, within the
// limits that hold where an entry sets none.
func attachmentsFact(ctx context.Context, tx *pipeline.Transaction) (*attachment.Report, error) {
	return attachmentsWithin(ctx, tx, attachment.DefaultLimits())
}

// attachmentsWithin is attachmentsFact within other limits. A message of nothing but text
// costs no more than a look at its structure.
func attachmentsWithin(ctx context.Context, tx *pipeline.Transaction, limits attachment.Limits) (*attachment.Report, error) {
	m := tx.Message
	if m == nil {
		return nil, errors.New("attachments: asked before the content is in")
	}
	none, err := pipeline.Fact(ctx, tx, "no attachments", attachmentsTime, func(context.Context) (*attachment.Report, error) {
		if attachment.HasAttachments(m) {
			return nil, nil // Inspect says what can't be read
		}
		return &attachment.Report{}, m.Err()
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("attachments: read message: %w", err)
	case none != nil:
		return none, nil
	}
	return pipeline.Fact(ctx, tx, fmt.Sprint("attachments ", limits), attachmentsTime, func(ctx context.Context) (*attachment.Report, error) {
		return attachment.Inspect(ctx, m, limits)
	})
}
