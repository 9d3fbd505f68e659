package app

import (
	"context"

	"gatepost/internal/config"
	"gatepost/internal/web"
)

// openWeb makes the pages. Each part of them has its adapter in a file web_PART.go.
func (a *App) openWeb(ctx context.Context, c *config.Config) error {
	key, err := a.store.Secret(ctx, "web")
	if err != nil {
		return err
	}
	a.site, err = web.New(web.Config{
		URL: c.Web.URL, Proxies: c.Web.Proxies, Metrics: c.Web.Metrics, Health: a.metrics.Handler(a.unready),
		Language: c.Digest.Language, Zone: c.Digest.Zone, Key: key,
		Log: a.log, Now: a.now,
	})
	return err
}

// unready says what keeps the node from taking mail.
func (a *App) unready(context.Context) (reasons []string) {
	for _, part := range []interface{ Err() error }{a.store, a.blobs, a.days} {
		if err := part.Err(); err != nil {
			reasons = append(reasons, err.Error())
		}
	}
	if err := a.blobs.Full(); err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}
