package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// deletedMail lists what can be brought back.
func (a *App) deletedMail(ctx context.Context, q ops.MailboxDeleted) ([]ops.DeletedMail, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return nil, err
	}
	after, err := deletedID(q.After, q.After == "")
	if err != nil {
		return nil, err
	}
	kept, err := a.mailboxes.Kept(ctx, m.ID, mailbox.KeptQuery{Since: q.Since, After: after, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	list := []ops.DeletedMail{}
	for _, k := range kept {
		from, subject := envelopeText(k.Envelope)
		list = append(list, ops.DeletedMail{
			ID: strconv.FormatInt(k.EmailID, 10), Deleted: k.When, Folder: k.Folder, Date: k.InternalDate, Size: k.Size, From: from, Subject: subject,
		})
	}
	return list, nil
}

func deletedID(s string, none bool) (int64, error) {
	if none {
		return 0, nil
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id <= 0 {
		return 0, control.Misused("%q is no message's number; gatepost mailbox deleted lists them", s)
	}
	return id, nil
}

// envelopeText returns sender and subject of an ENVELOPE, decoded, for a line of a list.
func envelopeText(envelope []byte) (from, subject string) {
	parts := mailbox.SplitList(envelope)
	if len(parts) <= mailbox.EnvFrom {
		return "", ""
	}
	subject = mail.DecodeText(mailbox.ParseString(parts[mailbox.EnvSubject]))
	for _, address := range mailbox.SplitList(parts[mailbox.EnvFrom]) {
		if a := mailbox.SplitList(address); len(a) == 4 {
			return mailbox.ParseString(a[2]) + "@" + mailbox.ParseString(a[3]), subject
		}
	}
	return "", subject
}

// recoverMail brings deleted mail back, whatever the quota: an operator wants it.
func (a *App) recoverMail(ctx context.Context, q ops.MailboxRecover) (ops.Recovered, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return ops.Recovered{}, err
	}
	if len(q.IDs) == 0 && q.Since.IsZero() {
		return ops.Recovered{}, control.Misused("name the messages, or since when they were deleted")
	}
	var ids []int64
	for _, s := range q.IDs {
		id, err := deletedID(s, false)
		if err != nil {
			return ops.Recovered{}, err
		}
		ids = append(ids, id)
	}
	if len(q.IDs) == 0 {
		if ids, err = a.deletedSince(ctx, m.ID, q.Since); err != nil {
			return ops.Recovered{}, err
		}
	}
	done, err := a.mailboxes.Recover(ctx, m.ID, ids, mailbox.RecoveredName(a.languageOf(m)))
	if err != nil {
		return ops.Recovered{}, fmt.Errorf("mailbox %s: %w", m.Address, err)
	}
	a.changes.Notify(m.ID)
	a.log.Info("deleted mail brought back", "mailbox", m.Address, "messages", done.Messages)
	err = a.quotas.Fits(ctx, m.ID, mailbox.Usage{})
	if err != nil && !errors.Is(err, mailbox.ErrOverQuota) {
		return ops.Recovered{}, err
	}
	return ops.Recovered{Messages: done.Messages, Folders: append([]string{}, done.Folders...), Full: err != nil}, nil
}

func (a *App) deletedSince(ctx context.Context, box int64, since time.Time) (ids []int64, err error) {
	for after := int64(0); ; after = ids[len(ids)-1] {
		list, err := a.mailboxes.Kept(ctx, box, mailbox.KeptQuery{Since: since, After: after})
		if err != nil {
			return nil, err
		}
		for _, k := range list {
			ids = append(ids, k.EmailID)
		}
		if len(list) < mailbox.MaxKept {
			return ids, nil
		}
	}
}
