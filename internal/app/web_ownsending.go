package app

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
	"gatepost/mailbox"
)

var _ web.OwnSending = ownSharePages{}

// Sending implements web.OwnSending.
func (p ownSharePages) Sending(ctx context.Context, box int64, most int) (s web.Sending, err error) {
	a := p.app
	boxes, err := a.answersFor(ctx, box)
	if err != nil {
		return s, err
	}
	waiting, err := a.mailboxes.SendRequests(ctx, mailbox.SendRequestQuery{Boxes: boxes}, a.now())
	if err != nil {
		return s, err
	}
	for _, r := range waiting[:min(len(waiting), most)] {
		if shown, ok := p.request(r); ok {
			s.Requests = append(s.Requests, shown)
		}
	}
	own, err := a.mailboxes.SendRequests(ctx, mailbox.SendRequestQuery{Asker: box}, a.now())
	if err != nil {
		return s, err
	}
	for _, r := range own[:min(len(own), most)] {
		s.Asked = append(s.Asked, web.SendRequest{ID: r.ID, Of: r.Address, How: string(r.How), Asked: r.Asked, Expires: r.Expires})
	}
	for _, one := range boxes {
		if s.Deputies, err = p.deputies(ctx, one, s.Deputies); err != nil {
			return s, err
		}
	}
	s.Deputies = s.Deputies[:min(len(s.Deputies), most)]
	s.Offers, err = p.offered(ctx, box, most)
	return s, err
}

// request is one as it is shown; false: who asks is gone.
func (p ownSharePages) request(r mailbox.SendRequest) (web.SendRequest, bool) {
	s := p.app.directory.Snapshot()
	by, ok := s.Box(r.Asker)
	of, there := s.Box(r.Box)
	return web.SendRequest{ID: r.ID, By: string(by.Address), Of: string(of.Address), How: string(r.How), Asked: r.Asked, Expires: r.Expires}, ok && there
}

// deputy is somebody as he is shown; false: he is gone.
func (p ownSharePages) deputy(box int64, who mailbox.Who, how mailbox.Sending) (web.Deputy, bool) {
	people := p.app.people()
	d := web.Deputy{Of: people.Name(mailbox.BoxWho(box)), Who: people.Name(who), How: string(how)}
	d.Kind, _ = who.Split()
	return d, d.Who != "" && d.Of != ""
}

// deputies adds who may send for a mailbox, by name.
func (p ownSharePages) deputies(ctx context.Context, box int64, list []web.Deputy) ([]web.Deputy, error) {
	all, err := p.app.mailboxes.Senders(ctx, box)
	n := len(list)
	for _, s := range all {
		if d, ok := p.deputy(box, s.Who, s.How); ok {
			list = append(list, d)
		}
	}
	slices.SortFunc(list[n:], func(x, y web.Deputy) int { return cmp.Compare(x.Who, y.Who) })
	return list, err
}

