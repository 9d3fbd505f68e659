package app

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"gatepost/internal/ban"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (a *App) banOps(h control.Handlers) {
	control.On(h, a.listBans)
	control.On(h, func(ctx context.Context, q ops.BanAdd) (ops.Ban, error) {
		network, err := ban.ParseNetwork(q.Network)
		if err != nil {
			return ops.Ban{}, control.Misused("%v", err)
		}
		if q.For < 0 {
			return ops.Ban{}, control.Misused("the ban would be over since %v; give a time from now, or none", -q.For)
		}
		if q.For > maxBan {
			return ops.Ban{}, control.Misused("a ban of %v: at most %v; who is to be kept out for good belongs into the block list", q.For, maxBan)
		}
		b, err := a.bans.Add(ctx, network, q.For, admin, q.Note)
		return a.banShown(b), banTold(err)
	})
	control.On(h, func(ctx context.Context, q ops.BanLift) (ops.Ban, error) {
		b, err := a.bans.Lift(ctx, q.What, byCommand(ctx), q.Reason)
		return a.banShown(b), banTold(err)
	})
	control.On(h, func(ctx context.Context, q ops.BanShow) ([]ops.Ban, error) {
		list, err := a.bans.Of(ctx, q.What)
		if errors.Is(err, ban.ErrNone) {
			err = control.NotFound("%s: %v", q.What, ban.ErrNone)
		}
		return a.bansShown(list), banTold(err)
	})
}

// maxBan bounds a ban by hand.
const maxBan = 366 * 24 * time.Hour

// banTold gives an error of package ban the kind that decides a command's exit status.
func banTold(err error) error {
	switch {
	case errors.Is(err, ban.ErrNone):
		return control.NotFound("%v", err)
	case errors.Is(err, ban.ErrNever), errors.Is(err, ban.ErrNetwork):
		return control.Misused("%v", err)
	}
	return err
}

func (a *App) listBans(ctx context.Context, q ops.BanList) ([]ops.Ban, error) {
	query := ban.Query{Cause: ban.Cause(q.Cause), Active: !q.All, After: q.After, Limit: q.Limit}
	if q.Cause != "" && !query.Cause.Known() {
		return nil, control.Misused("%q is no cause of a ban; there are %v", q.Cause, ban.Causes())
	}
	if q.Network != "" {
		network, err := ban.ParseNetwork(q.Network)
		if err != nil {
			return nil, control.Misused("%v", err)
		}
		query.Networks = []netip.Prefix{network}
	}
	list, err := a.bans.Bans(ctx, query)
	return a.bansShown(list), err
}

func (a *App) bansShown(bans []ban.Ban) []ops.Ban {
	list := []ops.Ban{}
	for _, b := range bans {
		list = append(list, a.banShown(b))
	}
	return list
}

func (a *App) banShown(b ban.Ban) ops.Ban {
	shown := ops.Ban{
		ID: b.ID, Network: b.Network.String(), Cause: string(b.Cause), Note: b.Note, Who: b.Who, Step: b.Step, Active: b.Active(a.bans.Now()),
		Imposed: b.Imposed, Until: b.Until, Hits: b.Hits, LastHit: b.LastHit, Lifted: b.Lifted, LiftedBy: b.LiftedBy, Reason: b.Reason,
	}
	if shown.Active {
		shown.Void = a.voids(b.Network)
	}
	return shown
}
