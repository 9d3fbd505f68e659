package app

import (
	"context"
	"errors"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/dkim"
	"gatepost/internal/signing"
)

func (a *App) dkimOps(h control.Handlers) {
	control.On(h, func(_ context.Context, q ops.DKIMList) ([]ops.DKIMKey, error) {
		return a.dkim(q.Domain, func(string) error { return nil })
	})
	control.On(h, func(ctx context.Context, q ops.DKIMCheck) ([]ops.DKIMKey, error) {
		return a.dkim(q.Domain, func(name string) error { a.keys.Check(ctx, name); return nil })
	})
	control.On(h, func(ctx context.Context, q ops.DKIMNew) ([]ops.DKIMKey, error) {
		return a.dkim(q.Domain, func(name string) error { return a.keys.Create(ctx, name) })
	})
	control.On(h, func(ctx context.Context, q ops.DKIMRotate) ([]ops.DKIMKey, error) {
		return a.dkim(q.Domain, func(name string) error { return a.keys.Replace(ctx, name) })
	})
	control.On(h, func(ctx context.Context, q ops.DKIMDrop) ([]ops.DKIMKey, error) {
		if q.Selector == "" {
			return nil, control.Misused("which key? give its selector")
		}
		return a.dkim(q.Domain, func(name string) error { return a.keys.Drop(ctx, name, q.Selector) })
	})
}

// dkim does something with the keys of a domain, or of this node's own name, and returns what they are then.
func (a *App) dkim(domain string, do func(name string) error) ([]ops.DKIMKey, error) {
	name, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	if _, ours := a.directory.Snapshot().Domain(name); !ours && name != a.config.Load().Hostname && len(a.keys.Keys(name)) == 0 {
		return nil, control.NotFound("domain %s: %v", name, directory.ErrNoDomain)
	}
	err = do(name)
	switch {
	case errors.Is(err, signing.ErrNoKey):
		return nil, control.NotFound("%v", err)
	case errors.Is(err, signing.ErrHasKeys):
		return nil, control.Misused("%s has keys; gatepost domain dkim %s rotate replaces them", name, name)
	case errors.Is(err, signing.ErrMakesNone):
		return nil, control.Misused("%s has no keys that sign; gatepost domain dkim %s new makes some", name, name)
	case errors.Is(err, signing.ErrWaits):
		return nil, control.Misused("new keys of %s wait for their records already; gatepost domain dkim %s list tells which", name, name)
	case err != nil:
		return nil, err
	}
	list := []ops.DKIMKey{}
	for _, k := range a.keys.Keys(name) {
		shown, err := shownKey(k)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	return list, nil
}

// shownKey is what is shown of a key: never the private one.
func shownKey(k signing.Key) (ops.DKIMKey, error) {
	text, err := k.Record()
	return ops.DKIMKey{
		Domain: k.Domain, Selector: k.Selector, Kind: k.Kind, State: string(k.State), Made: k.Made, Since: k.Since, Problem: k.Problem,
		Name: k.Name() + ".", Record: text, Data: dkim.ZoneText(text),
	}, err
}

// dkimRecords are the lines of the DNS that a domain's keys need.
func (a *App) dkimRecords(name string) (list []ops.DNSRecord, err error) {
	for _, k := range a.keys.Keys(name) {
		if k.State == signing.Spent {
			continue
		}
		text, err := k.Record()
		if err != nil {
			return nil, err
		}
		list = append(list, ops.DNSRecord{Name: k.Name() + ".", Type: "TXT", Data: dkim.ZoneText(text)})
	}
	return list, nil
}