// offered are those who have somebody's inbox, by their own names or through an alias, and may not send for him.
func (p ownSharePages) offered(ctx context.Context, box int64, most int) (list []web.Deputy, err error) {
	grants, err := p.app.mailboxes.BoxGrants(ctx, box)
	if err != nil {
		return nil, err
	}
	senders, err := p.app.mailboxes.Senders(ctx, box)
	if err != nil {
		return nil, err
	}
	seen := map[mailbox.Who]bool{}
	for _, s := range senders {
		seen[s.Who] = true
	}
	for _, g := range grants {
		if kind, _ := g.Who.Split(); !hasInbox(g) || seen[g.Who] || kind != "box" && kind != "group" {
			continue
		}
		seen[g.Who] = true
		if d, ok := p.deputy(box, g.Who, mailbox.NoSending); ok {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(x, y web.Deputy) int { return cmp.Compare(x.Who, y.Who) })
	return list[:min(len(list), most)], nil
}

// hasInbox reports whether who was given something reads the inbox.
func hasInbox(g mailbox.Grant) bool {
	return (g.Folder == 0 || g.Name == mailbox.Inbox) && g.Rights.Has(mailbox.MayLookUp|mailbox.MayRead)
}

// AskToSend implements web.OwnSending.
func (p ownSharePages) AskToSend(ctx context.Context, box int64, address, how string) error {
	asker, ok := p.app.directory.Snapshot().Box(box)
	if !ok {
		return web.ErrNoShare
	}
	to, err := mail.ParsePath(address)
	if err != nil || to.IsNull() {
		return web.SendFault("address")
	}
	err = p.app.askToSend(ctx, asker, to, mailbox.Sending(how), string(asker.Address))
	for known, fault := range map[error]web.SendFault{errOwnAddress: "own", errMaySend: "may", mailbox.ErrAsked: "asked", mailbox.ErrTooMany: "many"} {
		if errors.Is(err, known) {
			return fault
		}
	}
	return err
}

// TakeRequestBack implements web.OwnSending.
func (p ownSharePages) TakeRequestBack(ctx context.Context, box int64, id string) error {
	asker, ok := p.app.directory.Snapshot().Box(box)
	if !ok {
		return web.ErrNoShare
	}
	err := p.app.takeRequestBack(ctx, asker, id)
	if errors.Is(err, mailbox.ErrNoSendRequest) {
		err = web.ErrNoShare
	}
	return err
}

// own finds a request that somebody answers, and who he is.
func (p ownSharePages) own(ctx context.Context, box int64, id string) (r mailbox.SendRequest, shown web.SendRequest, who directory.Mailbox, err error) {
	r, err = p.app.mailboxes.SendRequest(ctx, id, p.app.now())
	if errors.Is(err, mailbox.ErrNoSendRequest) {
		return r, shown, who, web.ErrNoShare
	}
	if err != nil {
		return r, shown, who, err
	}
	if who, err = p.answers(ctx, box, r.Box); err != nil {
		return r, shown, who, err
	}
	shown, ok := p.request(r)
	if !ok {
		err = web.ErrNoShare
	}
	return r, shown, who, err
}

// answers fails with ErrNoShare where somebody does not say who may send for a mailbox. It returns him.
func (p ownSharePages) answers(ctx context.Context, box, of int64) (who directory.Mailbox, err error) {
	boxes, err := p.app.answersFor(ctx, box)
	if err != nil {
		return who, err
	}
	who, ok := p.app.directory.Snapshot().Box(box)
	if !ok || !slices.Contains(boxes, of) {
		return who, web.ErrNoShare
	}
	return who, nil
}

// SendRequest implements web.OwnSending.
func (p ownSharePages) SendRequest(ctx context.Context, box int64, id string) (web.SendRequest, error) {
	_, shown, _, err := p.own(ctx, box, id)
	return shown, err
}

// AnswerSendRequest implements web.OwnSending. It fails with a web.Shut where sharing is shut to what is asked for.
func (p ownSharePages) AnswerSendRequest(ctx context.Context, box int64, id string, grant bool) (web.SendRequest, error) {
	r, shown, who, err := p.own(ctx, box, id)
	if by := p.app.directory.Snapshot().PageShut(r.Box, directory.PageShares); err == nil && grant && by != "" {
		return shown, web.Shut{By: by} // to the group: as GiveOwn
	}
	if err == nil {
		err = p.app.answerSendRequest(ctx, r, grant, string(who.Address))
	}
	if errors.Is(err, mailbox.ErrNoSendRequest) {
		err = web.ErrNoShare
	}
	return shown, err
}

// LetSend implements web.OwnSending.
func (p ownSharePages) LetSend(ctx context.Context, box int64, of, who, how string) error {
	m, err := p.app.owner(of)
	if err != nil {
		return shareFault(err)
	}
	by, err := p.answers(ctx, box, m.ID)
	if err != nil {
		return err
	}
	var list []web.Deputy
	if how == "" {
		list, err = p.deputies(ctx, m.ID, nil)
	} else if m.ID == box {
		list, err = p.offered(ctx, box, mailbox.MaxGrants)
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(d web.Deputy) bool { return d.Who == who }) {
		return web.ErrNoShare
	}
	err = p.app.letSend(ctx, m, who, mailbox.Sending(how), string(by.Address), true)
	if errors.Is(err, mailbox.ErrTooMany) {
		return web.SendFault("full")
	}
	return shareFault(err)
}
