package app

import (
	"context"
	"fmt"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

func (a *App) aliasOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.AliasAdd) (ops.Alias, error) {
		al, err := a.directory.AddAlias(ctx, directory.Alias{Address: mail.Path(q.Address), Targets: targets(q.Targets)})
		return alias(al), told(err)
	})
	control.On(h, func(ctx context.Context, q ops.AliasSet) (ops.Alias, error) {
		al, err := a.changeAlias(ctx, directory.PlainAlias, q.Address, func(al *directory.Alias) error {
			al.Targets = targets(q.Targets)
			return nil
		})
		return alias(al), err
	})
	control.On(h, func(_ context.Context, q ops.AliasList) ([]ops.Alias, error) {
		return listAliases(a, directory.PlainAlias, q.Domain, q.Page, alias)
	})
	control.On(h, func(_ context.Context, q ops.AliasShow) (ops.Alias, error) {
		al, err := a.aliasOf(directory.PlainAlias, q.Address)
		return alias(al), err
	})
	control.On(h, func(ctx context.Context, q ops.AliasRemove) (ops.Nothing, error) {
		return ops.Nothing{}, a.removeAlias(ctx, directory.PlainAlias, q.Address)
	})
}

func alias(a directory.Alias) ops.Alias {
	return ops.Alias{Address: string(a.Address), Targets: texts(a.Targets), Created: a.Created}
}

func (a *App) forwardOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.ForwardAdd) (ops.Forward, error) {
		al, err := a.directory.AddAlias(ctx, directory.Alias{Address: mail.Path(q.Address), Kind: directory.Forward, Targets: targets([]string{q.Target})})
		return forward(al), told(err)
	})
	control.On(h, func(ctx context.Context, q ops.ForwardSet) (ops.Forward, error) {
		al, err := a.changeAlias(ctx, directory.Forward, q.Address, func(al *directory.Alias) error {
			al.Targets = targets([]string{q.Target})
			return nil
		})
		return forward(al), err
	})
	control.On(h, func(_ context.Context, q ops.ForwardList) ([]ops.Forward, error) {
		return listAliases(a, directory.Forward, q.Domain, q.Page, forward)
	})
	control.On(h, func(_ context.Context, q ops.ForwardShow) (ops.Forward, error) {
		al, err := a.aliasOf(directory.Forward, q.Address)
		return forward(al), err
	})
	control.On(h, func(ctx context.Context, q ops.ForwardRemove) (ops.Nothing, error) {
		return ops.Nothing{}, a.removeAlias(ctx, directory.Forward, q.Address)
	})
}

func forward(a directory.Alias) ops.Forward {
	f := ops.Forward{Address: string(a.Address), Created: a.Created}
	if len(a.Targets) > 0 {
		f.Target = string(a.Targets[0])
	}
	return f
}

// commandOf is the command for a kind of alias.
func commandOf(k directory.AliasKind) string { return "gatepost " + string(k) }

// aliasOf finds an alias of one kind; of one of another it says what that is.
func (a *App) aliasOf(kind directory.AliasKind, address string) (directory.Alias, error) {
	p, err := path(address)
	if err != nil {
		return directory.Alias{}, err
	}
	found, ok := a.directory.Snapshot().Alias(p)
	if ok && found.Kind == kind {
		return found, nil
	}
	return directory.Alias{}, control.NotFound("%s %s: %v", kind, p, otherKind(found, ok, kind))
}

func otherKind(found directory.Alias, ok bool, want directory.AliasKind) error {
	if ok {
		return fmt.Errorf("it is no %s; `%s` is for it", want, commandOf(found.Kind))
	}
	return fmt.Errorf("no such %s", want)
}

func (a *App) changeAlias(ctx context.Context, kind directory.AliasKind, address string, edit func(*directory.Alias) error) (directory.Alias, error) {
	found, err := a.aliasOf(kind, address)
	if err != nil {
		return directory.Alias{}, err
	}
	next, err := a.directory.ChangeAlias(ctx, found.Address, edit)
	return next, told(err)
}

func (a *App) removeAlias(ctx context.Context, kind directory.AliasKind, address string) error {
	found, err := a.aliasOf(kind, address)
	if err != nil {
		return err
	}
	if err := a.directory.RemoveAlias(ctx, found.Address); err != nil {
		return told(err)
	}
	return a.mailboxes.ForgetWho(ctx, mailbox.GroupWho(string(found.Address))) // who gets the address next is another
}

// listAliases lists one page of one kind, of a domain or of all, by address.
func listAliases[R any](a *App, kind directory.AliasKind, domain string, page ops.Page, show func(directory.Alias) R) ([]R, error) {
	s := a.directory.Snapshot()
	if domain != "" {
		d, ok := s.Domain(spelledDomain(domain))
		if !ok {
			return nil, control.NotFound("domain %s: %v", domain, directory.ErrNoDomain)
		}
		domain = d.Name
	}
	found := []directory.Alias{}
	for _, al := range s.Aliases(domain) {
		if al.Kind == kind {
			found = append(found, al)
		}
	}
	list := []R{}
	for _, al := range pageOf(found, page, func(al directory.Alias) string { return string(al.Address) }) {
		list = append(list, show(al))
	}
	return list, nil
}
