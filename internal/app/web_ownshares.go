package app

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/web"
	"gatepost/mailbox"
)

// ownSharePages are the shares of owners, as web wants them.
type ownSharePages struct{ app *App }

var _ web.OwnShares = ownSharePages{}

// A shareState is how one has a folder. What has the same as the folder above it is shown with that.
type shareState struct {
	rights mailbox.Rights
	answer mailbox.Answer
}

// shareRows gathers folders of one mailbox into rows: where a folder is as the nearest one above it, it counts to that one's row.
type shareRows struct {
	state map[string]shareState // by folder; "" is all of the mailbox
	row   map[string]int        // the row that a folder is in
}

// put takes the next folder, by name, for which row would be its own. It returns the row that the folder is beneath, and false where
// it has its own.
func (s *shareRows) put(name string, state shareState, row int) (int, bool) {
	if s.state == nil {
		s.state, s.row = map[string]shareState{}, map[string]int{}
	}
	above := append([]string{""}, mailbox.Parents(name)...)
	if name == "" {
		above = nil
	}
	s.state[name], s.row[name] = state, row
	for _, up := range slices.Backward(above) {
		if had, ok := s.state[up]; ok {
			if had == state {
				s.row[name] = s.row[up]
			}
			return s.row[up], had == state
		}
	}
	return 0, false
}

// SharedWith implements web.OwnShares.
func (p ownSharePages) SharedWith(ctx context.Context, box int64, most int) (list []web.SharedFolder, err error) {
	a := p.app
	v, s := a.people().Visitor(box), a.directory.Snapshot()
	all, err := a.mailboxes.SharedFolders(ctx, v)
	if err != nil {
		return nil, err
	}
	byBox := map[int64][]mailbox.Shared{}
	for _, f := range all {
		byBox[f.Box] = append(byBox[f.Box], f)
	}
	var owners []directory.Mailbox
	for id := range byBox {
		if m, ok := s.Box(id); ok && m.State != directory.Archive { // who may read one is the operators' business
			owners = append(owners, m)
		}
	}
	slices.SortFunc(owners, func(x, y directory.Mailbox) int { return cmp.Compare(x.Address, y.Address) })
	for _, m := range owners {
		whole, _, err := a.mailboxes.BoxRights(ctx, v, m.ID)
		if err != nil {
			return nil, err
		}
		rows := sharedRows(m, byBox[m.ID], whole)
		if err := p.markAsk(ctx, v, m.ID, rows); err != nil {
			return nil, err
		}
		if list = append(list, rows...); len(list) >= most {
			return list[:most], nil
		}
	}
	return list, nil
}

// markAsk marks the row that has an owner's inbox where its reader may not send for the owner.
func (p ownSharePages) markAsk(ctx context.Context, v mailbox.Visitor, box int64, rows []web.SharedFolder) error {
	at := slices.IndexFunc(rows, func(f web.SharedFolder) bool {
		return (f.Folder == "" || f.Folder == mailbox.Inbox) && f.May != "other"
	})
	if at < 0 {
		return nil
	}
	how, err := p.app.mailboxes.MaySend(ctx, v, box)
	rows[at].Ask = how == mailbox.NoSending
	return err
}

// sharedRows are the rows of one owner's folders, in all of which a reader has the rights whole. To all of a mailbox an answer stands
// at its inbox.
func sharedRows(owner directory.Mailbox, all []mailbox.Shared, whole mailbox.Rights) (list []web.SharedFolder) {
	slices.SortFunc(all, func(x, y mailbox.Shared) int { return cmp.Compare(x.Name, y.Name) })
	var rows shareRows
	add := func(name string, state shareState) {
		row, beneath := rows.put(name, state, len(list))
		if beneath {
			list[row].Beneath++
			return
		}
		f := web.SharedFolder{By: string(owner.Address), Folder: name, Group: all[0].Group, May: shareMay(state.rights), Answer: shareAnswer(state.answer)}
		f.Name = mailbox.SharedName(f.By, name, f.Group)
		list = append(list, f)
	}
	if whole != 0 {
		inbox := slices.IndexFunc(all, func(f mailbox.Shared) bool { return f.Name == mailbox.Inbox })
		state := shareState{rights: whole}
		if inbox >= 0 {
			state.answer = all[inbox].Answer
		}
		add("", state)
	}
	for _, f := range all {
		add(f.Name, shareState{f.Rights, f.Answer})
	}
	return list
}

