package imap_test

import (
	"context"

	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// limits are Quotas of one limit for ann; bob, who has none, is box 2.
type limits struct {
	boxes store.Mailboxes
	limit mailbox.Usage
}

func limited(s *imap.Server) {
	s.Quotas = limits{s.Store.(store.Mailboxes), mailbox.Usage{Bytes: 2048, Messages: 4}}
}

func (l limits) of(box int64) mailbox.Usage {
	if box != 1 {
		return mailbox.Usage{}
	}
	return l.limit
}

func (l limits) Limited(box int64) bool { return l.of(box) != mailbox.Usage{} }

func (l limits) Quota(ctx context.Context, box int64) (limit, there mailbox.Usage, err error) {
	there, err = l.boxes.Usage(ctx, box)
	return l.of(box), there, err
}

func (l limits) Fits(ctx context.Context, box int64, more mailbox.Usage) error {
	limit, there, err := l.Quota(ctx, box)
	if err != nil {
		return err
	}
	return limit.Fits(there, more)
}
