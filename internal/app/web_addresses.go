package app

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/web"
	"gatepost/mailbox"
)

// addressPages are the address lists, as owners see them on a page.
type addressPages struct{ app *App }

var _ web.Addresses = addressPages{}

// HasAddresses implements web.Addresses.
func (p addressPages) HasAddresses(box int64) bool {
	s := p.app.directory.Snapshot()
	m, _ := s.Box(box)
	dom, ok := s.Domain(m.Address.Domain())
	return ok && dom.AddressList != directory.ListNobody
}

// Addresses implements web.Addresses.
func (p addressPages) Addresses(ctx context.Context, box int64, q web.AddressQuery) (part web.AddressPart, err error) {
	s := p.app.directory.Snapshot()
	m, _ := s.Box(box)
	dom, ok := s.Domain(m.Address.Domain())
	if !ok || dom.AddressList == directory.ListNobody {
		return part, web.ErrNoAddresses
	}
	groups, err := p.groups(ctx, box)
	if err != nil {
		return part, err
	}
	for _, g := range groups {
		part.Groups = append(part.Groups, string(g.Address))
	}
	ask := directory.AddressQuery{Domain: dom.Name, Search: q.Search, After: mail.Path(q.After), Limit: q.Limit}
	if part.Group = q.Group; dom.AddressList == directory.ListDomain {
		part.Domain = dom.Name
	} else if q.Group == "" && len(groups) > 0 {
		part.Group = part.Groups[0]
	}
	switch at := slices.Index(part.Groups, part.Group); {
	case at >= 0:
		if ask.In, err = p.members(ctx, groups[at].ID); err != nil {
			return part, err
		}
	case part.Group != "":
		return part, web.ErrNoAddresses
	case part.Domain == "":
		return part, nil
	}
	var kinds map[int64]bool
	if q.Kinds {
		if kinds, err = p.app.groups(ctx); err != nil {
			return part, err
		}
	}
	for _, one := range s.Addresses(ask) {
		part.Rows = append(part.Rows, web.Address{Name: one.Name, Address: string(one.Address), Group: kinds[one.ID]})
	}
	return part, nil
}

// groups are those that the owner of a mailbox is a member of, by address.
func (p addressPages) groups(ctx context.Context, box int64) (list []directory.Mailbox, err error) {
	a := p.app
	given, err := a.mailboxes.Given(ctx, a.people().Visitor(box))
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for _, g := range given {
		if !isMember(g) || seen[g.Box] {
			continue
		}
		seen[g.Box] = true
		m, ok := a.directory.Snapshot().Box(g.Box)
		if !ok || m.State != directory.Active {
			continue
		}
		_, group, err := a.mailboxes.BoxRights(ctx, mailbox.Visitor{Box: box}, g.Box)
		if err != nil {
			return nil, err
		}
		if group {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(x, y directory.Mailbox) int { return cmp.Compare(x.Address, y.Address) })
	return list[:min(len(list), web.MaxAddressGroups)], nil
}

// isMember: who may read all of a group's mail is a member of it, by his own name or by an alias's. A group that is open to a whole
// domain, or to everybody, has nobody for that: it would show all whom their domain hides.
func isMember(g mailbox.Grant) bool {
	kind, _ := g.Who.Split()
	return (kind == "box" || kind == "group") && g.Folder == 0 && g.Rights.Has(mailbox.MayLookUp|mailbox.MayRead)
}

// members tells who is a member of a group.
func (p addressPages) members(ctx context.Context, group int64) (func(directory.Mailbox) bool, error) {
	grants, err := p.app.mailboxes.Grants(ctx, group, 0)
	if err != nil {
		return nil, err
	}
	s, boxes := p.app.directory.Snapshot(), map[int64]bool{}
	for _, g := range grants {
		if !isMember(g) {
			continue
		}
		boxes[g.Who.Box()] = true // 0, which is nobody, of an alias
		if _, alias := g.Who.Split(); g.Who.Box() == 0 {
			maps.Copy(boxes, s.Members(mail.Path(alias)))
		}
	}
	return func(m directory.Mailbox) bool { return boxes[m.ID] }, nil
}
