package app

import (
	"context"
	"io/fs"
	"os"
	"time"

	"gatepost/internal/config"
	"gatepost/internal/scripts"
)

// openRules has the Sieve scripts of mailboxes at hand.
func (a *App) openRules(ctx context.Context, c *config.Config) (err error) {
	var global fs.FS
	if c.Sieve.Global != "" {
		global = os.DirFS(c.Sieve.Global)
	}
	a.rules, err = scripts.New(ctx, scripts.Config{Rows: a.store.Scripts(), Folders: a.mailboxes, Global: global, Log: a.log})
	return err
}

// forgetRules removes, each hour, what scripts remember no longer.
func (a *App) forgetRules(ctx context.Context) error {
	const atOnce = 1000 // mail waits for one commit
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if now, ok := a.clock.Now(ctx); ok {
			for n := atOnce; n == atOnce; {
				var err error
				if n, err = a.store.Scripts().Forget(ctx, now, atOnce); err != nil && ctx.Err() == nil {
					a.log.Error("memory of rules not expired", "error", err)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
