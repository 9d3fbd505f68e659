package app

import (
	"context"
	"errors"
	"net/netip"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/smtpd"
)

// explain walks a message as if the client had sent it now. Nothing is delivered,
// nothing is learnt: filters with memory are asked, not told.
func (a *App) explain(ctx context.Context, q ops.Explain) (ops.Explanation, error) {
	client, from, err := explained(q)
	if err == nil && q.Login != "" {
		client.Login, client.Users, err = a.loggedIn(q.Login)
	}
	if err != nil {
		return ops.Explanation{}, err
	}
	e, err := a.intake.Explain(messageBudget(a.config.Load()).Begin(ctx), client, from, q.To, mail.NewMessage(q.Message))
	switch {
	case errors.Is(err, mail.ErrPath):
		return ops.Explanation{}, control.Misused("%v", err)
	case errors.Is(err, directory.ErrNoDomain), errors.Is(err, directory.ErrNoMailbox):
		return ops.Explanation{}, control.NotFound("%v", err)
	case err != nil:
		return ops.Explanation{}, err
	}
	return ops.Explanation{Reply: smtpd.Wording(e.Verdict), Walks: walks(&journal.Record{Walks: e.Walks}), Policies: a.config.Load().PolicySum()}, nil
}

func explained(q ops.Explain) (mail.Client, mail.Path, error) {
	addr, err := netip.ParseAddr(q.Client)
	if err != nil {
		return mail.Client{}, "", control.Misused("client %q is not an IP address", q.Client)
	}
	from, err := mail.ParsePath(q.From)
	if err != nil {
		return mail.Client{}, "", control.Misused("from: %v", err)
	}
	if len(q.To) == 0 {
		return mail.Client{}, "", control.Misused("no recipient: the walk is a recipient's")
	}
	return mail.Client{Addr: mail.Unmap(addr), Helo: q.Helo, ESMTP: true}, from, nil
}

// loggedIn is the mailbox that somebody plays to have logged in to.
func (a *App) loggedIn(name string) (login mail.Path, users bool, err error) {
	login, err = mail.ParsePath(name)
	if err != nil {
		return "", false, control.Misused("login: %v", err)
	}
	box, ok := a.directory.Snapshot().Mailbox(login)
	if !ok {
		return "", false, control.NotFound("login: no mailbox is %s", name)
	}
	return box.Address, true, nil
}
