package app

import (
	"context"
	"fmt"

	"gatepost/internal/config"
	"gatepost/internal/outbreak"
)

// openOutbreak makes what counts to whom new files go, and reads what is known already.
func (a *App) openOutbreak(ctx context.Context, _ *config.Config) error {
	key, err := a.store.Secret(ctx, "outbreak")
	if err != nil {
		return fmt.Errorf("app: outbreak: %w", err)
	}
	a.outbreak = outbreak.New(outbreak.Config{Rows: a.store.Outbreak(), Key: key, Log: a.log, Now: a.now, Old: a.clock.Now})
	return nil
}
