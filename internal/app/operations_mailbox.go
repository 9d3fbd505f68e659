package app

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

func (a *App) mailboxOps(h control.Handlers) {
	control.On(h, a.addMailbox)
	control.On(h, func(ctx context.Context, q ops.MailboxList) ([]ops.Mailbox, error) {
		list := []ops.Mailbox{}
		most := q.Limit
		if most <= 0 {
			most = math.MaxInt
		}
		for _, m := range a.directory.Snapshot().MailboxPage(spelledDomain(q.Domain), mail.Path(q.After), most) {
			box, err := a.mailbox(ctx, m)
			if err != nil {
				return nil, err
			}
			list = append(list, box)
		}
		return list, nil
	})
	control.On(h, func(ctx context.Context, q ops.MailboxShow) (ops.Mailbox, error) {
		p, err := path(q.Address)
		if err != nil {
			return ops.Mailbox{}, err
		}
		m, ok := a.directory.Snapshot().Mailbox(p)
		if !ok {
			return ops.Mailbox{}, control.NotFound("mailbox %s: %v", p, directory.ErrNoMailbox)
		}
		return a.mailbox(ctx, m)
	})
	control.On(h, a.setMailbox)
	control.On(h, a.deletedMail)
	control.On(h, a.recoverMail)
	control.On(h, a.reindexMailbox)
	control.On(h, a.exportMailbox)
	control.On(h, a.importMailbox)
	control.On(h, func(ctx context.Context, q ops.MailboxRemove) (ops.Nothing, error) {
		p, err := path(q.Address)
		if err != nil {
			return ops.Nothing{}, err
		}
		return ops.Nothing{}, a.removeMailbox(ctx, p)
	})
}

func (a *App) removeMailbox(ctx context.Context, p mail.Path) error {
	return a.removeMailboxIf(ctx, p, func(directory.Mailbox) error { return nil })
}

// removeMailboxIf takes the address away first, so that nothing new arrives, and
// then all that it kept. Where that is interrupted check store tells what stayed. may is asked in the commit.
func (a *App) removeMailboxIf(ctx context.Context, p mail.Path, may func(directory.Mailbox) error) error {
	m, ok := a.directory.Snapshot().Mailbox(p)
	if err := a.directory.RemoveMailboxIf(ctx, p, may); err != nil {
		return told(err)
	}
	if !ok {
		return nil
	}
	if err := a.mailboxes.DropBox(ctx, m.ID, a.now()); err != nil {
		return fmt.Errorf("mailbox %s is removed, but not all of its mail: %w", p, err)
	}
	return nil
}

func (a *App) mailbox(ctx context.Context, m directory.Mailbox) (ops.Mailbox, error) {
	usage, err := a.mailboxes.Usage(ctx, m.ID)
	if err != nil {
		return ops.Mailbox{}, fmt.Errorf("mailbox %s: %w", m.Address, err)
	}
	limits, _ := a.quotas.of(m.ID)
	kept, err := a.mailboxes.KeptBytes(ctx, m.ID)
	if err != nil {
		return ops.Mailbox{}, fmt.Errorf("mailbox %s: %w", m.Address, err)
	}
	var restorable *time.Time
	if until := a.restorable(m); !until.IsZero() {
		restorable = &until
	}
	inbound, inboundBytes := a.traffic.Inbound(m.ID)
	return ops.Mailbox{
		Name: m.Name, Unlisted: m.Unlisted, Shut: texts(m.Shut), ShutPages: texts(m.ShutPages), Restorable: restorable,
		Address: string(m.Address), Language: m.Language, State: string(m.State), Created: m.Created, Copies: texts(m.Copies),
		Messages: usage.Messages, Bytes: usage.Bytes, Disposition: string(m.Disposition), Level: m.Level, Digest: !m.NoDigest, Locked: m.Locked,
		Quota: limits.Bytes, QuotaMessages: limits.Messages, Full: quotaOf(limits).Share(usage), Inbound: limits.Inbound,
		InboundNow: math.Round(inbound), InboundBytes: limits.InboundBytes, InboundBytesNow: int64(inboundBytes), Own: ops.Limits(m.Limits), Kept: kept,
	}, nil
}

