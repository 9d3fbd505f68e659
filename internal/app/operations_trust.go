package app

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/trust"
)

func (a *App) trustOps(h control.Handlers) {
	control.On(h, a.listTrust)
	control.On(h, a.showTrust)
	control.On(h, a.setTrust)
	control.On(h, a.forgetTrust)
}

func (a *App) listTrust(ctx context.Context, q ops.TrustList) ([]ops.Trust, error) {
	var scopes []trust.Scope
	if q.For != "" {
		own, dom, err := a.trustFor(q.For)
		if err != nil {
			return nil, err
		}
		scopes = []trust.Scope{own, dom}
	}
	var after trust.Key
	if q.After != "" {
		scope, sender, ok := strings.Cut(q.After, " ")
		if !ok {
			return nil, control.Misused("after %q is no id of a row", q.After)
		}
		after = trust.Key{Scope: trust.Scope(scope), Sender: mail.Path(sender)}
	}
	if q.Limit <= 0 || q.Limit > directory.MaxPage {
		q.Limit = directory.MaxPage
	}
	entries, err := a.store.Trust().List(ctx, scopes, after, q.Limit)
	return a.trusts(entries), err
}

func (a *App) showTrust(ctx context.Context, q ops.TrustShow) ([]ops.Trust, error) {
	own, dom, err := a.trustFor(q.For)
	if err != nil {
		return nil, err
	}
	sender, err := path(q.Sender)
	if err != nil {
		return nil, err
	}
	sender = sender.Unsigned()
	keys := []trust.Key{{Scope: own, Sender: sender}}
	if dom != own {
		keys = append(keys, trust.Key{Scope: dom, Sender: sender})
	}
	entries, err := a.store.Trust().Find(ctx, keys)
	return a.trusts(entries), err
}

func (a *App) setTrust(ctx context.Context, q ops.TrustSet) (ops.Trust, error) {
	own, _, err := a.trustFor(q.For)
	if err != nil {
		return ops.Trust{}, err
	}
	sender, err := path(q.Sender)
	if err != nil {
		return ops.Trust{}, err
	}
	w := trust.Weight(math.Round(q.Weight * float64(trust.One)))
	if math.IsNaN(q.Weight) || w < 0 || w > trust.Most {
		return ops.Trust{}, control.Misused("weight %g is not between 0 and %d", q.Weight, trust.Most/trust.One)
	}
	e, err := a.trust.Set(ctx, trust.Key{Scope: own, Sender: sender}, w)
	if err != nil {
		return ops.Trust{}, err
	}
	a.log.Info("trust set", "for", q.For, "sender", sender, "weight", q.Weight)
	return a.trusted(e), nil
}

func (a *App) forgetTrust(ctx context.Context, q ops.TrustForget) (ops.Nothing, error) {
	if q.Held != "" {
		taught, err := a.trust.Forgive(ctx, q.Held)
		if err == nil && !taught {
			err = control.NotFound("held message %s: it taught nothing, or it was taken back", q.Held)
		}
		return ops.Nothing{}, err
	}
	own, _, err := a.trustFor(q.For)
	if err != nil {
		return ops.Nothing{}, err
	}
	sender, err := path(q.Sender)
	if err != nil {
		return ops.Nothing{}, err
	}
	gone, err := a.trust.Forget(ctx, trust.Key{Scope: own, Sender: sender})
	if err == nil && !gone {
		err = control.NotFound("nothing is known of %s for %s", sender, q.For)
	}
	return ops.Nothing{}, err
}

// trustFor returns the scope that an address or a domain stands for, and that of its
// domain. A mailbox can be named by any address that leads to it alone.
func (a *App) trustFor(name string) (own, domain trust.Scope, err error) {
	s := a.directory.Snapshot()
	if !strings.Contains(name, "@") {
		canonical, err := domainName(name)
		if err != nil {
			return "", "", err
		}
		d, ok := s.Domain(canonical)
		if !ok {
			return "", "", control.NotFound("domain %s: %v", canonical, directory.ErrNoDomain)
		}
		return trust.ForDomain(d.ID), trust.ForDomain(d.ID), nil
	}
	p, err := path(name)
	if err != nil {
		return "", "", err
	}
	own, domain, err = scopesOf(s, p)
	return own, domain, told(err)
}

func (a *App) trusts(entries []trust.Entry) []ops.Trust {
	list := []ops.Trust{}
	for _, e := range entries {
		list = append(list, a.trusted(e))
	}
	return list
}

func (a *App) trusted(e trust.Entry) ops.Trust {
	return ops.Trust{
		ID: string(e.Scope) + " " + string(e.Sender), For: a.scopeName(e.Scope), Sender: string(e.Sender), Weight: float64(e.At(a.now())) / float64(trust.One),
		Learnt: e.How.String(), Last: e.Learnt, Used: e.Used,
	}
}

// scopeName is a scope for a person.
func (a *App) scopeName(scope trust.Scope) string {
	s := a.directory.Snapshot()
	id, domain, address := scope.Split()
	if box, ok := s.Box(id); ok {
		return string(box.Address)
	}
	for _, d := range s.Domains() {
		if d.ID == domain {
			return d.Name
		}
	}
	switch {
	case id != 0:
		return fmt.Sprintf("mailbox %d", id)
	case domain != 0:
		return fmt.Sprintf("domain %d", domain)
	}
	return string(address)
}
