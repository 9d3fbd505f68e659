package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/mailbox"
)

func (a *App) shareOps(h control.Handlers) {
	control.On(h, a.addShare)
	control.On(h, a.listShares)
	control.On(h, a.removeShare)
	control.On(h, a.answerShare)
	control.On(h, a.shareAsk)
	control.On(h, a.shareRequests)
	control.On(h, a.shareDecide)
}

// people is the directory as whom things are shared with.
func (a *App) people() imapPeople { return imapPeople{a.directory} }

// who finds whom a command names.
func (a *App) who(identifier string) (mailbox.Who, error) {
	who, ok := a.people().Who(identifier)
	if !ok {
		return "", control.NotFound("%s: no such mailbox, alias, distribution list or domain here; anyone is all who have a mailbox", identifier)
	}
	return who, nil
}

// allFolders is how commands call all folders of a mailbox.
const allFolders = "*"

// shareable returns the number of a folder, 0 for the whole mailbox, and its name.
func (a *App) shareable(ctx context.Context, box int64, name string) (id int64, clean string, err error) {
	if name == allFolders {
		return 0, "", nil
	}
	if clean, err = mailbox.CleanName(name); err != nil {
		return 0, "", control.Misused("%v", err)
	}
	f, err := a.mailboxes.Folder(ctx, box, clean)
	if errors.Is(err, mailbox.ErrNoFolder) {
		err = control.NotFound("folder %s: %v", clean, mailbox.ErrNoFolder)
	}
	return f.ID, clean, err
}

// A giver changes what somebody has in a folder; by is who gives it.
type giver func(ctx context.Context, by string, g mailbox.Giving) (before, after mailbox.Rights, err error)

// quietly is a giver that tells nobody; who does it the audit has.
func (a *App) quietly(who string) giver {
	return func(ctx context.Context, _ string, g mailbox.Giving) (before, after mailbox.Rights, err error) {
		return a.mailboxes.SetGrantTold(ctx, g, a.shareNote(who, g.Grant, g.Rights), nil, nil)
	}
}

// A sharing is a folder of somebody, and whom it is shared with.
type sharing struct {
	owner, folder, with string
	only                bool // what is beneath it is not
}

// setShare changes what somebody has in a folder and in all beneath it.
func (a *App) setShare(ctx context.Context, s sharing, r mailbox.Rights, give giver) (g mailbox.Grant, before mailbox.Rights, err error) {
	m, err := a.owner(s.owner)
	if err != nil {
		return g, 0, err
	}
	who, err := a.who(s.with)
	if err != nil {
		return g, 0, err
	}
	id, name, err := a.shareable(ctx, m.ID, s.folder)
	if err != nil {
		return g, 0, err
	}
	g = mailbox.Grant{Box: m.ID, Folder: id, Name: name, Who: who, Rights: r}
	reach := mailbox.All
	if s.only {
		reach = mailbox.Alone
	}
	before, _, err = give(ctx, string(m.Address), mailbox.Giving{Grant: g, Reach: reach})
	if errors.Is(err, mailbox.ErrOwner) || errors.Is(err, mailbox.ErrQuarantine) || errors.Is(err, mailbox.ErrTooMany) {
		err = control.Misused("%v", err)
	}
	if err == nil {
		a.changes.Notify(m.ID)
	}
	return g, before, err
}

func (a *App) addShare(ctx context.Context, q ops.ShareAdd) (ops.Share, error) {
	r, err := mailbox.ParsePreset(q.Rights)
	if err == nil && r == 0 {
		err = errors.New("no rights")
	}
	if err != nil {
		return ops.Share{}, control.Misused("rights %q: %v; give read, write, manage or letters of lrswipkxtea", q.Rights, err)
	}
	how := mailbox.NoSending
	if q.Send != "" {
		if how, err = sending(q.Send); err != nil {
			return ops.Share{}, err
		}
	}
	give := a.offers.byCommand
	if q.Quiet {
		give = a.quietly(byCommand(ctx))
	}
	g, _, err := a.setShare(ctx, sharing{q.Owner, q.Folder, q.With, q.Only}, r, give)
	if err != nil {
		return ops.Share{}, err
	}
	if q.Send != "" {
		if err := a.shareSends(ctx, q, how); err != nil {
			return ops.Share{}, err
		}
	}
	groups, err := a.groups(ctx)
	return a.share(g, groups), err
}

func (a *App) removeShare(ctx context.Context, q ops.ShareRemove) (ops.Nothing, error) {
	return ops.Nothing{}, a.takeShare(ctx, q, byCommand(ctx))
}

// takeShare takes a folder away from whom it is shared with, and all beneath it; who does it the audit has.
func (a *App) takeShare(ctx context.Context, q ops.ShareRemove, who string) error {
	some := false
	take := func(ctx context.Context, by string, g mailbox.Giving) (before, after mailbox.Rights, err error) {
		if some, err = a.given(ctx, g); err != nil || !some {
			return 0, 0, err
		}
		return a.quietly(who)(ctx, by, g)
	}
	g, _, err := a.setShare(ctx, sharing{q.Owner, q.Folder, q.With, q.Only}, 0, take)
	if err == nil && !some {
		err = control.NotFound("%s of %s: %v %s", q.Folder, q.Owner, mailbox.ErrNoGrant, a.people().Name(g.Who))
	}
	return err
}

