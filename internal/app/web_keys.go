package app

import (
	"context"
	"errors"
	"strings"

	"gatepost/internal/mail"
	"gatepost/internal/signing"
	"gatepost/internal/web"
)

// keyPages are the keys that sign, as people see them on the pages.
type keyPages struct{ app *App }

// Domains implements web.Keys.
func (k keyPages) Domains(part string, most int, may func(string) bool) (list []string) {
	part = strings.ToLower(part)
	host := k.app.config.Load().Hostname
	names := []string{host}
	for _, d := range k.app.directory.Snapshot().Domains() {
		if d.Name != host {
			names = append(names, d.Name)
		}
	}
	for _, name := range names {
		if strings.Contains(name, part) && may(name) && len(list) < most {
			list = append(list, name)
		}
	}
	return list
}

// Of implements web.Keys.
func (k keyPages) Of(domain string) (string, []web.SigningKey, bool) {
	name, err := mail.ParseDomain(domain)
	if err != nil {
		return "", nil, false
	}
	if d, ours := k.app.directory.Snapshot().Domain(name); ours {
		name = d.Name
	} else if name != k.app.config.Load().Hostname {
		return "", nil, false
	}
	list := []web.SigningKey{}
	for _, key := range k.app.keys.Keys(name) {
		shown, err := shownKey(key)
		if err != nil {
			k.app.log.Error("a signing key can't be shown", "domain", name, "selector", key.Selector, "error", err)
			continue
		}
		list = append(list, web.SigningKey{
			Selector: shown.Selector, Kind: shown.Kind, State: shown.State, Since: shown.Since, Problem: shown.Problem, Name: shown.Name, Data: shown.Data,
		})
	}
	return name, list, true
}

// NewKeys implements web.Keys.
func (k keyPages) NewKeys(ctx context.Context, domain string) error {
	return keyFault(k.app.keys.Create(ctx, domain))
}

// ReplaceKeys implements web.Keys.
func (k keyPages) ReplaceKeys(ctx context.Context, domain string) error {
	return keyFault(k.app.keys.Replace(ctx, domain))
}

// DropKey implements web.Keys.
func (k keyPages) DropKey(ctx context.Context, domain, selector string) error {
	return keyFault(k.app.keys.Drop(ctx, domain, selector))
}

// CheckKeys implements web.Keys.
func (k keyPages) CheckKeys(ctx context.Context, domain string) error {
	k.app.keys.Check(ctx, domain)
	return nil
}

func keyFault(err error) error {
	switch {
	case errors.Is(err, signing.ErrHasKeys):
		return web.ErrHasKeys
	case errors.Is(err, signing.ErrWaits):
		return web.ErrKeysWait
	case errors.Is(err, signing.ErrNoKey), errors.Is(err, signing.ErrMakesNone):
		return web.ErrNoKeys
	}
	return err
}
