package app

import (
	"context"
	"errors"
	"math"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

func (a *App) recoveryOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.MailboxLogins) ([]ops.SeenLogin, error) {
		m, err := a.owner(q.Address)
		if err != nil {
			return nil, err
		}
		all, err := a.seen.Of(ctx, m.ID)
		list := []ops.SeenLogin{}
		for _, l := range all {
			list = append(list, ops.SeenLogin{Door: l.Door, Client: l.Client.String(), First: l.First, Last: l.Last, Count: l.Count})
		}
		return list, err
	})
	control.On(h, a.mailboxRecovery)
	control.On(h, a.resetMailbox)
}

func (a *App) mailboxRecovery(ctx context.Context, q ops.MailboxRecovery) (ops.Recovery, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return ops.Recovery{}, err
	}
	r := recoveries{a}
	if q.Set != nil {
		var to mail.Path
		if *q.Set != "" {
			if to, err = r.elsewhere(m, *q.Set); err != nil {
				return ops.Recovery{}, control.Misused("%q is no mail address, or leads to the mailbox %s itself", *q.Set, m.Address)
			}
		}
		if err := a.store.Accounts().SetRecovery(ctx, m.ID, string(to), a.now()); err != nil {
			return ops.Recovery{}, err
		}
		a.log.Info("recovery address set by an operator", "mailbox", m.Address)
	}
	known, err := r.Recovery(ctx, m.ID)
	return ops.Recovery{Address: known.Address, Since: known.Since, Waiting: known.Waiting}, err
}

// resetMailbox makes a link for who has lost a password. Operators are not counted.
func (a *App) resetMailbox(ctx context.Context, q ops.MailboxReset) (ops.ResetLink, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return ops.ResetLink{}, err
	}
	r := recoveries{a}
	if a.config.Load().Web.URL == "" {
		return ops.ResetLink{}, control.Misused("the link has no address: set web.url, or set a password by gatepost mailbox set %s --password-stdin", m.Address)
	}
	if source := a.directory.Snapshot().LoginSource(m); source != "" {
		return ops.ResetLink{}, control.Misused("the password of mailbox %s is that of the look-up %s, and is set there", m.Address, source)
	}
	if _, err := r.boxOf(m.ID); err != nil {
		return ops.ResetLink{}, control.Misused("mailbox %s is %s, or the pages (--shut web) or that of passwords (--no-page password) are shut for it: its owner could not use the link", m.Address, m.State)
	}
	if q.Mail {
		return a.mailReset(ctx, r, m)
	}
	l, url := r.newLink(m, access.LinkReset, "", resetByHand)
	if err := a.noteResetLink(ctx, m, "shown"); err != nil {
		return ops.ResetLink{}, err
	}
	if err := a.store.Accounts().PutLink(ctx, l, 0, l.Created, nil); err != nil {
		return ops.ResetLink{}, err
	}
	a.log.Info("link for a lost password made by an operator", "mailbox", m.Address)
	return ops.ResetLink{Link: url, Expires: l.Expires}, nil
}

// noteResetLink notes that an operator has a link made, before there is one: whoever has it can be the owner.
func (a *App) noteResetLink(ctx context.Context, m directory.Mailbox, how string) error {
	now := a.now()
	n := directory.Note{Time: now, Who: byCommand(ctx), What: directory.NoteResetLink, Whom: string(m.Address), About: directory.AboutText(how)}
	return a.store.Audit().Add(ctx, n, math.MaxInt, now)
}

func (a *App) mailReset(ctx context.Context, r recoveries, m directory.Mailbox) (ops.ResetLink, error) {
	known, err := r.Recovery(ctx, m.ID)
	if err != nil {
		return ops.ResetLink{}, err
	}
	if known.Address == "" {
		return ops.ResetLink{}, control.Misused("mailbox %s has no recovery address that is confirmed; without --mail the link is shown to you", m.Address)
	}
	if err := a.noteResetLink(ctx, m, "sent to "+known.Address); err != nil {
		return ops.ResetLink{}, err
	}
	expires := a.now().Add(resetFor)
	err = r.mailLink(ctx, m, access.LinkReset, mail.Path(known.Address), resetFor)
	if errors.Is(err, access.ErrManyLinks) {
		return ops.ResetLink{}, control.Misused("mailbox %s: %v: %d within a day; without --mail the link is shown to you", m.Address, err, access.MaxLinks)
	}
	return ops.ResetLink{To: known.Address, Expires: expires}, err
}
