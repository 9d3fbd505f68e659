package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// Errors of who asks to send for somebody else.
var (
	errOwnAddress = errors.New("it is an address of the mailbox itself")
	errMaySend    = errors.New("that is allowed already")
)

// askToSend has somebody ask whether he may send under an address, and writes to those who can answer. Whether there are any it
// does not tell: strangers are not to learn which addresses there are.
func (a *App) askToSend(ctx context.Context, asker directory.Mailbox, address mail.Path, how mailbox.Sending, who string) error {
	address = address.Fold()
	found, err := a.directory.Snapshot().Resolve(address)
	if err == nil && found.Owns(asker.Address) {
		return errOwnAddress
	}
	m, ok, err := a.askable(ctx, asker, found) // of what nobody has here nothing was found
	if err != nil {
		return err
	}
	now := a.now()
	r := mailbox.SendRequest{ID: mail.NewID(now), Asker: asker.ID, Address: string(address), How: how, Asked: now, Expires: now.Add(mailbox.SendRequestFor)}
	if ok {
		may, err := a.mailboxes.MaySend(ctx, a.people().Visitor(asker.ID), m.ID)
		if err != nil {
			return err
		}
		if may == mailbox.SendAs || may == how {
			return errMaySend
		}
		r.Box = m.ID
	}
	reached, err := a.mailboxes.AskToSend(ctx, r, sendNote(now, who, directory.NoteSendAsked, m, string(asker.Address), how))
	if err != nil {
		return err
	}
	if reached {
		a.log.Info("asked to send for somebody", "request", r.ID, "asker", asker.Address, "mailbox", m.Address, "how", string(how))
		a.tellOfRequest(ctx, r, asker, m)
	}
	return nil
}

// askable returns the one mailbox that has an address, which leads where was found, for its own, where somebody may ask for it: in his own domain, and where
// anything is shared with him. So who asks learns no more than he knows, and nobody hears from strangers. Where sharing is shut to its owner
// nobody is asked: he could not answer.
func (a *App) askable(ctx context.Context, asker directory.Mailbox, found directory.Resolution) (m directory.Mailbox, ok bool, err error) {
	owners := slices.DeleteFunc(slices.Clone(found.Boxes), func(b directory.Mailbox) bool { return !found.Owns(b.Address) })
	if len(owners) != 1 || owners[0].State != directory.Active || a.directory.Snapshot().PageShut(owners[0].ID, directory.PageShares) != "" {
		return m, false, nil
	}
	if m = owners[0]; m.Address.Domain() == asker.Address.Domain() {
		return m, true, nil
	}
	given, err := a.mailboxes.Given(ctx, a.people().Visitor(asker.ID))
	return m, slices.ContainsFunc(given, func(g mailbox.Grant) bool { return g.Box == m.ID }), err
}

// sendNote says for the audit who asked, or decided, how somebody may send for a mailbox.
func sendNote(now time.Time, who, what string, m directory.Mailbox, whom string, how mailbox.Sending) *directory.Note {
	may := string(how)
	if how == mailbox.NoSending {
		may = "no"
	}
	about := whom + ": " + may
	return &directory.Note{Time: now, Who: who, What: what, Whom: string(m.Address), About: directory.AboutText(about)}
}

// answersFor returns the mailboxes for which somebody says who may send: his own, and groups that he manages.
func (a *App) answersFor(ctx context.Context, box int64) (boxes []int64, err error) {
	groups, err := a.groups(ctx)
	if err != nil {
		return nil, err
	}
	given, err := a.mailboxes.Given(ctx, a.people().Visitor(box))
	boxes = []int64{box}
	for _, g := range given {
		if g.Folder == 0 && groups[g.Box] && g.Rights.Has(mailbox.MayAdminister) && !slices.Contains(boxes, g.Box) {
			boxes = append(boxes, g.Box)
		}
	}
	return boxes, err
}

// answerers are the mailboxes whose owners say who may send for one.
func (a *App) answerers(ctx context.Context, m directory.Mailbox) (list []directory.Mailbox, err error) {
	groups, err := a.groups(ctx)
	if err != nil || !groups[m.ID] {
		return []directory.Mailbox{m}, err
	}
	grants, err := a.mailboxes.Grants(ctx, m.ID, 0)
	for _, g := range grants {
		if !g.Rights.Has(mailbox.MayAdminister) {
			continue
		}
		for _, one := range a.offers.receivers(g.Who) {
			if !slices.ContainsFunc(list, func(has directory.Mailbox) bool { return has.ID == one.ID }) && len(list) < maxOffered {
				list = append(list, one)
			}
		}
	}
	return list, err
}