// SharedBy implements web.OwnShares.
func (p ownSharePages) SharedBy(ctx context.Context, box int64, most int) (list []web.GivenFolder, err error) {
	a := p.app
	grants, err := a.mailboxes.BoxGrants(ctx, box)
	if err != nil {
		return nil, err
	}
	said, err := a.answers(ctx, box)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(grants, func(x, y mailbox.Grant) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Who, y.Who)) })
	rows := map[mailbox.Who]*shareRows{}
	for _, g := range grants {
		with := a.people().Name(g.Who)
		if with == "" { // who is gone sees nothing
			continue
		}
		if rows[g.Who] == nil {
			rows[g.Who] = &shareRows{}
		}
		state := shareState{g.Rights, said.to(g, g.Who.Box())}
		if g.Folder != 0 { // what is given for all folders is taken back alone, so nothing is beneath it
			if row, beneath := rows[g.Who].put(g.Name, state, len(list)); beneath {
				list[row].Beneath++
				continue
			}
		}
		f := web.GivenFolder{Folder: g.Name, Key: cmp.Or(g.Name, allFolders), With: with, May: shareMay(g.Rights)}
		if f.Kind, _ = g.Who.Split(); f.Kind == "box" {
			f.Answer = shareAnswer(state.answer)
		}
		list = append(list, f)
	}
	return list[:min(len(list), most)], nil
}

func shareAnswer(a mailbox.Answer) string { return cmp.Or(string(a), "offered") }

// shareMay is what rights come to in words.
func shareMay(r mailbox.Rights) string {
	if !r.Has(mailbox.MayLookUp | mailbox.MayRead) {
		return "other"
	}
	return string(may(r))
}

// AnswerShare implements web.OwnShares.
func (p ownSharePages) AnswerShare(ctx context.Context, box int64, name string, accept bool) error {
	reader, ok := p.app.directory.Snapshot().Box(box)
	if !ok {
		return web.ErrNoShare
	}
	answer := mailbox.Declined
	if accept {
		answer = mailbox.Accepted
	}
	return shareFault(p.app.sayToShare(ctx, reader, name, answer))
}

// TakeBack implements web.OwnShares.
func (p ownSharePages) TakeBack(ctx context.Context, box int64, folder, with string) error {
	m, ok := p.app.directory.Snapshot().Box(box)
	if !ok {
		return web.ErrNoShare
	}
	return shareFault(p.app.takeShare(ctx, ops.ShareRemove{Owner: string(m.Address), Folder: folder, With: with}, string(m.Address)))
}

// Folders implements web.OwnShares.
func (p ownSharePages) Folders(ctx context.Context, box int64) (names []string, err error) {
	all, err := p.app.mailboxes.Folders(ctx, box)
	for _, f := range all {
		if f.Use != mailbox.Quarantine {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	if at := slices.Index(names, mailbox.Inbox); at > 0 {
		names = slices.Insert(slices.Delete(names, at, at+1), 0, mailbox.Inbox)
	}
	return names, err
}

// GiveShare implements web.OwnShares.
func (p ownSharePages) GiveShare(ctx context.Context, box int64, form web.ShareForm) error {
	a := p.app
	m, ok := a.directory.Snapshot().Box(box)
	if !ok {
		return web.ErrNoShare
	}
	rights, err := mailbox.ParsePreset(form.May)
	if err != nil || rights == 0 {
		return web.ShareFault("may")
	}
	if _, ok := a.people().Who(form.With); !ok {
		return web.ShareFault("with")
	}
	var fault error // before it is put into words for a command
	give := func(ctx context.Context, by string, g mailbox.Giving) (before, after mailbox.Rights, err error) {
		before, after, fault = a.offers.giveTold(ctx, by, by, g, true)
		return before, after, fault
	}
	_, _, err = a.setShare(ctx, sharing{string(m.Address), form.Folder, form.With, form.Alone}, rights, give)
	switch {
	case errors.Is(fault, errToldOften), errors.Is(fault, errManyChanges):
		return web.ShareFault("often")
	case errors.Is(fault, mailbox.ErrOwner):
		return web.ShareFault("own")
	case errors.Is(fault, mailbox.ErrTooMany):
		return web.ShareFault("many")
	case err != nil && control.KindOf(err) != control.Failed:
		return web.ShareFault("folder")
	}
	return err
}

// shareFault says that there is nothing of the name, which a form may have from an hour ago.
func shareFault(err error) error {
	if err != nil && control.KindOf(err) != control.Failed {
		return web.ErrNoShare
	}
	return err
}
