package app

import (
	"context"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (a *App) appPasswordOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.AppPasswordAdd) (ops.AppPassword, error) {
		p, err := path(q.Address)
		if err != nil {
			return ops.AppPassword{}, err
		}
		password, err := a.directory.AddApp(ctx, p, q.Name)
		if err != nil {
			return ops.AppPassword{}, told(err)
		}
		return ops.AppPassword{Name: q.Name, Password: password, Created: a.now()}, nil
	})
	control.On(h, func(ctx context.Context, q ops.AppPasswordList) ([]ops.AppPassword, error) {
		m, err := a.owner(q.Address)
		if err != nil {
			return nil, err
		}
		used, err := a.directory.Used(ctx, m)
		if err != nil {
			return nil, err
		}
		list := []ops.AppPassword{}
		for _, one := range m.Apps {
			list = append(list, ops.AppPassword{Name: one.Name, Created: one.Created, Used: used[one.ID]})
		}
		return list, nil
	})
	control.On(h, func(ctx context.Context, q ops.AppPasswordRemove) (ops.Nothing, error) {
		p, err := path(q.Address)
		if err != nil {
			return ops.Nothing{}, err
		}
		return ops.Nothing{}, told(a.directory.RemoveApp(ctx, p, q.Name))
	})
}

// owner finds the mailbox that an operation names.
func (a *App) owner(address string) (directory.Mailbox, error) {
	p, err := path(address)
	if err != nil {
		return directory.Mailbox{}, err
	}
	m, ok := a.directory.Snapshot().Mailbox(p)
	if !ok {
		return directory.Mailbox{}, control.NotFound("mailbox %s: %v", p, directory.ErrNoMailbox)
	}
	if m.State == directory.Archive {
		return directory.Mailbox{}, control.Misused("%s is the archive of %s, and no mailbox; see gatepost archive", p, p.Domain())
	}
	return m, nil
}
