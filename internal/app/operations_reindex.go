package app

import (
	"context"
	"fmt"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// reindexMailbox drops what the index of texts knows of mailboxes: indexTexts makes it anew.
func (a *App) reindexMailbox(ctx context.Context, q ops.MailboxReindex) (done ops.Reindexed, err error) {
	if (q.Address == "") != q.All {
		return done, control.Misused("name a mailbox, or all")
	}
	var boxes []int64
	if q.All {
		boxes, err = a.mailboxes.Indexed(ctx)
	} else {
		m, err := a.owner(q.Address)
		if err != nil {
			return done, err
		}
		boxes = []int64{m.ID}
	}
	for _, box := range boxes {
		if err == nil {
			err = a.mailboxes.Forget(ctx, box)
		}
		if err != nil {
			break
		}
		done.Mailboxes++
	}
	if err != nil {
		return done, fmt.Errorf("reindex: %w", err)
	}
	a.log.Info("search index dropped, to be made anew", "mailboxes", done.Mailboxes)
	return done, nil
}
