package app

import (
	"cmp"
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

func (a *App) groupOps(h control.Handlers) {
	control.On(h, a.addGroup)
	control.On(h, a.listGroups)
	control.On(h, func(ctx context.Context, q ops.GroupShow) (ops.Group, error) {
		m, err := a.groupBox(ctx, q.Address)
		if err != nil {
			return ops.Group{}, err
		}
		return a.group(ctx, m)
	})
	control.On(h, a.setGroup)
	control.On(h, a.senders)
}

// addGroup makes a mailbox without a password, where there is none, and a group of it.
func (a *App) addGroup(ctx context.Context, q ops.GroupAdd) (ops.Group, error) {
	p, err := path(q.Address)
	if err != nil {
		return ops.Group{}, err
	}
	m, ok := a.directory.Snapshot().Mailbox(p)
	if !ok {
		if m, err = a.directory.AddMailbox(ctx, directory.Mailbox{Address: p, Language: q.Language}, ""); err != nil {
			return ops.Group{}, told(err)
		}
	}
	if err := a.openBox(ctx, m); err != nil {
		return ops.Group{}, fmt.Errorf("group %s: %w", p, err)
	}
	if err := a.mailboxes.SetGroup(ctx, m.ID, true); err != nil {
		return ops.Group{}, err
	}
	return a.setGroup(ctx, ops.GroupSet{Address: string(p), Join: q.Members})
}

// groupBox finds a mailbox that is a group.
func (a *App) groupBox(ctx context.Context, address string) (directory.Mailbox, error) {
	m, err := a.owner(address)
	if err != nil {
		return m, err
	}
	groups, err := a.groups(ctx)
	if err == nil && !groups[m.ID] {
		err = control.NotFound("%s is a mailbox, and no group", m.Address)
	}
	return m, err
}

func (a *App) listGroups(ctx context.Context, _ ops.GroupList) ([]ops.Group, error) {
	boxes, err := a.mailboxes.GroupBoxes(ctx)
	list := []ops.Group{}
	for _, box := range boxes {
		m, ok := a.directory.Snapshot().Box(box)
		if !ok {
			continue
		}
		g, err := a.group(ctx, m)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b ops.Group) int { return strings.Compare(a.Address, b.Address) })
	return list, err
}

// group tells who has rights in all of a mailbox, or may send for it.
func (a *App) group(ctx context.Context, m directory.Mailbox) (ops.Group, error) {
	members := map[mailbox.Who]ops.Member{}
	grants, err := a.mailboxes.Grants(ctx, m.ID, 0)
	if err != nil {
		return ops.Group{}, err
	}
	for _, g := range grants {
		members[g.Who] = ops.Member{Rights: g.Rights.Name()}
	}
	senders, err := a.mailboxes.Senders(ctx, m.ID)
	if err != nil {
		return ops.Group{}, err
	}
	for _, s := range senders {
		one := members[s.Who]
		one.Send = string(s.How)
		members[s.Who] = one
	}
	g := ops.Group{Address: string(m.Address), Members: []ops.Member{}}
	for who, one := range members {
		if one.Who = a.people().Name(who); one.Who != "" {
			g.Members = append(g.Members, one)
		}
	}
	slices.SortFunc(g.Members, func(a, b ops.Member) int { return strings.Compare(a.Who, b.Who) })
	return g, nil
}

// setGroup takes members in, with the right to send, and lets others go.
func (a *App) setGroup(ctx context.Context, q ops.GroupSet) (ops.Group, error) {
	m, err := a.groupBox(ctx, q.Address)
	if err != nil {
		return ops.Group{}, err
	}
	rights, err := mailbox.ParsePreset(cmp.Or(q.Rights, "write"))
	if err != nil {
		return ops.Group{}, control.Misused("rights %q: %v; give read, write, manage or letters of lrswipkxtea", q.Rights, err)
	}
	how := mailbox.SendAs
	if q.Send != nil {
		if how, err = sending(*q.Send); err != nil {
			return ops.Group{}, err
		}
	}
	for _, name := range q.Join {
		if err := a.join(ctx, m, name, rights, how); err != nil {
			return ops.Group{}, err
		}
	}
	for _, name := range q.Leave {
		if err := a.join(ctx, m, name, 0, mailbox.NoSending); err != nil {
			return ops.Group{}, err
		}
	}
	a.changes.Notify(m.ID)
	return a.group(ctx, m)
}

func sending(s string) (mailbox.Sending, error) {
	switch s {
	case "no":
		return mailbox.NoSending, nil
	case string(mailbox.SendAs), string(mailbox.SendOnBehalf):
		return mailbox.Sending(s), nil
	}
	return "", control.Misused("send %q: give as, on-behalf or no", s)
}

// join gives somebody rights in all of a group; none is to leave it.
func (a *App) join(ctx context.Context, m directory.Mailbox, name string, rights mailbox.Rights, how mailbox.Sending) error {
	who, err := a.who(name)
	if err != nil {
		return err
	}
	_, _, err = a.offers.byCommand(ctx, string(m.Address), mailbox.Giving{Grant: mailbox.Grant{Box: m.ID, Who: who, Rights: rights}, How: mailbox.Replace})
	if errors.Is(err, mailbox.ErrOwner) {
		return control.Misused("%s is the group itself", name)
	}
	if err == nil {
		err = a.letSend(ctx, m, name, how, byCommand(ctx), false)
	}
	return err
}

// senders says who may send for a mailbox, and tells who may.
func (a *App) senders(ctx context.Context, q ops.MailboxSenders) ([]ops.Member, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return nil, err
	}
	for how, names := range map[mailbox.Sending][]string{mailbox.SendAs: q.As, mailbox.SendOnBehalf: q.OnBehalf, mailbox.NoSending: q.None} {
		for _, name := range names {
			who, err := a.who(name)
			if err == nil && who == mailbox.BoxWho(m.ID) {
				err = control.Misused("%s may send as himself", name)
			}
			if err == nil {
				err = a.letSend(ctx, m, name, how, byCommand(ctx), false)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	all, err := a.mailboxes.Senders(ctx, m.ID)
	list := []ops.Member{}
	for _, s := range all {
		if name := a.people().Name(s.Who); name != "" {
			list = append(list, ops.Member{Who: name, Send: string(s.How)})
		}
	}
	return list, err
}
