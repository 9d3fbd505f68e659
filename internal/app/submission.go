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
	groups    mailbox.Groups
	accounts  store.Collectors
	collects  func(box int64) bool // whether its owner may set up accounts elsewhere
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
