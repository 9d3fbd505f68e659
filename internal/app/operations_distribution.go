package app

import (
	"context"
	"slices"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

func (a *App) distributionOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.DistributionAdd) (ops.Distribution, error) {
		list, err := a.directory.AddAlias(ctx, directory.Alias{
			Address: mail.Path(q.Address), Kind: directory.Distribution, Targets: targets(q.Members),
			Post: directory.Posting(q.Post), Owner: mail.Path(q.Owner),
		})
		return distribution(list), told(err)
	})
	control.On(h, func(ctx context.Context, q ops.DistributionSet) (ops.Distribution, error) {
		list, err := a.changeAlias(ctx, directory.Distribution, q.Address, func(list *directory.Alias) (err error) {
			give(&list.Post, (*directory.Posting)(q.Post))
			give(&list.Owner, (*mail.Path)(q.Owner))
			list.Targets, err = members(list.Targets, q)
			return err
		})
		return distribution(list), err
	})
	control.On(h, func(_ context.Context, q ops.DistributionList) ([]ops.Distribution, error) {
		return listAliases(a, directory.Distribution, q.Domain, q.Page, distribution)
	})
	control.On(h, func(_ context.Context, q ops.DistributionShow) (ops.DistributionDetail, error) {
		list, err := a.aliasOf(directory.Distribution, q.Address)
		return ops.DistributionDetail{Distribution: distribution(list), Members: texts(list.Targets)}, err
	})
	control.On(h, func(ctx context.Context, q ops.DistributionRemove) (ops.Nothing, error) {
		return ops.Nothing{}, a.removeAlias(ctx, directory.Distribution, q.Address)
	})
}

func distribution(a directory.Alias) ops.Distribution {
	return ops.Distribution{Address: string(a.Address), Post: string(a.Post), Owner: string(a.Owner), Size: len(a.Targets), Created: a.Created}
}

// members is what a change makes of a list's members. Who is to be taken off is found
// whatever the case of its letters, and must be there.
func members(old []mail.Path, q ops.DistributionSet) ([]mail.Path, error) {
	next := slices.Clone(old)
	if q.Members != nil {
		next = targets(*q.Members)
	}
	next = append(next, targets(q.Add)...)
	drop := make(map[mail.Path]bool, len(q.Drop))
	for _, d := range q.Drop {
		drop[spelled(d).Fold()] = true
	}
	next = slices.DeleteFunc(next, func(m mail.Path) bool {
		name := spelled(string(m)).Fold()
		_, leaves := drop[name]
		if leaves {
			drop[name] = false
		}
		return leaves
	})
	for _, d := range q.Drop {
		if drop[spelled(d).Fold()] {
			return nil, control.NotFound("%s is not a member", d)
		}
	}
	return next, nil
}
