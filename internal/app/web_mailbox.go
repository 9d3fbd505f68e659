package app

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/web"
	"gatepost/mailbox/ruleset"
)

// ownMailboxes is what owners do with their mailboxes, as web wants it.
type ownMailboxes struct{ app *App }

var _ web.Mailboxes = ownMailboxes{}

func (o ownMailboxes) box(id int64) (directory.Mailbox, error) {
	m, ok := o.app.directory.Snapshot().Box(id)
	if !ok {
		return m, web.ErrNoMailbox
	}
	return m, nil
}

// Use implements web.Mailboxes.
func (o ownMailboxes) Use(ctx context.Context, box int64) (web.MailboxUse, error) {
	usage, err := o.app.mailboxes.Usage(ctx, box)
	if err != nil {
		return web.MailboxUse{}, err
	}
	kept, err := o.app.mailboxes.KeptBytes(ctx, box)
	limits, _ := o.app.quotas.of(box)
	return web.MailboxUse{
		Bytes: usage.Bytes, MaxBytes: max(limits.Bytes, 0), Messages: usage.Messages, MaxMessages: max(limits.Messages, 0),
		Percent: quotaOf(limits).Share(usage), Kept: kept,
	}, err
}

// Vacation implements web.Mailboxes.
func (o ownMailboxes) Vacation(ctx context.Context, box int64) (web.Vacation, error) {
	s, _, runs, err := o.app.ownerRules().read(ctx, box)
	if err != nil || s.Vacation == nil {
		return web.Vacation{}, rulesError(err)
	}
	v := s.Vacation
	return web.Vacation{
		From: v.From, To: v.To, Subject: v.Subject, Text: v.Text, Every: strconv.Itoa(v.Days), Except: v.Except, Runs: runs,
	}, nil
}

// rulesError is an error of rules in the words of the pages.
func rulesError(err error) error {
	switch {
	case errors.Is(err, ruleset.ErrEdited):
		return web.ErrRules
	case errors.Is(err, ruleset.ErrSettings):
		return web.ErrVacation
	}
	return err
}

// SetVacation implements web.Mailboxes.
func (o ownMailboxes) SetVacation(ctx context.Context, box int64, v web.Vacation) error {
	days, err := strconv.Atoi(cmp.Or(v.Every, "0"))
	if err != nil || v.Every != "" && days == 0 {
		return web.ErrVacation
	}
	return rulesError(o.app.ownerRules().change(ctx, box, func(s *ruleset.Settings) {
		if v.Text == "" {
			s.Vacation = nil
			return
		}
		next := ruleset.Vacation{From: v.From, To: v.To, Subject: v.Subject, Text: unixLines(v.Text), Days: days, Except: v.Except}
		if days == 0 {
			next.Days = usualDays
			if s.Vacation != nil {
				next.Days = s.Vacation.Days
			}
		}
		s.Vacation = &next
	}))
}

// Apps implements web.Mailboxes.
func (o ownMailboxes) Apps(ctx context.Context, box int64) (list []web.App, err error) {
	m, err := o.box(box)
	if err != nil {
		return nil, err
	}
	used, err := o.app.directory.Used(ctx, m)
	for _, one := range m.Apps {
		list = append(list, web.App{Name: one.Name, Created: one.Created, Used: used[one.ID]})
	}
	return list, err
}

// AddApp implements web.Mailboxes.
func (o ownMailboxes) AddApp(ctx context.Context, box int64, name string) (string, error) {
	m, err := o.box(box)
	if err != nil {
		return "", err
	}
	password, err := o.app.directory.AddApp(ctx, m.Address, name)
	if errors.Is(err, directory.ErrExists) || errors.Is(err, directory.ErrFull) || errors.Is(err, directory.ErrInvalid) {
		return "", web.ErrAppName
	}
	return password, err
}

// RemoveApp implements web.Mailboxes.
func (o ownMailboxes) RemoveApp(ctx context.Context, box int64, name string) error {
	m, err := o.box(box)
	if err == nil {
		err = o.app.directory.RemoveApp(ctx, m.Address, name)
	}
	if errors.Is(err, directory.ErrNoApp) {
		return nil
	}
	return err
}

// Deleted implements web.Mailboxes.
func (o ownMailboxes) Deleted(ctx context.Context, box int64, after string, limit int) (list []web.Deleted, err error) {
	m, err := o.box(box)
	if err != nil {
		return nil, err
	}
	all, err := o.app.deletedMail(ctx, ops.MailboxDeleted{Address: string(m.Address), Page: ops.Page{After: after, Limit: limit}})
	for _, d := range all {
		list = append(list, web.Deleted{ID: d.ID, When: d.Deleted, Date: d.Date, Folder: d.Folder, From: d.From, Subject: d.Subject, Size: d.Size})
	}
	return list, err
}

// Recover implements web.Mailboxes.
func (o ownMailboxes) Recover(ctx context.Context, box int64, ids []string) (int64, bool, error) {
	m, err := o.box(box)
	if err != nil {
		return 0, false, err
	}
	done, err := o.app.recoverMail(ctx, ops.MailboxRecover{Address: string(m.Address), IDs: ids})
	return done.Messages, done.Full, err
}
