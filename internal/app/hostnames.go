package app

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"gatepost/internal/config"
)

const (
	// hostnameKept is for how long the name of a node that is no more is taken for one of ours: readers of
	// mail may trust it as long.
	hostnameKept = 365 * 24 * time.Hour
	// hostnamesTick is how soon a node knows the name of another.
	hostnamesTick = 10 * time.Second
)

// hostnames are the names of all nodes on the database, and of those that were there: what claims to be from
// one of them is ours, or forged, whichever node it comes to (RFC 8601 §5).
type hostnames struct {
	own  string
	rows interface {
		Hostnames(ctx context.Context, name string, now, before time.Time) ([]string, error)
	}
	now  func(context.Context) (now time.Time, old bool) // old: things may be removed by their age
	log  *slog.Logger
	list atomic.Pointer[[]string]
}

// openHostnames makes this node's name known before it takes any mail.
func (a *App) openHostnames(ctx context.Context, c *config.Config) error {
	a.hostnames = &hostnames{own: strings.ToLower(c.Hostname), rows: a.store, now: a.clock.Now, log: a.log}
	return a.hostnames.read(ctx)
}

// all returns the names, lower case.
func (h *hostnames) all() []string { return *h.list.Load() }

func (h *hostnames) read(ctx context.Context) error {
	now, old := h.now(ctx)
	var before time.Time
	if old {
		before = now.Add(-hostnameKept)
	}
	names, err := h.rows.Hostnames(ctx, h.own, now, before)
	if err != nil {
		return err
	}
	h.list.Store(&names)
	return nil
}

// run follows the names until ctx ends.
func (h *hostnames) run(ctx context.Context) error {
	tick := time.NewTicker(hostnamesTick)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := h.read(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			h.log.Error("names of other nodes are not known anew", "error", err)
		}
		failed = err != nil
	}
}