// tellOfRequest writes to those who can answer. That it can't be told takes nothing back: it stands on their page.
func (a *App) tellOfRequest(ctx context.Context, r mailbox.SendRequest, asker, m directory.Mailbox) {
	list, err := a.answerers(ctx, m)
	if err != nil || len(list) == 0 {
		a.log.Warn("nobody is told of a request to send", "request", r.ID, "mailbox", m.Address, "error", err)
	}
	link := ""
	if url := a.config.Load().Web.URL; url != "" {
		link = url + "/mailbox/shares/requests/" + r.ID
	}
	for _, to := range list {
		a.tellOfSending(ctx, to, sendingLetter{what: "ask", by: string(asker.Address), under: string(m.Address), how: r.How, link: link})
	}
}

// tellOfSending writes into somebody's inbox.
func (a *App) tellOfSending(ctx context.Context, to directory.Mailbox, l sendingLetter) {
	now := a.now()
	content := a.letters.sending(a.languageOf(to), to.Address, l, a.config.Load().Hostname, now)
	if err := a.deliverLetter(ctx, to.ID, queue.Letter{To: to.Address, Content: content, Kind: "sending"}, now); err != nil {
		a.log.Warn("somebody is not told who may send for whom", "mailbox", to.Address, "what", l.what, "error", err)
	}
}

// answerSendRequest grants a request or declines it, and tells its asker. It fails with mailbox.ErrNoSendRequest.
func (a *App) answerSendRequest(ctx context.Context, r mailbox.SendRequest, grant bool, who string) error {
	s := a.directory.Snapshot()
	m, there := s.Box(r.Box)
	asker, ok := s.Box(r.Asker)
	if !ok || !there {
		return mailbox.ErrNoSendRequest
	}
	what, letter := directory.NoteSendDeclined, "declined"
	if grant {
		what, letter = directory.NoteSending, "granted"
	}
	now := a.now()
	err := a.mailboxes.AnswerSendRequest(ctx, r.ID, grant, now, sendNote(now, who, what, m, string(asker.Address), r.How))
	if err != nil {
		return err
	}
	a.log.Info("request to send answered", "request", r.ID, "asker", asker.Address, "mailbox", m.Address, "how", string(r.How), "granted", grant, "by", who)
	a.tellOfSending(ctx, asker, sendingLetter{what: letter, under: r.Address, how: r.How}) // by the name that he knows
	return nil
}

// takeRequestBack ends a request for who asked.
func (a *App) takeRequestBack(ctx context.Context, asker directory.Mailbox, id string) error {
	now := a.now()
	own, err := a.mailboxes.SendRequests(ctx, mailbox.SendRequestQuery{Asker: asker.ID}, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(own, func(r mailbox.SendRequest) bool { return r.ID == id })
	if i < 0 {
		return mailbox.ErrNoSendRequest
	}
	m, _ := a.directory.Snapshot().Box(own[i].Box)
	err = a.mailboxes.TakeSendRequestBack(ctx, own[i], now, sendNote(now, string(asker.Address), directory.NoteSendTaken, m, string(asker.Address), own[i].How))
	if err == nil && own[i].Box != 0 {
		a.log.Info("request to send taken back", "request", id, "asker", asker.Address, "mailbox", m.Address)
	}
	return err
}

// letSend says how somebody may send for a mailbox, and tells him where he may from now on and is told at all.
func (a *App) letSend(ctx context.Context, m directory.Mailbox, name string, how mailbox.Sending, who string, told bool) error {
	whom, err := a.who(name)
	if err != nil {
		return err
	}
	name = a.people().Name(whom)
	note := sendNote(a.now(), who, directory.NoteSending, m, name, how)
	often := false
	if how != mailbox.NoSending && who != byCommand(ctx) {
		if often, err = a.toldOften(ctx, *note, whom); err != nil {
			return err
		}
	}
	if err := a.mailboxes.SetSenderNoted(ctx, m.ID, whom, how, note); err != nil {
		return fmt.Errorf("%s: %w", m.Address, err)
	}
	a.log.Info("who may send for a mailbox", "mailbox", m.Address, "sender", name, "how", string(how), "by", who)
	if how == mailbox.NoSending || !told || often {
		return nil
	}
	for _, to := range a.offers.receivers(whom) {
		if to.ID != m.ID {
			a.tellOfSending(ctx, to, sendingLetter{what: "granted", under: string(m.Address), how: how})
		}
	}
	return nil
}