// given reports whether somebody has rights where a change is to reach: in a folder, or beneath it alone.
func (a *App) given(ctx context.Context, g mailbox.Giving) (bool, error) {
	all, err := a.mailboxes.BoxGrants(ctx, g.Box)
	return slices.ContainsFunc(all, func(has mailbox.Grant) bool {
		beneath := g.Folder != 0 && g.Reach == mailbox.All && strings.HasPrefix(has.Name, g.Name+mailbox.Separator)
		return has.Who == g.Who && (has.Folder == g.Folder || beneath)
	}), err
}

// groups are the boxes that are groups.
func (a *App) groups(ctx context.Context) (map[int64]bool, error) {
	list, err := a.mailboxes.GroupBoxes(ctx)
	set := map[int64]bool{}
	for _, box := range list {
		set[box] = true
	}
	return set, err
}

func (a *App) share(g mailbox.Grant, groups map[int64]bool) ops.Share {
	owner := a.people().Name(mailbox.BoxWho(g.Box))
	s := ops.Share{Owner: owner, Folder: g.Name, With: a.people().Name(g.Who), Rights: g.Rights.Name(), Name: mailbox.SharedName(owner, g.Name, groups[g.Box])}
	if g.Folder == 0 {
		s.Folder = allFolders
		s.Name += allFolders
	}
	return s
}

func (a *App) listShares(ctx context.Context, q ops.ShareList) ([]ops.Share, error) {
	if (q.Owner == "") == (q.With == "") {
		return nil, control.Misused("name either an owner or somebody with whom is shared")
	}
	groups, err := a.groups(ctx)
	if err != nil {
		return nil, err
	}
	m, err := a.owner(q.Owner + q.With)
	if err != nil {
		return nil, err
	}
	var grants []mailbox.Grant
	if q.Owner != "" {
		grants, err = a.mailboxes.BoxGrants(ctx, m.ID)
	} else {
		grants, err = a.mailboxes.Given(ctx, a.people().Visitor(m.ID))
	}
	list, said := []ops.Share{}, map[int64]answers{}
	for _, g := range grants {
		if said[g.Box] == nil && err == nil {
			said[g.Box], err = a.answers(ctx, g.Box)
		}
		s, reader := a.share(g, groups), g.Who.Box()
		if q.With != "" { // also what reaches him as one of many
			reader = m.ID
		}
		s.Answer = string(said[g.Box].to(g, reader))
		list = append(list, s)
	}
	return list, err
}

// answers are what was said to the folders of a box.
type answers map[[2]int64]mailbox.Answer // by folder, 0 for all of the box, and reader

// answers reads them. To all of a box an answer stands at its inbox.
func (a *App) answers(ctx context.Context, box int64) (answers, error) {
	all := answers{}
	list, err := a.mailboxes.Answers(ctx, box)
	for _, s := range list {
		all[[2]int64{s.Folder, s.Reader}] = s.Answer
		if s.Name == mailbox.Inbox {
			all[[2]int64{0, s.Reader}] = s.Answer
		}
	}
	return all, err
}

func (a answers) to(g mailbox.Grant, reader int64) mailbox.Answer {
	return a[[2]int64{g.Folder, reader}]
}

// answerShare answers for somebody who has asked for it.
func (a *App) answerShare(ctx context.Context, q ops.ShareAnswer) (ops.Nothing, error) {
	answer, ok := map[string]mailbox.Answer{"accept": mailbox.Accepted, "decline": mailbox.Declined, "leave": mailbox.Declined, "ask": mailbox.Offered}[q.Answer]
	if !ok {
		return ops.Nothing{}, control.Misused("answer %q: give accept, decline, leave or ask", q.Answer)
	}
	reader, err := a.owner(q.Reader)
	if err != nil {
		return ops.Nothing{}, err
	}
	return ops.Nothing{}, a.sayToShare(ctx, reader, q.Name, answer)
}

// sayToShare notes what a reader says to a share, which is called by the name that he sees: a folder and all beneath it, or, by the
// name of its owner's level, all folders of a mailbox.
func (a *App) sayToShare(ctx context.Context, reader directory.Mailbox, name string, answer mailbox.Answer) error {
	clean, err := mailbox.CleanAny(name)
	if err != nil {
		return control.Misused("%v", err)
	}
	address, folder, group, ok := mailbox.CutShared(clean)
	if !ok {
		return control.Misused("%s: give the name that the receiver sees, such as Shared/ann@example.org/Projects", name)
	}
	owner, err := a.owner(address)
	if err != nil {
		return err
	}
	v := a.people().Visitor(reader.ID)
	_, isGroup, err := a.mailboxes.BoxRights(ctx, v, owner.ID)
	switch {
	case err == nil && isGroup != group:
		err = mailbox.ErrNoFolder
	case err == nil && folder == "":
		err = a.mailboxes.AnswerBox(ctx, v, owner.ID, answer, sharedNames(owner.Address))
	case err == nil:
		var s mailbox.Shared
		if s, err = a.mailboxes.SharedFolder(ctx, v, owner.ID, folder); err == nil {
			err = a.mailboxes.AnswerShare(ctx, v, s.ID, answer, sharedNames(owner.Address))
		}
	}
	if errors.Is(err, mailbox.ErrNoFolder) {
		return control.NotFound("%s: %v %s", clean, mailbox.ErrNoGrant, reader.Address)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", clean, err)
	}
	a.changes.Notify(reader.ID)
	return nil
}
