package app

import (
	"context"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// inboxLetter prepares what the node writes to somebody here for his inbox, whatever the quota and his
// rules say: as mail that came, under the null reverse-path (RFC 5321 §4.4).
func (a *App) inboxLetter(ctx context.Context, box int64, l queue.Letter, now time.Time) (mailbox.Delivery, error) {
	s, err := a.queue.Write(ctx, l)
	if err != nil {
		return mailbox.Delivery{}, err
	}
	s.View.Prefix = append(mail.AppendField(nil, "Return-Path", "<>"), s.View.Prefix...)
	d := mailbox.Prepare(box, mailbox.Inbox, s.View.Message(mail.NewMessage(l.Content)), now)
	d.Blob, d.View = s.Blob, s.View
	return d, nil
}

// deliverLetter puts a letter into an inbox.
func (a *App) deliverLetter(ctx context.Context, box int64, l queue.Letter, now time.Time) error {
	d, err := a.inboxLetter(ctx, box, l, now)
	if err != nil {
		return err
	}
	if err := a.mailboxes.Deliver(ctx, &d); err != nil {
		return err
	}
	a.changes.Notify(box)
	return nil
}
