package app

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// operations is what can be asked of a node: by commands today, whether a server
// runs or not, and by console and API later. One function an operation.
func (a *App) operations() control.Handlers {
	h := control.Handlers{}
	a.domainOps(h)
	a.mailboxOps(h)
	a.aliasOps(h)
	a.listOps(h)
	a.quarantineOps(h)
	a.journalOps(h)
	a.queueOps(h)
	control.On(h, a.explain)
	control.On(h, a.checkStore)
	return h
}

// told gives an error of the directory the kind that decides a command's exit
// status: what does not exist is not found, what could never be is misuse.
func told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, directory.ErrNoDomain), errors.Is(err, directory.ErrNoMailbox), errors.Is(err, directory.ErrNoAlias), errors.Is(err, directory.ErrNoEntry):
		return control.NotFound("%v", err)
	case errors.Is(err, directory.ErrInvalid), errors.Is(err, mail.ErrPath):
		return control.Misused("%v", err)
	}
	return err
}

func path(s string) (mail.Path, error) {
	p, err := mail.ParsePath(s)
	if err == nil && p.IsNull() {
		err = fmt.Errorf("%w: empty", mail.ErrPath)
	}
	if err != nil {
		return "", control.Misused("%v", err)
	}
	return p.Fold(), nil
}

// spelled is an address to search for, in the spelling in which addresses are
// kept; what is none is searched for as it stands.
func spelled(s string) mail.Path {
	if p, err := mail.ParsePath(s); err == nil {
		return p
	}
	return mail.Path(s)
}

// spelledDomain is the same for a domain.
func spelledDomain(s string) string {
	if name, err := mail.ParseDomain(s); err == nil {
		return name
	}
	return s
}

// domainName reads the name of a domain, in U-labels or A-labels.
func domainName(s string) (string, error) {
	d, err := mail.ParseDomain(s)
	if err != nil {
		return "", control.Misused("%v", err)
	}
	return d, nil
}

func (a *App) domainOps(h control.Handlers) {
	control.On(h, a.addDomain)
	control.On(h, func(context.Context, ops.DomainList) ([]ops.Domain, error) {
		list := []ops.Domain{}
		for _, d := range a.directory.Snapshot().Domains() {
			list = append(list, a.domain(d))
		}
		return list, nil
	})
	control.On(h, func(_ context.Context, q ops.DomainShow) (ops.Domain, error) {
		name, err := domainName(q.Name)
		if err != nil {
			return ops.Domain{}, err
		}
		d, ok := a.directory.Snapshot().Domain(name)
		if !ok {
			return ops.Domain{}, control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
		}
		return a.domain(d), nil
	})
	control.On(h, a.setDomain)
	control.On(h, func(ctx context.Context, q ops.DomainRemove) (ops.Nothing, error) {
		name, err := domainName(q.Name)
		if err != nil {
			return ops.Nothing{}, err
		}
		return ops.Nothing{}, told(a.directory.RemoveDomain(ctx, name))
	})
}

func (a *App) domain(d directory.Domain) ops.Domain {
	s := a.directory.Snapshot()
	return ops.Domain{
		Name: d.Name, Policy: d.Policy, Disposition: string(d.Disposition), Created: d.Created,
		Mailboxes: len(s.Mailboxes(d.Name)), Aliases: len(s.Aliases(d.Name)),
	}
}

func (a *App) addDomain(ctx context.Context, q ops.DomainAdd) (ops.Domain, error) {
	if err := a.knownPolicy(q.Policy); err != nil {
		return ops.Domain{}, err
	}
	d, err := a.directory.AddDomain(ctx, directory.Domain{Name: q.Name, Policy: q.Policy, Disposition: directory.Disposition(q.Disposition)})
	if err != nil {
		return ops.Domain{}, told(err)
	}
	return a.domain(d), nil
}

func (a *App) setDomain(ctx context.Context, q ops.DomainSet) (ops.Domain, error) {
	name, err := domainName(q.Name)
	if err != nil {
		return ops.Domain{}, err
	}
	if q.Policy != nil {
		if err := a.knownPolicy(*q.Policy); err != nil {
			return ops.Domain{}, err
		}
	}
	d, err := a.directory.ChangeDomain(ctx, name, func(d *directory.Domain) error {
		if q.Policy != nil {
			d.Policy = *q.Policy
		}
		if q.Disposition != nil {
			d.Disposition = directory.Disposition(*q.Disposition)
		}
		return nil
	})
	if err != nil {
		return ops.Domain{}, told(err)
	}
	return a.domain(d), nil
}

// knownPolicy refuses a policy that the configuration does not have: a domain
// would silently take the default one.
func (a *App) knownPolicy(name string) error {
	p := a.intake.Policies()
	if name == "" || p.ByName[name] != nil {
		return nil
	}
	return control.Misused("policy %q is not in the configuration", name)
}
