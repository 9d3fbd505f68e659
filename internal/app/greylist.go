package app

import (
	"context"
	"fmt"

	"gatepost/internal/config"
	"gatepost/internal/greylist"
)

func (a *App) openGreylist(ctx context.Context, _ *config.Config) error {
	key, err := a.store.Secret(ctx, "greylist")
	if err != nil {
		return fmt.Errorf("app: greylist: %w", err)
	}
	rows := a.store.Greylist()
	a.greylist, err = greylist.New(greylist.Config{
		Rows: rows, Chores: rows, Desk: rows, Key: key, Log: a.log, Observer: a.metrics.Greylist(),
		Old: a.clock.Now, Now: a.now,
	})
	return err
}