// addMailbox makes the log-in and, at once, its standard folders.
func (a *App) addMailbox(ctx context.Context, q ops.MailboxAdd) (ops.Mailbox, error) {
	p, err := path(q.Address)
	if err != nil {
		return ops.Mailbox{}, err
	}
	m, err := a.directory.AddMailbox(ctx, directory.Mailbox{Address: p, Name: q.Name, Language: q.Language, Copies: targets(q.Copies)}, q.Password)
	if err != nil {
		return ops.Mailbox{}, told(err)
	}
	if err := a.openBox(ctx, m); err != nil {
		return ops.Mailbox{}, fmt.Errorf("mailbox %s: %w", m.Address, err)
	}
	if err := a.openListings(ctx, m); err != nil {
		return ops.Mailbox{}, fmt.Errorf("mailbox %s: %w", m.Address, err)
	}
	shown, err := a.mailbox(ctx, m)
	if q.Password != "" {
		shown.Warnings = a.weak(q.Password, string(m.Address))
	}
	return shown, err
}

// openBox makes a mailbox's standard folders, where it has none yet, and those of the configuration, with names in its
// owner's language.
func (a *App) openBox(ctx context.Context, m directory.Mailbox) error {
	lang, folders := a.languageOf(m), a.config.Load().Folders
	more := folders.More
	if mailbox.IsFrench(lang) && len(folders.French) > 0 {
		more = folders.French
	}
	return a.mailboxes.OpenBox(ctx, m.ID, lang, a.now(), more...)
}

// languageOf is that of a mailbox's owner: its own, else its domain's, else the node's.
func (a *App) languageOf(m directory.Mailbox) string {
	dom, _ := a.directory.Snapshot().Domain(m.Address.Domain())
	return cmp.Or(m.Language, dom.Language, a.config.Load().Digest.Language)
}

func (a *App) setMailbox(ctx context.Context, q ops.MailboxSet) (ops.Mailbox, error) {
	p, err := path(q.Address)
	if err != nil {
		return ops.Mailbox{}, err
	}
	shut, err := pages(q.ShutPages)
	if err != nil {
		return ops.Mailbox{}, err
	}
	m, err := a.directory.ChangeMailbox(ctx, p, func(m *directory.Mailbox) error {
		give(&m.Name, q.Name)
		if q.Listed != nil {
			m.Unlisted = !*q.Listed
		}
		give(&m.Language, q.Language)
		if q.State != nil {
			m.State = directory.State(*q.State)
		}
		if q.Shut != nil {
			m.Shut = services(*q.Shut)
		}
		if q.Copies != nil {
			m.Copies = targets(*q.Copies)
		}
		give(&m.Disposition, (*directory.Disposition)(q.Disposition))
		give(&m.Level, q.Level)
		give(&m.Limits.Bytes, q.Quota)
		give(&m.Limits.Messages, q.QuotaMessages)
		give(&m.Limits.Inbound, q.Inbound)
		give(&m.Limits.InboundBytes, q.InboundBytes)
		if q.Digest != nil {
			m.NoDigest = !*q.Digest
		}
		return nil
	})
	if err == nil && q.Password != nil {
		err = a.directory.SetPassword(ctx, p, *q.Password, byCommand(ctx), "")
	}
	if err == nil && q.ShutPages != nil {
		m, err = a.directory.ShutPages(ctx, p, shut, byCommand(ctx))
	}
	if err == nil && q.Lock != nil {
		m, err = a.lockMailbox(ctx, p, *q.Lock, byCommand(ctx))
	}
	if err != nil {
		return ops.Mailbox{}, told(err)
	}
	shown, err := a.mailbox(ctx, m)
	shown.Warnings = a.idle(m, q)
	if q.Password != nil {
		shown.Warnings = append(shown.Warnings, a.weak(*q.Password, string(m.Address))...)
	}
	return shown, err
}

func services(names []string) (list []directory.Service) {
	for _, name := range names {
		list = append(list, directory.Service(name))
	}
	return list
}

// pages are those that a request names, in their order. It fails where one is not there, before anything is changed.
func pages(names *[]string) (list []directory.Page, err error) {
	if names == nil {
		return nil, nil
	}
	for _, name := range *names {
		list = append(list, directory.Page(name))
	}
	if list, err = directory.CheckedPages(list); err != nil {
		return nil, told(err)
	}
	return list, nil
}

// idle tells what a request sets that does not count, since the domain does not leave
// it to owners.
func (a *App) idle(m directory.Mailbox, q ops.MailboxSet) (warnings []string) {
	dom, _ := a.directory.Snapshot().Domain(m.Address.Domain())
	for _, set := range []struct {
		may directory.May
		yes bool
	}{{directory.MayDisposition, q.Disposition != nil && m.Disposition != ""}, {directory.MayLevel, q.Level != nil && m.Level != 0}} {
		if set.yes && !dom.Leaves(set.may) {
			warnings = append(warnings, fmt.Sprintf("%s is set, but does not count: domain %s does not leave it to owners (domain set --owners)", set.may, dom.Name))
		}
	}
	return warnings
}
