package app

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/mailbox/ruleset"
)

// usualDays is how long a sender who was answered is left alone.
const usualDays = 7

func (a *App) vacationOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.VacationShow) (ops.Vacation, error) {
		m, err := a.owner(q.Address)
		if err != nil {
			return ops.Vacation{}, err
		}
		return a.vacation(ctx, m)
	})
	control.On(h, func(ctx context.Context, q ops.VacationSet) (ops.Vacation, error) {
		m, err := a.owner(q.Address)
		if err != nil {
			return ops.Vacation{}, err
		}
		v := ruleset.Vacation{From: q.From, To: q.To, Subject: q.Subject, Days: cmp.Or(q.Days, usualDays), Except: q.Except}
		v.Text = unixLines(q.Text)
		if err := a.changeRules(ctx, m, func(s *ruleset.Settings) { s.Vacation = &v }); err != nil {
			return ops.Vacation{}, err
		}
		return a.vacation(ctx, m)
	})
	control.On(h, func(ctx context.Context, q ops.VacationOff) (ops.Nothing, error) {
		m, err := a.owner(q.Address)
		if err == nil {
			err = a.changeRules(ctx, m, func(s *ruleset.Settings) { s.Vacation = nil })
		}
		return ops.Nothing{}, err
	})
	control.On(h, a.forwardMailbox)
}

// unixLines is a text as rules have it, whatever its line ends were.
func unixLines(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

func (a *App) ownerRules() ownerRules { return ownerRules{a.rules, a.now} }

func (a *App) changeRules(ctx context.Context, m directory.Mailbox, change func(*ruleset.Settings)) error {
	return toldRules(m, a.ownerRules().change(ctx, m.ID, change))
}

// toldRules says what is the caller's mistake.
func toldRules(m directory.Mailbox, err error) error {
	if errors.Is(err, ruleset.ErrSettings) || errors.Is(err, ruleset.ErrEdited) {
		return control.Misused("mailbox %s, script %q: %v", m.Address, ruleset.Name, err)
	}
	return toldScript(m, err)
}

func (a *App) vacation(ctx context.Context, m directory.Mailbox) (ops.Vacation, error) {
	s, _, runs, err := a.ownerRules().read(ctx, m.ID)
	if err != nil {
		return ops.Vacation{}, toldRules(m, err)
	}
	shown := ops.Vacation{Then: s.Then, Except: []string{}}
	if v := s.Vacation; v != nil {
		shown = ops.Vacation{Set: true, Runs: runs, From: v.From, To: v.To, Subject: v.Subject, Text: v.Text, Days: v.Days, Except: append(shown.Except, v.Except...), Then: s.Then}
	}
	return shown, nil
}

func (a *App) forwardMailbox(ctx context.Context, q ops.MailboxForward) (ops.MailboxForwarding, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return ops.MailboxForwarding{}, err
	}
	if q.To != nil {
		var f *ruleset.Forward
		if len(*q.To) > 0 {
			f = &ruleset.Forward{To: *q.To, Keep: q.Keep}
		}
		if err := a.changeRules(ctx, m, func(s *ruleset.Settings) { s.Forward = f }); err != nil {
			return ops.MailboxForwarding{}, err
		}
	}
	s, _, runs, err := a.ownerRules().read(ctx, m.ID)
	if err != nil || s.Forward == nil {
		return ops.MailboxForwarding{To: []string{}}, toldRules(m, err)
	}
	return ops.MailboxForwarding{To: s.Forward.To, Keep: s.Forward.Keep, Runs: runs}, nil
}
