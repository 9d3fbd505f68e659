package app

import (
	"context"
	"errors"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
	"gatepost/mailbox"
)

// sharePages is what the links in shares' mails lead to. Who has one acts as the receiver.
type sharePages struct{ app *App }

var _ web.Shares = sharePages{}

// Share implements web.Shares.
func (p sharePages) Share(ctx context.Context, secret string) (web.ShareLink, error) {
	a := p.app
	i, err := a.mailboxes.Invitation(ctx, invitationID(secret), a.now())
	if errors.Is(err, mailbox.ErrNoInvitation) {
		return web.ShareLink{}, web.ErrNoShare
	}
	if err != nil {
		return web.ShareLink{}, err
	}
	s := a.directory.Snapshot()
	owner, ok := s.Box(i.Box)
	reader, there := s.Box(i.Reader)
	if !ok || !there || reader.State != directory.Active {
		return web.ShareLink{}, web.ErrNoShare
	}
	if by := s.PageShut(reader.ID, directory.PageShares); by != "" {
		return web.ShareLink{}, web.Shut{By: by}
	}
	list, err := a.mailboxes.SharedFolders(ctx, a.people().Visitor(reader.ID))
	if err != nil {
		return web.ShareLink{}, err
	}
	for _, f := range list {
		if f.Box != i.Box || i.Folder != 0 && f.ID != i.Folder {
			continue
		}
		l := web.ShareLink{To: reader.Address, By: owner.Address, May: string(may(f.Rights)), Name: mailbox.SharedName(string(owner.Address), f.Name, f.Group)}
		if i.Folder == 0 {
			l.All, l.Name = true, mailbox.SharedName(string(owner.Address), "", f.Group)
		}
		return l, nil
	}
	return web.ShareLink{}, web.ErrNoShare
}

// Answer implements web.Shares.
func (p sharePages) Answer(ctx context.Context, secret string, accept bool) (web.ShareLink, error) {
	a := p.app
	l, err := p.Share(ctx, secret)
	if err != nil {
		return l, err
	}
	reader, ok := a.directory.Snapshot().Mailbox(l.To)
	if !ok {
		return l, web.ErrNoShare
	}
	answer := mailbox.Declined
	if accept {
		answer = mailbox.Accepted
	}
	err = a.mailboxes.AnswerInvitation(ctx, a.people().Visitor(reader.ID), invitationID(secret), a.now(), answer, sharedNames(l.By))
	if errors.Is(err, mailbox.ErrNoInvitation) || errors.Is(err, mailbox.ErrNoFolder) {
		return l, web.ErrNoShare
	}
	if err != nil {
		return l, err
	}
	a.changes.Notify(reader.ID)
	a.log.Info("share answered", "reader", reader.Address, "owner", l.By, "answer", string(answer))
	return l, nil
}

// sharedNames are the names of an owner's folders as others see them.
func sharedNames(owner mail.Path) func(mailbox.Shared) string {
	return func(s mailbox.Shared) string { return mailbox.SharedName(string(owner), s.Name, s.Group) }
}
