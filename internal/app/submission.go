package app

import (
	"context"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/store"
	"gatepost/mailbox"
)

// senders is who may send for whom, as the intake wants it.
type senders struct {
	directory *directory.Directory
	groups    groups
	accounts  store.Collectors
	collects  func(box int64) bool // whether its owner may set up accounts elsewhere
}

// groups know who sends for whom, and what they have sent.
type groups interface {
	mailbox.Groups
	mailbox.Lookback
}

// FilesSent implements intake.Senders. What a program has filed already is not filed again.
func (s senders) FilesSent(ctx context.Context, box int64, messageID string) (bool, error) {
	folder, err := s.groups.SentOf(ctx, box)
	if err != nil || folder == 0 {
		return false, err
	}
	uid, err := s.groups.Lately(ctx, folder, messageID)
	return uid == 0, err
}

// Collected implements intake.Senders.
func (s senders) Collected(ctx context.Context, login, address mail.Path) (bool, error) {
	m, ok := s.directory.Snapshot().Mailbox(login)
	if !ok || !s.collects(m.ID) {
		return false, nil
	}
	return s.accounts.SendsAs(ctx, m.ID, string(address.Fold()))
}

// MaySend implements intake.Senders.
func (s senders) MaySend(ctx context.Context, login mail.Path, box int64) (mailbox.Sending, error) {
	m, ok := s.directory.Snapshot().Mailbox(login)
	if !ok {
		return mailbox.NoSending, nil
	}
	return s.groups.MaySend(ctx, imapPeople{s.directory}.Visitor(m.ID), box)
}
