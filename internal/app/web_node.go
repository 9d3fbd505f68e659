package app

import (
	"context"
	"strings"

	"gatepost/internal/control/ops"
	"gatepost/internal/web"
)

// nodePages is the node as operators see it on the pages.
type nodePages struct{ app *App }

// Reload implements web.Node.
func (n nodePages) Reload(ctx context.Context, who string) (web.Reloaded, []string) {
	n.app.log.Info("reload: asked for on the pages", "by", who)
	r, err := n.app.reload(ctx, ops.Reload{})
	if err != nil {
		return web.Reloaded{}, strings.Split(strings.TrimPrefix(err.Error(), oldStays+"\n"), "\n")
	}
	return web.Reloaded{Changed: r.Changed, NeedsRestart: r.NeedsRestart}, nil
}
