package app

import (
	"context"
	"net"
)

// serveWeb answers /metrics, /healthz and /readyz.
func (a *App) serveWeb(ctx context.Context, l net.Listener) error {
	return a.metrics.Serve(ctx, l, a.unready)
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
