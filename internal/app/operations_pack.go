package app

import (
	"context"
	"errors"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/pack"
)

func (a *App) packOps(h control.Handlers) {
	control.On(h, a.listPacks)
	control.On(h, a.showPack)
	control.On(h, a.refreshPack)
	control.On(h, a.rollbackPack)
}

func (a *App) listPacks(context.Context, ops.PackList) ([]ops.Pack, error) {
	list := []ops.Pack{}
	for _, s := range a.packs.List() {
		list = append(list, packTold(s))
	}
	return list, nil
}

func (a *App) showPack(_ context.Context, q ops.PackShow) (ops.Pack, error) {
	s, err := a.packs.Status(q.Name)
	return packTold(s), packError(err)
}

func (a *App) refreshPack(ctx context.Context, q ops.PackRefresh) (ops.Pack, error) {
	if err := a.packs.Refresh(ctx, q.Name); err != nil {
		return ops.Pack{}, packError(err)
	}
	s, err := a.packs.Status(q.Name)
	return packTold(s), packError(err)
}

func (a *App) rollbackPack(_ context.Context, q ops.PackRollback) (ops.Pack, error) {
	if err := a.packs.Rollback(q.Name); err != nil {
		return ops.Pack{}, packError(err)
	}
	s, err := a.packs.Status(q.Name)
	return packTold(s), packError(err)
}

func packError(err error) error {
	switch {
	case errors.Is(err, pack.ErrUnknown):
		return control.NotFound("%v", err)
	case errors.Is(err, pack.ErrNoOlder):
		return control.Misused("%v", err)
	}
	return err
}

func packTold(s pack.Status) ops.Pack {
	p := ops.Pack{Name: s.Source.Name, Source: s.Source.URL + s.Source.File, Current: s.Current, Looked: s.Looked, Next: s.Next, Error: s.Err, Versions: []ops.PackVersion{}}
	for _, v := range s.Versions {
		p.Versions = append(p.Versions, ops.PackVersion{
			Number: v.Number, Version: v.Version, Title: v.Title, Came: v.Came, Patterns: v.Patterns, Rules: v.Rules, InForce: v.Number == s.Current, RolledBack: v.Bad,
		})
	}
	return p
}
