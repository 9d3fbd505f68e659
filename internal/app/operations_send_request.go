package app

import (
	"context"
	"errors"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/mailbox"
)

// shareSends lets with whom a folder is shared send for its owner.
func (a *App) shareSends(ctx context.Context, q ops.ShareAdd, how mailbox.Sending) error {
	m, err := a.owner(q.Owner)
	if err != nil {
		return err
	}
	return a.letSend(ctx, m, q.With, how, byCommand(ctx), !q.Quiet)
}

// shareAsk asks for somebody. Unlike a page it tells where nobody is asked.
func (a *App) shareAsk(ctx context.Context, q ops.ShareAsk) (ops.Nothing, error) {
	how, err := sending(q.Send)
	if err != nil {
		return ops.Nothing{}, err
	}
	if how == mailbox.NoSending {
		return ops.Nothing{}, control.Misused("send %q: give as or on-behalf", q.Send)
	}
	asker, err := a.owner(q.Asker)
	if err != nil {
		return ops.Nothing{}, err
	}
	address, err := path(q.Address)
	if err != nil {
		return ops.Nothing{}, err
	}
	found, err := a.directory.Snapshot().Resolve(address)
	if err != nil {
		return ops.Nothing{}, control.NotFound("%s: %v", address, err)
	}
	if _, ok, err := a.askable(ctx, asker, found); err != nil || !ok {
		if err == nil {
			err = control.Misused("%s is not the address of one active mailbox in the domain of %s, nor of one that shares anything with it, or sharing is shut to its owner (--no-page shares); gatepost mailbox senders lets send without asking", address, asker.Address)
		}
		return ops.Nothing{}, err
	}
	err = a.askToSend(ctx, asker, address, how, byCommand(ctx))
	if errors.Is(err, errOwnAddress) || errors.Is(err, errMaySend) || errors.Is(err, mailbox.ErrAsked) || errors.Is(err, mailbox.ErrTooMany) {
		err = control.Misused("%s: %v", address, err)
	}
	return ops.Nothing{}, err
}

func (a *App) shareRequests(ctx context.Context, q ops.ShareRequests) ([]ops.SendRequest, error) {
	if q.Owner != "" && q.With != "" {
		return nil, control.Misused("name either an owner or an asker")
	}
	var of mailbox.SendRequestQuery
	if q.Owner != "" || q.With != "" {
		m, err := a.owner(q.Owner + q.With)
		if err != nil {
			return nil, err
		}
		if of.Asker = m.ID; q.Owner != "" {
			of = mailbox.SendRequestQuery{Boxes: []int64{m.ID}}
		}
	}
	all, err := a.mailboxes.SendRequests(ctx, of, a.now())
	list, people := []ops.SendRequest{}, a.people()
	for _, r := range all {
		list = append(list, ops.SendRequest{
			ID: r.ID, Asker: people.Name(mailbox.BoxWho(r.Asker)), Owner: people.Name(mailbox.BoxWho(r.Box)), Address: r.Address,
			Send: string(r.How), Asked: r.Asked, Expires: r.Expires,
		})
	}
	return list, err
}

func (a *App) shareDecide(ctx context.Context, q ops.ShareDecide) (ops.Nothing, error) {
	r, err := a.mailboxes.SendRequest(ctx, q.ID, a.now())
	if err == nil {
		err = a.answerSendRequest(ctx, r, q.Grant, byCommand(ctx))
	}
	if errors.Is(err, mailbox.ErrNoSendRequest) {
		err = control.NotFound("%s: %v that waits for an answer; see gatepost share requests", q.ID, mailbox.ErrNoSendRequest)
	}
	return ops.Nothing{}, err
}
